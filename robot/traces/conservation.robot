*** Settings ***
Documentation    No span is lost or doubled on its way: for a batch of questions the spans that ended in the agent are
...              what the collector's receiver accepted, what each exporter sent and what each backend stores. This
...              project's agent counts the spans that ended in it; for another the contract says how many must have,
...              and the report says so. Spans that others send meanwhile are told, not counted as ours, and must be
...              conserved too.

Library          Collections
Library          ../../libraries/pipeline/
Resource         ../../resources/collector.resource
Resource         ../../resources/questions.resource
Resource         ../../resources/traces.resource

Test Tags        traces    conservation    otel-collector


*** Test Cases ***
Every Span Of A Batch Is Accepted, Sent And Stored Once
    [Documentation]    From the agent to each backend, hop by hop, between two readings of the collector's metrics and
    ...    of the agent's: nothing is refused, failed, dropped or left in a queue.
    [Tags]    mlflow    phoenix    weather-agent
    ${exporters} =    Exporters Of The Collector
    ${before} =    Read Collector Metrics
    ${agent_before}    ${uncounted} =    What The Agent Counted
    ${started} =    Evaluate    int(time.time() * 1000)
    ${questions}    ${prefix} =    Ask The Batch
    ${spans} =    Spans That Contract Demands    ${CONTRACT}    ${1}
    ${stored} =    Spans In The Backends    ${questions}    ${prefix}    ${exporters}    ${spans}
    VAR    ${ours} =    ${{len($questions) * $spans}}
    ${foreign} =    Books Should Balance In Time
    ...    ${before}
    ...    ${exporters}
    ...    ${ours}
    ...    ${stored}
    ...    ${agent_before}
    Tell Of The Batch    ${ours}    ${foreign}    ${prefix}    ${started}    ${uncounted}


*** Keywords ***
Ask The Batch
    [Documentation]    Ask the batch's questions at once; return them, all answered, and what their contexts begin with.
    ${prefix} =    Make Context Id
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
        ${exporter} =    Get Exporter Or None    ${backend}
        IF    $exporter is not None
            Set To Dictionary    ${exporters}    ${backend}=${exporter}
        END
    END
    IF    not $exporters    Fail    The collector exports traces to no backend.
    RETURN    ${exporters}

What The Agent Counted
    [Documentation]    Return the agent's metrics and an empty text, or nothing and why the contract must do instead.
    TRY
        ${metrics} =    Read Metrics Of Component    weather-agent    ${AGENT_METRICS_PORT}
        Metrics Should Count Agent Spans    ${metrics}
    EXCEPT    AS    ${reason}
        Log    How many spans ended in the agent is taken from the contract: ${reason}
        RETURN    ${None}    ${reason}
    END
    RETURN    ${metrics}    ${EMPTY}

Books Should Balance In Time
    [Documentation]    Wait until the books balance; where they never do, fail with what the last reading says.
    [Arguments]    @{books}
    Run Keyword And Ignore Error
    ...    Wait Until Keyword Succeeds    ${LIMITS}[trace]    500ms    Books Should Balance    @{books}
    ${foreign} =    Books Should Balance    @{books}
    RETURN    ${foreign}

Books Should Balance
    [Documentation]    Read the metrics again and fail unless every hop has what the one before it had. The agent is
    ...    read first: what it counts later can be at no other hop yet.
    [Arguments]    ${before}    ${exporters}    ${ours}    ${stored}    ${agent_before}
    VAR    ${ended} =    ${None}
    IF    $agent_before is not None
        ${agent_after} =    Read Metrics Of Component    weather-agent    ${AGENT_METRICS_PORT}
        ${ended} =    Count Agent Spans    ${agent_before}    ${agent_after}    ${KEPT_SCOPES}
    END
    ${after} =    Read Collector Metrics
    ${foreign} =    Spans Should Be Conserved
    ...    ${before}
    ...    ${after}
    ...    ${exporters}
    ...    ${ours}
    ...    ${stored}
    ...    ${ended}
    RETURN    ${foreign}

Spans In The Backends
    [Documentation]    Return how many spans of the questions each backend stores, when all are there or time is up.
    [Arguments]    ${questions}    ${prefix}    ${exporters}    ${spans}
    VAR    &{stored} =    &{EMPTY}
    IF    'mlflow' in $exporters
        ${sightings} =    Wait For Conversations    ${prefix}    ${{len($questions)}}
        Note Trace Times    MLflow    ${questions}    ${sightings}
        Set To Dictionary    ${stored}    mlflow=${{sum(len(each.trace.spans) for each in $sightings)}}
    END
    IF    'phoenix' in $exporters
        VAR    ${count} =    ${0}
        FOR    ${question}    IN    @{questions}
            ${trace}    ${error} =    Look For Trace In Phoenix    ${question}    ${spans}
            IF    $error    Fail    ${error}
            VAR    ${count} =    ${{$count + (len($trace.spans) if $trace else 0)}}
        END
        Set To Dictionary    ${stored}    phoenix=${count}
    END
    RETURN    ${stored}

Tell Of The Batch
    [Documentation]    Write into the report what was counted, and by whom; warn of other traffic and say whose it was.
    [Arguments]    ${ours}    ${foreign}    ${prefix}    ${started}    ${uncounted}
    VAR    ${told} =    ${ours} spans: ended in the agent, accepted, sent and stored once in each backend.
    IF    $uncounted
        VAR    ${told} =    ${told} How many ended in the agent is the contract's word: ${uncounted.rstrip('.')}.
    END
    IF    $foreign
        ${id} =    Get Experiment Id
        ${traces} =    Find Traces In MLflow    ${id}    timestamp_ms >= ${started}
        ${whose} =    Describe Foreign Traces    ${traces}    ${prefix}
        VAR    ${told} =    ${told} Beside them the collector accepted ${foreign} spans of others: ${whose}.
        Log    ${told}    level=WARN
    END
    Set Test Message    ${told}
