*** Settings ***
Documentation    Asks the deployed weather agent a question of each kind, and records in tests/recorded what MLflow and
...              Phoenix store of it. Nothing in the cluster is changed. `tox -e record` records the first seven,
...              `tox -e record -- --task "No Tool"` one. The last two need a stack with components/genai-transform,
...              whose agent has the INSTRUMENTATIONS of their names: `tox -e record -- --task GenAI`.

Resource         recordings.resource
Resource         ../../../resources/collector.resource
Resource         ../../../resources/mlflow.resource
Resource         ../../../resources/questions.resource
Resource         ../../../resources/traces.resource

Task Template    Record Question


*** Tasks ***    RECORDING    QUESTION    TOOL CALLS    CITIES WHOSE WEATHER IS ANSWERED
One Tool
    own/one-tool    What is the weather in Paris?    ${1}    Paris
Several Tools
    own/several-tools    What is the weather in Paris, Rome and Oslo?    ${3}    Paris    Rome    Oslo
No Tool
    own/no-tool    Hello, who are you?    ${0}
Tool Fails
    own/tool-fails    What is the weather in Atlantis?    ${1}
One Of Several Tools Fails
    own/one-of-several-tools-fails    What is the weather in Paris, Atlantis and Oslo?    ${3}    Paris    Oslo
Model Fails After Tool
    own/model-fails-after-tool    What is the weather in Paris? model-fails-after-tool-with-500    ${1}    Paris
Model Fails
    own/model-fails    What is the weather in Paris? model-fails-with-500    ${0}
GenAI
    [Tags]    genai-transform
    genai/genai    What is the weather in Paris?    ${1}    Paris
Both Instrumentations
    [Tags]    genai-transform
    genai/both-instrumentations    What is the weather in Paris?    ${1}    Paris


*** Keywords ***
Record Question
    [Documentation]    Ask, wait until the trace is whole in both backends, and write the recording.
    [Arguments]    ${name}    ${text}    ${tool_calls}    @{cities}
    ${question} =    Ask In New Context    ${text}
    ${trace} =    Wait Until Both Backends Have The Trace    ${question}
    VAR    ${contract} =    weather-${name.split('/')[1]}
    ${rules} =    Read Contract    ${contract}.yaml
    ${canaries} =    Get Canaries    ${question}    ${trace}    ${rules}    @{cities}
    VAR    &{known} =
    ...    contract=${contract}
    ...    session=${question.context_id}
    ...    question=${text}
    ...    canaries=${canaries}
    ...    tool_calls=${tool_calls}
    Write Recording    ${name}    ${trace.trace_id}    ${known}

Wait Until Both Backends Have The Trace
    [Documentation]    Return the question's trace when MLflow has it whole and Phoenix has as many spans.
    [Arguments]    ${question}
    ${experiment_id} =    Get Experiment Id
    ${trace} =    Wait For Trace In MLflow    ${question.context_id}    ${experiment_id}    ${LIMITS}[trace]
    IF    $trace is None or not $trace.is_whole
        Fail    MLflow has no whole trace of ${question.text} within ${LIMITS}[trace] s. ${question.failure}
    END
    VAR    ${spans} =    ${{len($trace.spans)}}
    ${phoenix} =    Get Entry Point    phoenix
    ${same} =    Wait For Trace In Phoenix
    ...    ${phoenix}
    ...    ${PHOENIX_PROJECT}
    ...    ${question.context_id}
    ...    ${spans}
    ...    ${LIMITS}[phoenix]
    IF    $same is None or len($same.spans) < $spans
        Fail    Phoenix has not all ${spans} spans of trace ${trace.trace_id} within ${LIMITS}[phoenix] s.
    END
    RETURN    ${trace}
