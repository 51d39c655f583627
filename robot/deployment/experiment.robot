*** Settings ***
Documentation    The experiment that the traces go to exists, and the collector sends to it. A wrong id is answered with
...              404, and a deleted experiment with 200 while MLflow hides the traces.

Resource         ../../resources/collector.resource
Resource         ../../resources/mlflow.resource

Test Tags        deployment    mlflow


*** Test Cases ***
The Experiment For The Traces Is Active In MLflow
    [Documentation]    MLflow has the experiment under its name, and nobody deleted it.
    ${experiment} =    Get Experiment Or None
    IF    $experiment is None
        Fail    MLflow has no experiment named ${EXPERIMENT_NAME}.
    END
    Should Be Equal    ${experiment}[lifecycle]    active
    ...    msg=The experiment ${EXPERIMENT_NAME} is ${experiment}[lifecycle]: MLflow takes its traces and hides them.
    ...    values=False

The Collector Sends To That Experiment
    [Documentation]    The id in the collector's header is that of the experiment by its name.
    [Tags]    otel-collector
    ${id} =    Get Experiment Id
    ${sent_to} =    Get Experiment Id Of Collector
    Should Be Equal    ${sent_to}    ${id}
    ...    msg=The collector sends to experiment ${sent_to}, but ${EXPERIMENT_NAME} is experiment ${id}.
    ...    values=False
