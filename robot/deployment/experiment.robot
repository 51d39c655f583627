*** Settings ***
Documentation    The experiment for the traces exists, and the collector sends to it. An MLflow of this
...              project answers 503 to a wrong id, and the spans wait; another one answers 404, and they are lost.
...              To a deleted experiment it answers 200 and hides the traces.

Resource         ../../resources/collector.resource
Resource         ../../resources/mlflow.resource

Test Tags        deployment    mlflow


*** Test Cases ***
The Experiment For The Traces Is Active In MLflow
    [Documentation]    MLflow has the experiment, and nobody deleted it.
    ${experiment} =    Get Experiment
    Should Be Equal    ${experiment}[lifecycle]    active
    ...    msg=The experiment ${experiment}[name] is ${experiment}[lifecycle]: MLflow takes its traces and hides them.
    ...    values=False

The Collector Sends To The Experiment For The Traces
    [Documentation]    The id in the collector's header is of an experiment; where EXPERIMENT_NAME is set, of that one.
    [Tags]    otel-collector
    ${id} =    Get Experiment Id
    ${sent_to} =    Get Experiment Id Of Collector
    Should Be Equal    ${sent_to}    ${id}
    ...    msg=The collector sends to experiment ${sent_to}, but ${EXPERIMENT_NAME} is experiment ${id}.
    ...    values=False
