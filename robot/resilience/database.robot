*** Settings ***
Documentation     PostgreSQL takes no writes while traces arrive, as after a failover, and MLflow gets every span later.
...               This suite changes a setting of PostgreSQL and changes it back. So it runs only where DISRUPTIVE names
...               the context.

Resource          ../../resources/disruption.resource

Suite Setup       Begin With PostgreSQL
Suite Teardown    Leave PostgreSQL Writable
Test Teardown     Stop All Asking

Test Tags         resilience    disruptive    postgres


*** Variables ***
# How many questions MLflow has taken before PostgreSQL is read-only: a server that has just started answers the first
# spans late. How many more are asked while it is: 10 to 40 seconds, two at a time.
${QUESTIONS_BEFORE}       ${10}
${QUESTIONS_MEANWHILE}    ${80}
${POSTGRES}               ${None}


*** Test Cases ***
No Span Is Lost For MLflow While PostgreSQL Is Read-Only
    [Documentation]    MLflow answers 503, and the collector keeps the spans. A Phoenix of an installation answers 200
    ...    and stores nothing (measured with 20.26.1), so what it lacks is counted and not failed.
    [Tags]    mlflow    otel-collector    phoenix
    ${asking} =    Start Asking Questions
    Make PostgreSQL Read-Only While Questions Are Asked
    ${questions} =    Stop Asking    ${asking}
    Count Answers    ${questions}
    ${status}    ${why} =    Run Keyword And Ignore Error    MLflow Should Have Whole Traces    ${questions}
    Run Keyword And Ignore Error    Phoenix Should Have Whole Traces    ${questions}
    Set Suite Metadata    ${TEST NAME}    ${{' '.join($FIGURES)}}
    IF    $status != 'PASS'    Fail    ${why}
    Set Test Message    ${{' '.join($FIGURES)}}


*** Keywords ***
Begin With PostgreSQL
    [Documentation]    Skip where disruption is not allowed, PostgreSQL is not in the stack, or nobody can read how many
    ...    spans the collector sent; wait until the stack is ready.
    Skip Unless Deployed    postgres
    Skip Unless Deployed    collector-metrics
    Begin Disruption
    Remember Workloads
    Wait Until The Stack Is Ready
    ${pod} =    Get Ready Pod    postgres
    VAR    ${POSTGRES} =    ${pod}    scope=SUITE

Leave PostgreSQL Writable
    [Documentation]    Make PostgreSQL writable, unless the suite did not begin; wait until the stack is ready.
    IF    not $POSTGRES    RETURN
    Set PostgreSQL Read-Only    ${POSTGRES}    ${False}
    Wait Until The Stack Is Ready

Make PostgreSQL Read-Only While Questions Are Asked
    [Documentation]    Wait until MLflow takes spans; make PostgreSQL read-only until more of them have come.
    ${before} =    Read Collector Metrics
    Wait Until Spans Of Questions Are Counted
    ...    otelcol_exporter_sent_spans
    ...    ${before}
    ...    ${QUESTIONS_BEFORE}
    Set PostgreSQL Read-Only    ${POSTGRES}    ${True}
    ${before} =    Read Collector Metrics
    Wait Until Spans Of Questions Are Counted
    ...    otelcol_receiver_accepted_spans
    ...    ${before}
    ...    ${QUESTIONS_MEANWHILE}
    Set PostgreSQL Read-Only    ${POSTGRES}    ${False}

Wait Until Spans Of Questions Are Counted
    [Documentation]    Wait until a counter of the collector shows the spans of so many questions more than before.
    [Arguments]    ${counter}    ${before}    ${questions}
    Wait Until Keyword Succeeds
    ...    ${LIMITS}[recovery]
    ...    1s
    ...    Spans Of Questions Should Be Counted
    ...    ${counter}
    ...    ${before}
    ...    ${questions}

Spans Of Questions Should Be Counted
    [Documentation]    Fail unless a counter of the collector shows the spans of so many questions more than before. Of
    ...    several exporters, that of MLflow counts.
    [Arguments]    ${counter}    ${before}    ${questions}
    ${spans} =    Get Spans Per Question
    VAR    ${least} =    ${{$questions * $spans}}
    ${mlflow} =    Get Exporter    mlflow
    ${after} =    Read Collector Metrics
    VAR    ${labels} =    ${{ {'exporter': $mlflow.name} if 'exporter' in $counter else {} }}
    VAR    ${counted} =    ${{$after.since($before).total($counter, **$labels)}}
    IF    $counted < $least
        Fail    The collector counts ${counted} spans more in ${counter}, expected at least ${least}.
    END
