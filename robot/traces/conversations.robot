*** Settings ***
Documentation    Conversations: several turns in one context are several traces of one session, and conversations that
...              are held at the same time never mix.

Library          ../../libraries/contracts/
Resource         ../../resources/kinds-of-questions.resource
Resource         ../../resources/questions.resource
Resource         ../../resources/traces.resource

# Their traces come while these tests wait for others.
Suite Setup      Start Every Kind Of Question Where Judged

Test Tags        traces    conversations    mlflow    weather-agent


*** Test Cases ***
The Turns Of A Conversation Are Several Traces Of One Session
    [Documentation]    Three questions in one context make three traces, which MLflow's session filter, the one that its
    ...    sessions view uses, finds together and in order; each is about its own turn only.
    VAR    @{cities} =    @{CITIES}[:3]
    ${before} =    Read Collector Metrics Or None
    ${questions} =    Hold A Conversation    @{cities}
    ${arrivals} =    Wait For Conversations    ${questions}
    ${why} =    Explain Incomplete Conversations    ${questions}    ${arrivals}    ${before}
    ${contract} =    Get Contract    one-tool    mlflow
    VAR    @{canaries} =    @{EMPTY}
    FOR    ${question}    ${arrival}    ${city}    IN ZIP    ${questions}    ${arrivals}    ${cities}    mode=SHORTEST
        ${of_turn} =    Get Canaries    ${question}    ${arrival.trace}    ${contract}    ${city}
        VAR    @{canaries} =    @{canaries}    ${of_turn}
    END
    Turns Should Have Their Own Traces    ${questions}    ${arrivals}    ${canaries}    ${contract}    ${why}

Conversations At The Same Time Never Mix
    [Documentation]    As many questions at once as there are cities in the settings, each in a context of its own: each
    ...    has one trace with exactly its own canary. One search finds them all. Reports their arrival times.
    ${before} =    Read Collector Metrics Or None
    ${questions} =    Ask In Contexts At Once    @{CITIES}
    ${arrivals} =    Wait For Conversations    ${questions}
    ${why} =    Explain Incomplete Conversations    ${questions}    ${arrivals}    ${before}
    Note Arrival Times    MLflow    ${questions}    ${arrivals}
    ${contract} =    Get Contract    one-tool    mlflow
    ${canaries} =    Get Canaries Of Conversations    ${questions}    ${arrivals}    ${contract}    ${CITIES}
    VAR    @{found} =    ${questions}    ${arrivals}    ${canaries}
    ${times} =    Conversations Should Have Their Own Traces    @{found}    ${contract}    ${why}
    Set Test Message    ${times}
