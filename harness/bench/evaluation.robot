*** Settings ***
Documentation     Measures how long it takes to judge a trace by its contract, for traces of several lengths.
...               `tox -e bench` runs it. The traces are a recorded one of this project's weather agent, in which the
...               agent calls its tool again and again.

Library           measurements.py
Library           ../../libraries/contracts/
Library           ../../libraries/traces/

Suite Teardown    Write Figures    ${FIGURES}
Task Template     Measure Evaluation


*** Variables ***
${FIGURES}      ${OUTPUT_DIR}${/}figures.json
${RECORDING}    ${CURDIR}${/}..${/}..${/}tests${/}recorded${/}own${/}one-tool.mlflow.json
@{SIZES}        ${10}    ${100}    ${1000}    ${10000}    ${30000}
${LONGEST}      ${30000}
# How often the measurement looks which part is at work.
${LOOKS}        ${500}
# What is known of the agent of the recording, and of its cluster.
&{AGENT}        model=scripted    attribute_limit=${None}


*** Tasks ***    CASE    BROKEN
No Violation    no violation    ${False}
A Violation On Each Span    a violation on each span    ${True}


*** Keywords ***
Measure Evaluation
    [Documentation]    Measure the keyword that suites judge a trace by, with traces of every size. Of the longest one
    ...    measure also which part takes how much.
    [Arguments]    ${case}    ${broken}
    ${contract} =    Read Contract    shared/weather.yaml
    ${contract} =    Add Facts    ${contract}    ${AGENT}    ${0}    ${0}    ${5}
    ${library} =    Get Library Instance    contracts
    ${stored} =    Read Stored Trace    ${RECORDING}
    VAR    ${recorded} =    ${{traces.mlflow_reader.convert($stored)}}
    FOR    ${size}    IN    @{SIZES}
        IF    ${size} > ${LONGEST}    BREAK
        ${trace}    ${canaries} =    Make Long Trace    ${recorded}    ${size}    ${broken}
        ${question} =    Get Question Of    ${trace}    ${recorded.roots[0].session}
        Measure
        ...    Evaluation of a contract
        ...    ${case}
        ...    spans
        ...    ${size}
        ...    ${library.trace_should_fulfil_contract}
        ...    ${trace}
        ...    ${contract}
        ...    ${question}
        ...    ${canaries}
    END
    Measure Shares
    ...    Where the time goes with ${case}
    ...    spans
    ...    ${{len($trace.spans)}}
    ...    ${LOOKS}
    ...    ${library.trace_should_fulfil_contract}
    ...    ${trace}
    ...    ${contract}
    ...    ${question}
    ...    ${canaries}

Get Question Of
    [Documentation]    Return the question that a trace is about, asked and answered when its root began and ended.
    [Arguments]    ${trace}    ${session}
    VAR    ${root} =    ${trace.roots}[0]
    VAR    &{question} =
    ...    context_id=${session}
    ...    text=${root.attributes}[input.value]
    ...    asked_at=${{$root.start_ns / 1e9}}
    ...    answered_at=${{$root.end_ns / 1e9}}
    RETURN    ${question}
