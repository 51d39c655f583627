*** Settings ***
Documentation    After the upgrade of MLflow: the trace from before is there as it was, and new ones come to it.

Resource         upgrade.resource

Suite Setup      Connect To The Cluster And Read What Was Kept

Test Tags        upgrade


*** Test Cases ***
The New Release Of MLflow Is Deployed
    [Documentation]    The release that the overlay names is the one that answers.
    MLflow Release Should Be    ${VERSION}

The Collector Sends To The Experiment From Before The Upgrade
    [Documentation]    New traces come to where the old ones are.
    ${experiment_id} =    Get Experiment Id Of Collector
    Should Be Equal    ${experiment_id}    ${BEFORE}[experiment_id]
    ...    msg=The collector sends to experiment ${experiment_id}; the old traces are in ${BEFORE}[experiment_id].
    ...    values=False

The Trace From Before The Upgrade Is Unchanged
    [Documentation]    It is found by its session, fulfils its contract, and every value is the one that was kept.
    VAR    &{question} =    &{BEFORE}[question]
    Use The Deployed MLflow
    ${trace} =    Wait For Trace In MLflow    ${question.context_id}    ${BEFORE}[experiment_id]    ${LIMITS}[trace]
    IF    $trace is None
        Fail    MLflow lost the trace from before the upgrade: it finds none of session ${question.context_id}.
    END
    Trace Should Fulfil The Weather Contract    ${trace}    ${question}
    Trace Should Be Unchanged    ${{dataclasses.asdict($trace)}}    ${BEFORE}[trace]

A New Question's Trace Is Whole
    [Documentation]    The upgraded MLflow takes new spans.
    Ask And Check The Trace


*** Keywords ***
Connect To The Cluster And Read What Was Kept
    [Documentation]    Read the question and the trace from before the upgrade.
    Connect To The Cluster
    ${before} =    Read Kept Trace    ${FILE}
    VAR    ${BEFORE} =    ${before}    scope=SUITE
