*** Settings ***
Documentation     Measures each step from an agent's answer until a suite has judged the question's trace.
...               `tox -e bench` runs it, with a real collector, MLflow and PostgreSQL.

Library           measurements.py
Library           way.py    ${MLFLOW_URL}
Library           ../../libraries/contracts/
Library           ../../libraries/entry/
Library           ../../libraries/traces/

Suite Teardown    Write Figures    ${FIGURES}


*** Variables ***
${FIGURES}      ${OUTPUT_DIR}${/}figures.json
${QUESTIONS}    ${20}


*** Tasks ***
Follow Questions
    [Documentation]    Measure the steps by the keywords that suites wait for a trace and judge it with.
    VAR    ${mlflow} =    ${{entry.entry_point.EntryPoint($MLFLOW_URL)}}
    Use MLflow At    ${mlflow}
    ${known} =    Get Known Of Question
    ${contract} =    Read Contract    ${known}[contract].yaml    ${known}[layers]
    ${traces} =    Get Library Instance    traces
    ${contracts} =    Get Library Instance    contracts
    VAR    ${wait} =    ${{getattr($traces, 'Wait For Trace In MLflow')}}
    ${steps} =    Time Steps    ${QUESTIONS}    ${wait}    ${contracts.trace_should_fulfil_contract}    ${contract}
    FOR    ${step}    ${seconds}    IN    &{steps}
        Keep Measurement    From the answer to the verdict    ${step}    questions    ${QUESTIONS}    ${seconds}
    END
