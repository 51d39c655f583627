*** Settings ***
Documentation    After the upgrade of MLflow: the trace from before is there as it was, and new ones come to it.

Resource         upgrade.resource

Suite Setup      Connect To The Cluster And Remember

Test Tags        upgrade


*** Test Cases ***
The Upgraded MLflow Answers
    [Documentation]    The release that the overlay names is the one that answers.
    Release Of MLflow Should Be    ${VERSION}

The Experiment Is The Same
    [Documentation]    The collector sends to the experiment that the old traces are in.
    ${experiment} =    Get Experiment Id Of Collector
    Should Be Equal    ${experiment}    ${BEFORE}[experiment_id]
    ...    msg=The collector sends to experiment ${experiment}; the old traces are in ${BEFORE}[experiment_id].
    ...    values=False

The Trace From Before The Upgrade Is As It Was
    [Documentation]    It is found by its context, fulfils its contract, and every value is the one that was kept.
    ${trace} =    Wait For Whole Trace In MLflow    ${BEFORE}[question]    ${None}
    Judge    ${trace}    ${BEFORE}[question]
    Trace Should Be As It Was    ${trace}    ${BEFORE}[trace]

A New Question's Trace Is Whole
    [Documentation]    The upgraded MLflow takes new spans.
    Ask And Judge


*** Keywords ***
Connect To The Cluster And Remember
    [Documentation]    Read what was kept before the upgrade.
    Connect To The Cluster
    ${before} =    Read What Was Kept    ${FILE}
    VAR    ${BEFORE} =    ${before}    scope=SUITE
