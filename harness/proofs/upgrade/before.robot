*** Settings ***
Documentation    MLflow's previous minor on an empty database: a question is asked, and it and its trace are kept.

Resource         upgrade.resource

Suite Setup      Connect To The Cluster

Test Tags        upgrade


*** Test Cases ***
The Previous Release Of MLflow Is Deployed
    [Documentation]    The release that is upgraded from is the one that answers.
    MLflow Release Should Be    ${VERSION}

A Question's Trace Is Whole In The Previous Release
    [Documentation]    The trace that must survive fulfils its contract before the upgrade.
    ${question}    ${trace} =    Ask And Check The Trace
    ${experiment_id} =    Get Experiment Id Of Collector
    Keep Trace
    ...    ${FILE}
    ...    ${{dataclasses.asdict($question)}}
    ...    ${experiment_id}
    ...    ${{dataclasses.asdict($trace)}}
