*** Settings ***
Documentation     Measures how many spans a second MLflow stores when they come by way of the collector, and when the
...               same requests are posted to it. `tox -e bench` runs it, with a real collector, MLflow and PostgreSQL.

Library           measurements.py
Library           throughput.py    ${MLFLOW_URL}    ${POSTGRES_FOLDER}    ${POSTGRES_PORT}

Suite Teardown    Write Figures    ${FIGURES}


*** Variables ***
${FIGURES}    ${OUTPUT_DIR}${/}figures.json
${TRACES}     ${300}
${ROUNDS}     ${5}


*** Tasks ***
Send Traces On Both Ways
    [Documentation]    Measure the seconds from the first request until all spans are stored, by turns on both ways.
    ${seconds} =    Time Both Ways    ${TRACES}    ${ROUNDS}
    ${spans} =    Get Spans Of    ${TRACES}
    FOR    ${way}    ${of_rounds}    IN    &{seconds}
        Keep Measurement    Throughput    ${way}    spans    ${spans}    ${of_rounds}
    END
