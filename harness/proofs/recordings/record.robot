*** Settings ***
Documentation    Asks the deployed weather agent a question of each kind, and records in tests/recorded what MLflow and
...              Phoenix store of it. Nothing in the cluster is changed. `tox -e record` records the first seven,
...              `tox -e record -- --task "No Tool"` one. The last two need a stack with components/genai-transform,
...              whose agent has the INSTRUMENTATIONS of their names: `tox -e record -- --task GenAI`.

Resource         recordings.resource

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
    [Documentation]    Record a question with the contract of the weather agent that its name says.
    [Arguments]    ${name}    ${text}    ${tool_calls}    @{cities}
    Record Question With Contract    weather-${name.split('/')[1]}    ${name}    ${text}    ${tool_calls}    @{cities}
