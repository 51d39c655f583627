*** Settings ***
Documentation     Measures how long the suites' searches in MLflow take, with more and more stored traces.
...               `tox -e bench` runs it, with a real MLflow and PostgreSQL. Most traces are copies, made by SQL, of one
...               that MLflow stored. Those that are looked for are sent.

Library           measurements.py
Library           stored_traces.py    ${MLFLOW_URL}    ${POSTGRES_FOLDER}    ${POSTGRES_PORT}
Library           ../../libraries/entry/
Library           ../../libraries/traces/

Suite Teardown    Write Figures    ${FIGURES}


*** Variables ***
${FIGURES}       ${OUTPUT_DIR}${/}figures.json
@{SIZES}         ${1000}    ${100000}    ${1000000}
${STORED}        ${1000000}
${WHAT}          Look-up in MLflow
${EXPERIMENT}    0
${RUNS}          ${10}


*** Tasks ***
Look Up Traces
    [Documentation]    Measure each search of the suites with every number of stored traces.
    VAR    ${mlflow} =    ${{entry.entry_point.EntryPoint($MLFLOW_URL)}}
    Use MLflow At    ${mlflow}
    FOR    ${size}    IN    @{SIZES}
        IF    ${size} > ${STORED}    BREAK
        ${new} =    Store Traces    ${size}
        Wait For Trace In MLflow    ${new.questions[0].context_id}    ${EXPERIMENT}    ${0}
        Measure Search By Session    ${size}    ${new.questions}
        Measure Search By Batch    ${size}    ${new.batches}
        Measure Search Since A Moment    ${size}    ${new.since}    ${{len($new.questions)}}
    END
    ${database} =    Describe Database
    Note    ${WHAT}    ${database}


*** Keywords ***
Measure Search By Session
    [Documentation]    Measure one look of the keyword that waits for a question's trace: it finds and reads it.
    [Arguments]    ${size}    ${questions}
    VAR    ${calls} =    ${{[[question.context_id, '${EXPERIMENT}', 0] for question in $questions]}}
    Measure Keyword    one question's trace, by its session    ${size}    Wait For Trace In MLflow    ${calls}    ${0}

Measure Search By Batch
    [Documentation]    Measure one look of the keyword that waits for the traces of questions that were asked at once.
    [Arguments]    ${size}    ${batches}
    VAR    ${turns} =    ${{$RUNS // len($batches)}}
    VAR    ${calls} =    ${{[[batch, '${EXPERIMENT}', lambda trace: True, 0] for batch in $batches] * $turns}}
    VAR    ${found} =    ${{len($batches[0])}}
    Measure Keyword
    ...    ${found} questions' traces, by how their sessions begin
    ...    ${size}
    ...    Wait For Conversations In MLflow
    ...    ${calls}
    ...    ${found}

Measure Search Since A Moment
    [Documentation]    Measure the keyword that finds all traces since a moment.
    [Arguments]    ${size}    ${since}    ${found}
    VAR    ${condition} =    timestamp_ms >= ${since}
    VAR    ${calls} =    ${{[[$EXPERIMENT, $condition]] * $RUNS}}
    Measure Keyword
    ...    ${found} traces, those since a moment
    ...    ${size}
    ...    Find Traces In MLflow
    ...    ${calls}
    ...    ${found}

Measure Keyword
    [Documentation]    Measure a keyword of libraries/traces once for each list of arguments.
    [Arguments]    ${case}    ${size}    ${name}    ${calls}    ${found}
    ${library} =    Get Library Instance    traces
    VAR    ${function} =    ${{getattr($library, $name)}}
    Measure Calls    ${WHAT}    ${case}    stored traces    ${size}    ${function}    ${calls}    ${found}
