*** Settings ***
Documentation    A question is asked of the weather agent in a new context. Its own trace, found by that context and
...              never another one, must arrive whole in MLflow and in Phoenix and say what really happened.

Resource         ../../resources/capabilities.resource
Resource         ../../resources/run-question.resource

Suite Setup      Ask The Question

Test Tags        traces    weather-agent


*** Test Cases ***
The Agent Answers With What Its Tool Said
    [Documentation]    The answer holds what only the tool can know: station and temperature of a tool with a seed, and
    ...    of any other tool a value that stands in its output.
    [Tags]    answer    weather-tool    model
    Agent Should Have Answered    ${ASKED}
    ${seed} =    Read Seed Of Tool
    IF    $seed and $CITY in $ASKED.text
        Answer Should Be The Computed Weather    ${seed}
    ELSE
        ${trace} =    Get Trace From MLflow
        ${contract} =    Get Contract    one-tool    mlflow
        ${canaries} =    Get Canaries    ${ASKED}    ${trace}    ${contract}    ${CITY}
        VAR    ${said} =    ${{', '.join($canaries) or 'unknown, for it has no value that only the tool can know'}}
        Set Test Message    The answer says of the tool's output: ${said}.
    END

The Question's Trace Arrives Whole In MLflow
    [Documentation]    MLflow has one trace of this context, with its root and without orphans, in time.
    [Tags]    arrival    mlflow    otel-collector
    Wait For Trace Once    MLflow
    Set Test Message    ${{$ARRIVALS.get('MLflow', '')}}

The Trace In MLflow Says What Happened
    [Documentation]    The trace fulfils its contract: AGENT above LLM and TOOL, the canary from tool to answer, tokens.
    [Tags]    mlflow    contract
    ${trace} =    Get Trace From MLflow
    Trace Should Say What Happened    mlflow    ${trace}

The Same Trace Arrives Whole In Phoenix
    [Documentation]    Phoenix, which stores asynchronously, has this trace too, with as many spans as MLflow, in time.
    [Tags]    arrival    phoenix    otel-collector
    Skip Unless Deployed    phoenix
    Wait For Trace Once    Phoenix
    Set Test Message    ${{$ARRIVALS.get('Phoenix', '')}}

The Trace In Phoenix Says What Happened
    [Documentation]    The trace fulfils its contract in Phoenix too.
    [Tags]    phoenix    contract
    Skip Unless Deployed    phoenix
    ${trace} =    Get Trace From Phoenix
    Trace Should Say What Happened    phoenix    ${trace}

Phoenix Holds The Same Spans As MLflow
    [Documentation]    The same spans in both: tree, names, kinds, times, status, tokens, inputs and outputs, as a table
    ...    in the log; only what differs by nature may differ.
    [Tags]    phoenix    mlflow    contract
    Skip Unless Deployed    phoenix
    ${one} =    Get Trace From MLflow
    ${other} =    Get Trace From Phoenix
    Phoenix Should Hold The Same Spans    ${ASKED}    ${one}    ${other}


*** Keywords ***
Answer Should Be The Computed Weather
    [Documentation]    Fail unless the answer holds station and temperature that follow from the city and the seed.
    [Arguments]    ${seed}
    ${weather} =    Compute Weather    ${CITY}    ${seed}
    Should Contain    ${ASKED.answer}    ${weather}[station]
    ...    msg=The answer does not come from the tool, whose station is ${weather}[station]: ${ASKED.answer}
    ...    values=False
    Should Contain    ${ASKED.answer}    ${{str($weather['temperature_celsius'])}}
    ...    msg=The answer lacks the tool's temperature, ${weather}[temperature_celsius]: ${ASKED.answer}
    ...    values=False

Trace Should Say What Happened
    [Documentation]    Fail unless the question's trace fulfils its contract in a backend, with the tool's canaries.
    [Arguments]    ${backend}    ${trace}
    ${contract} =    Get Contract    one-tool    ${backend}
    ${canaries} =    Get Canaries    ${ASKED}    ${trace}    ${contract}    ${CITY}
    Trace Should Fulfil Contract    ${trace}    ${contract}    ${ASKED}    ${canaries}    ${1}
