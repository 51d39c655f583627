*** Settings ***
Documentation     A question's own trace arrives whole in MLflow and in Phoenix and says what happened.

Resource          ../../resources/findings.resource
Resource          ../../resources/run-question.resource
Resource          ../../resources/traces.resource

Suite Setup       Begin With The Question
Suite Teardown    Report What Was Seen


*** Keywords ***
Begin With The Question
    [Documentation]    Write into the report how the agent is asked, and which contracts hold; find out whether the
    ...    traces arrive at all.
    Report Agent
    Report Contracts
    Diagnose Traces

Report What Was Seen
    [Documentation]    Write arrival times, oddities and tolerances into the report.
    Report Arrival Times
    Report Findings
