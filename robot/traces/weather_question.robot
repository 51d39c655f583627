*** Settings ***
Documentation    A question is asked of the weather agent in a new context. Its own trace, found by that context and
...              never another one, must arrive whole in MLflow and in Phoenix and say what really happened.

Resource         ../../resources/collector.resource
Resource         ../../resources/questions.resource
Resource         ../../resources/traces.resource

Suite Setup      Ask One Question

Test Tags        traces


*** Test Cases ***
The Agent Answers With What Its Tool Said
    [Documentation]    The answer holds the canary: the station and temperature that only the tool can know.
    [Tags]    weather-agent    weather-tool    model
    IF    $QUESTION.failure
        Fail    The agent did not answer ${QUESTION.text}: ${QUESTION.failure}
    END
    Should Contain    ${QUESTION.answer}    ${WEATHER}[station]
    ...    msg=The answer does not come from the tool, whose station is ${WEATHER}[station]: ${QUESTION.answer}
    ...    values=False
    Should Contain    ${QUESTION.answer}    ${{str($WEATHER['temperature_celsius'])}}
    ...    msg=The answer lacks the tool's temperature, ${WEATHER}[temperature_celsius]: ${QUESTION.answer}
    ...    values=False

The Question's Trace Arrives Whole In MLflow
    [Documentation]    MLflow has one trace of this context, with its root and without orphans, in time.
    [Tags]    mlflow    otel-collector
    ${trace} =    Wait For Whole Trace In MLflow    ${QUESTION}    ${BEFORE}
    VAR    ${MLFLOW_TRACE} =    ${trace}    scope=SUITE
    ${told} =    Record Arrival Time    MLflow    ${QUESTION}    ${trace}
    Set Test Message    ${told}

The Trace In MLflow Says What Happened
    [Documentation]    The trace fulfils its contract: AGENT above LLM and TOOL, the canary from tool to answer, tokens.
    [Tags]    mlflow    contract
    IF    $MLFLOW_TRACE is None
        Fail    There is no trace to judge: none arrived whole in MLflow, see the test for that.
    END
    Trace Should Fulfil Contract
    ...    ${MLFLOW_TRACE}
    ...    ${CONTRACT}
    ...    ${QUESTION}
    ...    ${{[$WEATHER['station']]}}

The Same Trace Arrives Whole In Phoenix
    [Documentation]    Phoenix, which stores asynchronously, has this trace too, with as many spans as MLflow, in time.
    [Tags]    phoenix    otel-collector
    Skip Unless The Overlay Has Phoenix
    ${trace} =    Wait For Whole Trace In Phoenix    ${QUESTION}    ${BEFORE}    ${MLFLOW_TRACE}
    VAR    ${PHOENIX_TRACE} =    ${trace}    scope=SUITE
    ${told} =    Record Arrival Time    Phoenix    ${QUESTION}    ${trace}
    Set Test Message    ${told}

Phoenix Holds The Same Spans As MLflow
    [Documentation]    The same spans in both: tree, names, kinds, times, status, tokens, inputs and outputs, as a table
    ...    in the log; only what differs by nature may differ. And Phoenix's fulfil the contract.
    [Tags]    phoenix    mlflow    contract
    Skip Unless The Overlay Has Phoenix
    IF    $MLFLOW_TRACE is None or $PHOENIX_TRACE is None
        Fail    There are no two traces to compare: see the tests for each backend.
    END
    Traces Should Have The Same Spans    ${MLFLOW_TRACE}    ${PHOENIX_TRACE}
    Trace Should Fulfil Contract
    ...    ${PHOENIX_TRACE}
    ...    ${CONTRACT}
    ...    ${QUESTION}
    ...    ${{[$WEATHER['station']]}}


*** Keywords ***
Ask One Question
    [Documentation]    Read the collector's counters, then ask; what fails is judged by the tests.
    VAR    ${MLFLOW_TRACE} =    ${None}    scope=SUITE
    VAR    ${PHOENIX_TRACE} =    ${None}    scope=SUITE
    ${weather} =    Get Expected Weather    ${CITY}
    VAR    ${WEATHER} =    ${weather}    scope=SUITE
    ${before} =    Read Collector Metrics Or None
    VAR    ${BEFORE} =    ${before}    scope=SUITE
    ${question} =    Ask About The Weather    What is the weather in ${CITY}?
    VAR    ${QUESTION} =    ${question}    scope=SUITE
