*** Settings ***
Documentation    No span is lost or doubled on its way: for a batch of questions the spans that ended in the agent are
...              what the collector's receiver accepted, what each exporter sent and what each backend stores. This
...              project's agent counts the spans that ended in it; for another the contract says how many must have,
...              and the report says so. Foreign spans that come meanwhile are reported and must be conserved too.

Library          ../../libraries/contracts/
Resource         ../../resources/collector.resource
Resource         ../../resources/conservation.resource

Test Tags        traces    conservation    otel-collector


*** Test Cases ***
Every Span Of A Batch Is Accepted, Sent And Stored Once
    [Documentation]    From the agent to each backend, hop by hop, between two readings of the collector's metrics and
    ...    of the agent's: nothing is refused, failed, dropped or left in a queue.
    [Tags]    mlflow    phoenix    weather-agent
    ${exporters} =    Get Exporters
    ${before} =    Read Collector Metrics
    ${agent_before}    ${uncounted} =    Read Agent Metrics Or Reason
    VAR    ${started_ms} =    ${{int(time.time() * 1000)}}
    ${questions}    ${batch} =    Ask Batch
    ${spans_of_question} =    Count Spans That Contract Demands    ${CONTRACT}    ${1}
    VAR    ${demanded} =    ${{len($questions) * $spans_of_question}}
    ${stored} =    Count Stored Spans    ${questions}    ${batch}    ${exporters}    ${spans_of_question}
    ${foreign} =    Wait Until Spans Are Conserved
    ...    ${before}
    ...    ${agent_before}
    ...    ${exporters}
    ...    ${demanded}
    ...    ${stored}
    Report Batch    ${demanded}    ${foreign}    ${batch}    ${started_ms}    ${uncounted}
