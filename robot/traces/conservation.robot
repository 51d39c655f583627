*** Settings ***
Documentation    No span is lost or doubled on its way: for a batch of questions the spans that ended in the agent are
...              what the collector's receiver accepted, what each exporter sent and what each backend stores. How many
...              ended in the agent follows from the contract, as the agent itself does not count them. Spans that
...              others send meanwhile are told, not counted as ours, and must be conserved too.

Library          Collections
Library          ../../libraries/conservation.py
Resource         ../../resources/pipeline.resource

Test Tags        traces    conservation    otel-collector


*** Variables ***
# Spans of a question about one city, as contract weather-one-tool demands: AGENT, 6 CHAIN, 2 LLM, TOOL.
${SPANS}    ${10}


*** Test Cases ***
Every Span Of A Batch Is Accepted, Sent And Stored Once
    [Documentation]    From the agent to each backend, hop by hop, between two readings of the collector's metrics:
    ...    nothing is refused, failed, dropped or left in a queue.
    [Tags]    mlflow    phoenix    weather-agent
    ${exporters} =    Exporters Of The Collector
    ${before} =    Readable Metrics
    ${started} =    Evaluate    int(time.time() * 1000)
    ${questions}    ${prefix} =    Ask The Batch
    ${stored} =    Spans In The Backends    ${questions}    ${prefix}    ${exporters}
    VAR    ${ended} =    ${{len($questions) * $SPANS}}
    ${foreign} =    Wait Until Keyword Succeeds    ${LIMITS}[trace]    500ms
    ...    Books Should Balance    ${before}    ${exporters}    ${ended}    ${stored}
    Tell Of The Batch    ${ended}    ${foreign}    ${prefix}    ${started}


*** Keywords ***
Ask The Batch
    [Documentation]    Ask the batch's questions at once; return them, all answered, and what their contexts begin with.
    ${prefix} =    New Context
    ${agent} =    Entry Point Of    weather-agent
    VAR    @{texts} =    @{{['What is the weather in ' + city + '?' for city in $CITIES[:$BATCH]]}}
    ${questions} =    Ask At Once    ${agent}    ${texts}    ${prefix}    ${LIMITS}[answer]
    FOR    ${question}    IN    @{questions}
        IF    $question.failure
            Fail    The agent did not answer ${question.text}: ${question.failure}
        END
    END
    RETURN    ${questions}    ${prefix}

Exporters Of The Collector
    [Documentation]    Return the exporters to the backends that this overlay has, by backend.
    VAR    &{exporters} =    &{EMPTY}
    FOR    ${backend}    IN    mlflow    phoenix
        ${exporter} =    Exporter To    ${backend}
        IF    $exporter is not None
            Set To Dictionary    ${exporters}    ${backend}=${exporter}
        END
    END
    IF    not $exporters    Fail    The collector exports traces to no backend.
    RETURN    ${exporters}

Readable Metrics
    [Documentation]    Return the collector's metrics now; fail when they cannot be read.
    ${metrics}    ${unreadable} =    Metrics Of The Collector
    IF    $unreadable    Fail    Spans cannot be counted: ${unreadable}
    RETURN    ${metrics}

Books Should Balance
    [Documentation]    Read the metrics again and fail unless every hop has what the one before it had.
    [Arguments]    ${before}    ${exporters}    ${ended}    ${stored}
    ${after} =    Readable Metrics
    ${foreign} =    Spans Should Be Conserved    ${before}    ${after}    ${exporters}    ${ended}    ${stored}
    RETURN    ${foreign}

Spans In The Backends
    [Documentation]    Return how many spans of the questions each backend stores, when all are there or time is up.
    [Arguments]    ${questions}    ${prefix}    ${exporters}
    VAR    &{stored} =    &{EMPTY}
    IF    'mlflow' in $exporters
        ${id} =    Experiment Of The Agent
        ${sightings} =    Wait For Conversations In MLflow
        ...    ${prefix}    ${id}    ${{len($questions)}}    ${SPANS}    ${LIMITS}[trace]
        Set To Dictionary    ${stored}    mlflow=${{sum(len(each.trace.spans) for each in $sightings)}}
    END
    IF    'phoenix' in $exporters
        VAR    ${count} =    ${0}
        FOR    ${question}    IN    @{questions}
            ${trace}    ${error} =    Look For Trace In Phoenix    ${question}    ${SPANS}
            IF    $error    Fail    ${error}
            VAR    ${count} =    ${{$count + (len($trace.spans) if $trace else 0)}}
        END
        Set To Dictionary    ${stored}    phoenix=${count}
    END
    RETURN    ${stored}

Experiment Of The Agent
    [Documentation]    Return the id of the experiment that the traces go to.
    Use The Deployed MLflow
    ${experiment} =    Read Experiment    ${EXPERIMENT_NAME}
    IF    $experiment is None
        Fail    MLflow has no experiment ${EXPERIMENT_NAME}.
    END
    RETURN    ${experiment}[id]

Tell Of The Batch
    [Documentation]    Write into the report what was counted; warn of other traffic and say whose it was.
    [Arguments]    ${ended}    ${foreign}    ${prefix}    ${started}
    VAR    ${told} =    ${ended} spans: ended in the agent, accepted, sent and stored once in each backend.
    IF    $foreign
        ${id} =    Experiment Of The Agent
        ${traces} =    Find Traces In MLflow    ${id}    timestamp_ms >= ${started}
        ${whose} =    Describe Others    ${traces}    ${prefix}
        VAR    ${told} =    ${told} Beside them the collector accepted ${foreign} spans of others: ${whose}.
        Log    ${told}    level=WARN
    END
    Set Test Message    ${told}
