*** Settings ***
Documentation    MLflow's previous minor on an empty database: a question is asked, and it and its trace are kept.

Resource         upgrade.resource

Suite Setup      Connect To The Cluster

Test Tags        upgrade


*** Test Cases ***
The Previous Release Of MLflow Answers
    [Documentation]    What is to be upgraded is really what is deployed.
    Release Of MLflow Should Be    ${VERSION}

A Question's Trace Is Whole In The Previous Release
    [Documentation]    The trace that must survive fulfils its contract before the upgrade.
    ${question}    ${trace} =    Ask And Judge
    ${experiment} =    Get Experiment Id Of Collector
    Keep    ${FILE}    ${question}    ${experiment}    ${trace}
