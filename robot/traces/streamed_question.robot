*** Settings ***
Documentation    A question is asked whose answer the agent streams. Its trace must be whole once the last event has
...              come, and say as much as the trace of a question that is answered in one piece.

Resource         ../../resources/capabilities.resource
Resource         ../../resources/collector.resource
Resource         ../../resources/contracts.resource
Resource         ../../resources/questions.resource
Resource         ../../resources/traces.resource

Suite Setup      Ask By Stream

Test Tags        traces    streaming    weather-agent


*** Test Cases ***
The Agent Streams Its Answer To The End
    [Documentation]    Events come until the task is completed, and together they are an answer.
    IF    $STREAMED.failure
        Fail    The agent did not answer ${STREAMED.text} by stream: ${STREAMED.failure}
    END
    VAR    ${after} =    ${{round($STREAMED.seconds, 1)}}
    Set Test Message    ${STREAMED.events} events; the last one came ${after} s after the question.

A Streamed Question's Trace Is Whole Once Its Last Event Has Come
    [Documentation]    MLflow has one whole trace of this context. It fulfils the contract of a question that is
    ...    answered in one piece: the agent's span lasts until the answer is complete, and has all of it.
    [Tags]    mlflow    otel-collector    contract
    ${trace} =    Wait For Whole Trace In MLflow    ${STREAMED}    ${METRICS_BEFORE}
    ${arrival} =    Record Arrival Time    MLflow    ${STREAMED}    ${trace}
    Trace Should Say What Was Streamed    mlflow    ${trace}
    Set Test Message    MLflow: ${arrival}

Phoenix Holds The Same Trace Of A Streamed Question
    [Documentation]    Phoenix has this trace too, with the same spans as MLflow, and it fulfils its contract.
    [Tags]    phoenix    mlflow    otel-collector    contract
    Skip Unless Deployed    phoenix
    ${trace} =    Wait For Whole Trace In MLflow    ${STREAMED}    ${METRICS_BEFORE}
    ${same} =    Wait For Whole Trace In Phoenix    ${STREAMED}    ${METRICS_BEFORE}    ${trace}
    Trace Should Say What Was Streamed    phoenix    ${same}
    ${copied} =    Read Copied Attributes
    Traces Should Have The Same Spans    ${trace}    ${same}    ${copied}


*** Keywords ***
Ask By Stream
    [Documentation]    Skip where the agent's card offers no streaming; otherwise ask about the settings' city.
    Skip Unless Deployed    streaming
    ${before} =    Read Collector Metrics Or None
    ${text} =    Get Question About    ${CITY}
    ${question} =    Ask In New Context    ${text}    stream=${True}
    VAR    ${METRICS_BEFORE} =    ${before}    scope=SUITE
    VAR    ${STREAMED} =    ${question}    scope=SUITE

Trace Should Say What Was Streamed
    [Documentation]    Fail unless the events hold what only the tool can know, and the trace fulfils its contract.
    [Arguments]    ${backend}    ${trace}
    ${contract} =    Get Contract    one-tool    ${backend}
    ${canaries} =    Get Canaries    ${STREAMED}    ${trace}    ${contract}    ${CITY}
    FOR    ${canary}    IN    @{canaries}
        Should Contain    ${STREAMED.answer}    ${canary}
        ...    msg=The events lack ${canary} of the tool's output: ${STREAMED.answer}
        ...    values=False
    END
    Trace Should Fulfil Contract    ${trace}    ${contract}    ${STREAMED}    ${canaries}    ${1}
