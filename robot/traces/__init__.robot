*** Settings ***
Documentation     A question's own trace arrives whole in MLflow and in Phoenix and says what happened.

Resource          ../../resources/findings.resource
Resource          ../../resources/traces.resource

Suite Setup       Report Contracts
Suite Teardown    Report What Was Seen


*** Keywords ***
Report What Was Seen
    [Documentation]    Write arrival times, oddities and tolerances into the report.
    Report Arrival Times
    Report Findings
