*** Settings ***
Documentation    Each of the collector's pipelines promises which spans its backend gets: all of them, or those that its
...              filters keep. A probe trace, sent from the agent's pod, shows whether it does. The probe is marked as
...              such (service acceptance-probe) and has a session of its own, as every question has. It stays in the
...              experiment and the project, as the questions do.

Resource         ../../resources/capabilities.resource
Resource         ../../resources/collector.resource
Resource         ../../resources/questions.resource
Resource         ../../resources/traces.resource

Suite Setup      Send The Probe

Test Tags        traces    pipelines    otel-collector


*** Test Cases ***
MLflow Gets The Spans That Its Pipeline Promises
    [Documentation]    Of the probe, MLflow has the spans that the pipeline's filters keep, and no others.
    [Tags]    mlflow
    ${experiment} =    Get Experiment Id
    ${limit} =    Get Trace Limit    mlflow    trace
    ${trace} =    Wait For Trace In MLflow    ${SESSION}    ${experiment}    ${limit}
    Trace Should Hold The Promised Spans    mlflow    ${trace}

Phoenix Gets The Spans That Its Pipeline Promises
    [Documentation]    Of the probe, Phoenix has the spans that the pipeline's filters keep, and no others.
    [Tags]    phoenix
    Skip Unless Deployed    phoenix
    ${promise} =    Read Pipeline Promise    phoenix
    ${kept} =    Get Kept Probe Spans    ${PROBE}    ${promise}
    ${limit} =    Get Trace Limit    phoenix    phoenix
    VAR    ${spans} =    ${{len([each for each in $kept.values() if each])}}
    ${trace} =    Wait For Session In Phoenix    ${SESSION}    ${spans}    ${limit}
    Trace Should Hold The Promised Spans    phoenix    ${trace}

Each Pipeline Counts The Probe's Dropped Spans As Filtered
    [Documentation]    The filters before each backend counted the spans that they drop: these are not just late. Where
    ...    no filter drops any of them, none was counted.
    Skip Unless Deployed    collector-metrics
    ${after} =    Read Collector Metrics
    IF    $BEFORE is None
        Fail    Filtered spans cannot be counted: the collector's metrics could not be read before the probe was sent.
    END
    ${promises} =    Read Pipeline Promises
    FOR    ${backend}    ${promise}    IN    &{promises}
        ${kept} =    Get Kept Probe Spans    ${PROBE}    ${promise}
        VAR    ${expected} =    ${{len([each for each in $kept.values() if each is False])}}
        VAR    ${filtered} =    ${{sum($promise.exporter.filtered($after.since($BEFORE)).values())}}
        IF    $filtered < $expected
            Fail
            ...    The collector counts ${filtered} of the probe's spans as filtered before ${backend}, not ${expected}.
        END
    END

The Pipelines Orphan No Span Of The Agent's Trace
    [Documentation]    In the agent's own trace every span's parent is there, in each backend that is deployed.
    [Tags]    weather-agent    mlflow    phoenix
    Agent Should Have Answered    ${QUESTION_BESIDE}
    ${trace} =    Wait For Whole Trace In MLflow    ${QUESTION_BESIDE}    ${BEFORE}
    Trace Should Have No Orphan    MLflow    ${trace}
    ${backends} =    Get Deployed Backends
    IF    'phoenix' in $backends
        ${same} =    Wait For Whole Trace In Phoenix    ${QUESTION_BESIDE}    ${BEFORE}
        Trace Should Have No Orphan    Phoenix    ${same}
    END


*** Keywords ***
Send The Probe
    [Documentation]    Read the counters, then send the probe from the agent's pod to where the agent sends its spans.
    ...    Ask a question besides, whose trace comes meanwhile.
    Skip Unless Deployed    agent-spans
    ${before} =    Read Collector Metrics Or None
    VAR    ${BEFORE} =    ${before}    scope=SUITE
    ${context} =    Make Context Id
    VAR    ${SESSION} =    ${context}-probe    scope=SUITE
    ${probe} =    Make Probe    ${SESSION}
    VAR    ${PROBE} =    ${probe}    scope=SUITE
    ${question} =    Ask About    ${CITY}
    VAR    ${QUESTION_BESIDE} =    ${question}    scope=SUITE
    Send Spans From Agent Pod    ${probe.body}

Trace Should Hold The Promised Spans
    [Documentation]    Fail unless the trace holds exactly the probe's spans that the pipeline promises, and no orphan.
    [Arguments]    ${backend}    ${trace}
    ${promise} =    Read Pipeline Promise    ${backend}
    VAR    ${stored} =    ${{[span.span_id for span in $trace.spans] if $trace else []}}
    ${seen} =    Promised Spans Should Be Stored    ${PROBE}    ${promise}    ${stored}
    Set Test Message    ${seen}
    IF    $trace is not None
        Trace Should Have No Orphan    ${backend}    ${trace}
    END

Trace Should Have No Orphan
    [Documentation]    Fail where a span's parent is not in the trace.
    [Arguments]    ${backend}    ${trace}
    VAR    ${names} =    ${{', '.join(sorted({span.name for span in $trace.orphans}))}}
    VAR    ${numbers} =    ${{len($trace.orphans)}} of ${{len($trace.spans)}} spans
    Should Be Empty    ${names}    msg=${backend} has ${numbers} without their parents: ${names}.
