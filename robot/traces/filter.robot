*** Settings ***
Documentation    What the collector's filter promises: backends get the spans of OpenInference scopes, all of them and
...              no others, and no trace of the agent loses a parent by it. A probe trace is sent from the agent's pod:
...              it is marked as such (service acceptance-probe) and has a session of its own, as every question has.

Library          ../../libraries/pipeline/
Resource         ../../resources/collector.resource
Resource         ../../resources/questions.resource
Resource         ../../resources/traces.resource

Suite Setup      Send The Probe

Test Tags        traces    filter    otel-collector


*** Test Cases ***
MLflow Gets The OpenInference Spans And No Foreign One
    [Documentation]    Of the probe, MLflow has root and child; the foreign child and sibling are not there.
    [Tags]    mlflow
    ${experiment} =    Get Experiment Id
    ${trace} =    Wait For Trace In MLflow    ${SESSION}    ${experiment}    ${LIMITS}[trace]
    Only What Is Kept Should Be There    MLflow    ${trace}

Phoenix Gets The OpenInference Spans And No Foreign One
    [Documentation]    Of the probe, Phoenix has root and child; the foreign child and sibling are not there.
    [Tags]    phoenix
    Skip Unless The Overlay Has Phoenix
    ${phoenix} =    Get Entry Point    phoenix
    ${trace} =    Wait For Trace In Phoenix
    ...    ${phoenix}
    ...    ${PHOENIX_PROJECT}
    ...    ${SESSION}
    ...    ${{len($PROBE.kept)}}
    ...    ${LIMITS}[phoenix]
    Only What Is Kept Should Be There    Phoenix    ${trace}

The Collector Counts The Foreign Spans As Filtered
    [Documentation]    Each pipeline's filter counted the probe's two foreign spans; so they were not just slow to come.
    ${after} =    Read Collector Metrics
    IF    $BEFORE is None
        Fail    Filtered spans cannot be counted: the collector's metrics could not be read before the probe was sent.
    END
    ${configuration} =    Read Collector Configuration
    VAR    ${pipelines} =
    ...    ${{len([name for name in $configuration['service']['pipelines'] if name.split('/')[0] == 'traces'])}}
    VAR    ${expected} =    ${{$pipelines * len($PROBE.dropped)}}
    VAR    ${counted} =    ${{$after.since($BEFORE).total('otelcol_processor_filter_spans_filtered')}}
    Should Be True
    ...    ${counted} >= ${expected}
    ...    msg=The filters of ${pipelines} pipelines must have dropped ${expected} spans in all, counted ${counted}.

The Filter Orphans No Span Of The Agent's Trace
    [Documentation]    In the agent's own trace, as filtered, every span's parent is there, in both backends.
    [Tags]    weather-agent    mlflow    phoenix
    ${question} =    Ask About The Weather    What is the weather in ${CITY}?
    IF    $question.failure
        Fail    The agent did not answer: ${question.failure}
    END
    ${trace} =    Wait For Whole Trace In MLflow    ${question}    ${BEFORE}
    Record Arrival Time    MLflow    ${question}    ${trace}
    Should Be Empty    ${trace.orphans}    msg=MLflow has spans without their parent: ${trace.orphans}
    ${exporter} =    Get Exporter Or None    phoenix
    IF    $exporter is not None
        ${same} =    Wait For Whole Trace In Phoenix    ${question}    ${BEFORE}    ${trace}
        Record Arrival Time    Phoenix    ${question}    ${same}
        Should Be Empty    ${same.orphans}    msg=Phoenix has spans without their parent: ${same.orphans}
    END


*** Keywords ***
Send The Probe
    [Documentation]    Read the counters, then send the probe from the agent's pod to where the agent sends its spans.
    ${before} =    Read Collector Metrics Or None
    VAR    ${BEFORE} =    ${before}    scope=SUITE
    ${context} =    Make Context Id
    VAR    ${SESSION} =    ${context}-probe    scope=SUITE
    ${probe} =    Make Probe    ${SESSION}
    VAR    ${PROBE} =    ${probe}    scope=SUITE
    Send Spans From Agent Pod    ${probe.body}

Only What Is Kept Should Be There
    [Documentation]    Fail unless the trace holds exactly the probe's OpenInference spans.
    [Arguments]    ${backend}    ${trace}
    IF    $trace is None
        Fail    ${backend} has nothing of the probe trace ${PROBE.trace_id} (session ${SESSION}).
    END
    VAR    ${seen} =    ${{ {span.span_id: span.name for span in $trace.spans} }}
    VAR    ${foreign} =    ${{sorted(set($seen.values()) - set($PROBE.kept.values()))}}
    VAR    ${missing} =    ${{sorted(set($PROBE.kept.values()) - set($seen.values()))}}
    Should Be True
    ...    $seen == $PROBE.kept
    ...    msg=${backend} must have OpenInference spans only, all of them; foreign: ${foreign}, missing: ${missing}.
    Should Be Empty    ${trace.orphans}    msg=${backend} has spans without their parent: ${trace.orphans}
