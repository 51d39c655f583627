*** Settings ***
Documentation    The collector's filter promises that backends get all spans of OpenInference scopes and no others, and
...              that no trace of the agent loses a parent by it. A probe trace is sent from the agent's pod. It is
...              marked as such (service acceptance-probe) and has a session of its own, as every question has.

Library          ../../libraries/pipeline/
Resource         ../../resources/collector.resource
Resource         ../../resources/questions.resource
Resource         ../../resources/traces.resource

Suite Setup      Send The Probe

Test Tags        traces    filter    otel-collector


*** Test Cases ***
MLflow Gets All OpenInference Spans And No Others
    [Documentation]    Of the probe, MLflow has root and child; the two spans of another scope are not there.
    [Tags]    mlflow
    ${experiment} =    Get Experiment Id
    ${trace} =    Wait For Trace In MLflow    ${SESSION}    ${experiment}    ${LIMITS}[trace]
    Trace Should Hold The Kept Spans Only    MLflow    ${trace}

Phoenix Gets All OpenInference Spans And No Others
    [Documentation]    Of the probe, Phoenix has root and child; the two spans of another scope are not there.
    [Tags]    phoenix
    Skip Unless The Overlay Has Phoenix
    ${phoenix} =    Get Entry Point    phoenix
    ${trace} =    Wait For Trace In Phoenix
    ...    ${phoenix}
    ...    ${PHOENIX_PROJECT}
    ...    ${SESSION}
    ...    ${{len($PROBE.kept)}}
    ...    ${LIMITS}[phoenix]
    Trace Should Hold The Kept Spans Only    Phoenix    ${trace}

Each Pipeline Counts The Probe's Other Spans As Filtered
    [Documentation]    The filters before each backend counted the two spans of the other scope as dropped: these spans
    ...    are not just late.
    ${after} =    Read Collector Metrics
    IF    $BEFORE is None
        Fail    Filtered spans cannot be counted: the collector's metrics could not be read before the probe was sent.
    END
    ${exporters} =    Get Exporters
    FOR    ${backend}    ${exporter}    IN    &{exporters}
        VAR    ${filtered} =    ${{sum($exporter.filtered($after.since($BEFORE)).values())}}
        IF    $filtered < len($PROBE.dropped)
            Fail
            ...    Filtered before ${backend} ${filtered}, expected ${{len($PROBE.dropped)}} (the probe's other scope).
        END
    END

The Filter Orphans No Span Of The Agent's Trace
    [Documentation]    In the agent's own trace, as filtered, every span's parent is there, in both backends.
    [Tags]    weather-agent    mlflow    phoenix
    ${question} =    Ask About The Weather    What is the weather in ${CITY}?
    IF    $question.failure
        Fail    The agent did not answer: ${question.failure}
    END
    ${trace} =    Wait For Whole Trace In MLflow    ${question}    ${BEFORE}
    Record Arrival Time    MLflow    ${question}    ${trace}
    Trace Should Have No Orphan    MLflow    ${trace}
    ${exporter} =    Get Exporter Or None    phoenix
    IF    $exporter is not None
        ${same} =    Wait For Whole Trace In Phoenix    ${question}    ${BEFORE}    ${trace}
        Record Arrival Time    Phoenix    ${question}    ${same}
        Trace Should Have No Orphan    Phoenix    ${same}
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

Trace Should Hold The Kept Spans Only
    [Documentation]    Fail unless the trace holds exactly the probe's OpenInference spans, and no orphan.
    [Arguments]    ${backend}    ${trace}
    IF    $trace is None
        Fail    ${backend} stored no span of the probe trace ${PROBE.trace_id} (session ${SESSION}).
    END
    VAR    ${stored} =    ${{ {span.span_id: span.name for span in $trace.spans} }}
    VAR    ${extra} =    ${{', '.join(sorted(set($stored.values()) - set($PROBE.kept.values()))) or 'none'}}
    VAR    ${missing} =    ${{', '.join(sorted(set($PROBE.kept.values()) - set($stored.values()))) or 'none'}}
    VAR    ${numbers} =    stored ${{len($stored)}} spans of the probe, expected ${{len($PROBE.kept)}}
    Should Be True
    ...    $stored == $PROBE.kept
    ...    msg=${backend} ${numbers}; extra: ${extra}; missing: ${missing}.
    Trace Should Have No Orphan    ${backend}    ${trace}

Trace Should Have No Orphan
    [Documentation]    Fail where a span's parent is not in the trace.
    [Arguments]    ${backend}    ${trace}
    VAR    ${names} =    ${{', '.join(sorted({span.name for span in $trace.orphans}))}}
    VAR    ${numbers} =    ${{len($trace.orphans)}} of ${{len($trace.spans)}} spans
    Should Be Empty    ${names}    msg=${backend} has ${numbers} without their parents: ${names}.
