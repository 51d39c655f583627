*** Settings ***
Documentation    No span is lost or doubled on its way: for a batch of questions the spans that ended in the agent are
...              what the collector's receiver accepted, what each exporter sent and what each backend stores. This
...              project's agent counts the spans that ended in it; for another the contract says how many must have,
...              and the report says so. Foreign spans that come meanwhile are reported and must be conserved too.

Resource         ../../resources/capabilities.resource
Resource         ../../resources/collector.resource
Resource         ../../resources/conservation.resource
Resource         ../../resources/questions.resource

# Before anything is counted, for an agent may make a span of it.
Suite Setup      Read Card Of Agent

Test Tags        traces    conservation    otel-collector


*** Test Cases ***
Every Span Of A Batch Is Accepted, Sent And Stored Once
    [Documentation]    From the agent to each backend, hop by hop, between two readings of the collector's metrics and
    ...    of the agent's: nothing is refused, failed, dropped or left in a queue. Where the collector's metrics listen
    ...    on its localhost only, or the contract leaves the number open, the backends' own numbers are compared.
    [Tags]    mlflow    phoenix    weather-agent
    ${backends} =    Get Deployed Backends
    ${exporters} =    Get Exporters    @{backends}
    ${hidden} =    Explain Hidden Metrics
    ${open} =    Explain Open Number Of Spans
    IF    $hidden or $open
        Backends Should Agree On A Batch    ${exporters}    ${{$hidden or $open}}
    ELSE
        Every Hop Should Have The Spans Of A Batch    ${exporters}
    END
