*** Settings ***
Documentation    Sends the public agent's recordings through the deployed collector: both backends must have the
...              traces that the contracts demand. A recording holds all spans as the public weather agent and its
...              tool exported them. Each replay has ids and a session of its own, and ends now. `tox -e replay`
...              replays all, `tox -e replay -- --task "One Turn"` one. With `--variable WRITE:yes` it records what the
...              backends answer.

Library          replays.py
Library          ../../../libraries/contracts/
Library          ../../../libraries/traces/
Resource         recordings.resource
Resource         ../../../resources/collector.resource
Resource         ../../../resources/mlflow.resource

Suite Setup      Use The Deployed MLflow
Task Template    Replay


*** Variables ***
${WRITE}    no


*** Tasks ***    RECORDING    A2A SPANS
One Turn
    01-send-v03    a2a_spans=yes
Two Turns
    05-two-turns-v03    a2a_spans=yes
The Tool Raises
    08-tool-raises    a2a_spans=yes
The Model Answers 500
    11-model-500    a2a_spans=yes
One Turn Without A2A Spans
    01-send-v03    a2a_spans=no
Two Turns Without A2A Spans
    05-two-turns-v03    a2a_spans=no
The Tool Raises Without A2A Spans
    08-tool-raises    a2a_spans=no
The Model Answers 500 Without A2A Spans
    11-model-500    a2a_spans=no


*** Keywords ***
Replay
    [Documentation]    Send a recording again; fail unless both backends have what its contract demands, and the whole
    ...    trace where the A2A SDK's spans are left out.
    [Arguments]    ${recording}    ${a2a_spans}
    ${replays} =    Make Replays    ${recording}    ${a2a_spans}
    FOR    ${replay}    IN    @{replays}
        Send Spans From Agent Pod    ${replay.body}
        FOR    ${backend}    IN    MLflow    Phoenix
            Run Keyword And Continue On Failure
            ...    Replayed Trace Should Be Right
            ...    ${backend}
            ...    ${replay}
            ...    whole=${{$a2a_spans == 'no'}}
        END
        IF    $WRITE == 'yes'
            Write Recording    replayed/${replay.label}    ${replay.trace_id}    ${replay.known}
        END
    END

Replayed Trace Should Be Right
    [Documentation]    Wait for all spans of a replay, report what the backend shows of them, and judge the trace.
    [Arguments]    ${backend}    ${replay}    ${whole}
    ${trace} =    Wait Until Keyword Succeeds    ${LIMITS}[trace]    250ms    Read All Spans    ${backend}    ${replay}
    ${seen} =    Describe Trace    ${trace}
    Log    ${replay.label}: ${seen}    console=${True}
    VAR    ${known} =    ${replay.known}
    VAR    &{question} =
    ...    context_id=${known}[session]
    ...    text=${known}[question]
    ...    asked_at=${{min(span.start_ns for span in $trace.spans) / 1e9}}
    ...    answered_at=${{max(span.end_ns for span in $trace.spans) / 1e9}}
    IF    $whole and not $trace.is_whole
        Fail    The trace is not whole: ${seen}
    END
    ${contract} =    Read Contract    ${known}[contract].yaml    ${known.get('layers')}
    Trace Should Fulfil Contract
    ...    ${trace}
    ...    ${contract}
    ...    ${question}
    ...    ${known.get('canaries', [])}
    ...    ${known.get('tool_calls')}

Read All Spans
    [Documentation]    Return a replay's trace as a backend has it now; fail while spans are missing.
    [Arguments]    ${backend}    ${replay}
    IF    $backend == 'MLflow'
        ${trace} =    Read Trace From MLflow    ${replay.trace_id}
    ELSE
        ${phoenix} =    Get Entry Point    phoenix
        ${trace} =    Read Trace From Phoenix    ${phoenix}    ${PHOENIX_PROJECT}    ${replay.trace_id}
    END
    VAR    ${stored} =    ${{len($trace.spans) if $trace else 0}}
    IF    ${stored} < ${replay.kept} or $trace.state == 'IN_PROGRESS'
        Fail    ${backend} stores ${stored} of the ${replay.kept} spans of trace ${replay.trace_id}.
    END
    RETURN    ${trace}
