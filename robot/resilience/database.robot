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
# How many questions are answered while PostgreSQL is read-only: about 20 seconds, two at a time.
${QUESTIONS_MEANWHILE}    ${40}
${POSTGRES}               ${None}


*** Test Cases ***
No Span Is Lost For MLflow While PostgreSQL Is Read-Only
    [Documentation]    MLflow answers 503, and the collector keeps the spans. Phoenix answers 200 and stores nothing
    ...    (measured with 20.26.1), so what it lacks is counted and not failed.
    [Tags]    mlflow    otel-collector    phoenix
    ${before} =    Read Collector Metrics
    ${asking} =    Start Asking Questions
    Set PostgreSQL Read-Only    ${POSTGRES}    ${True}
    Wait Until Keyword Succeeds
    ...    ${LIMITS}[recovery]
    ...    1s
    ...    Collector Should Have Received Questions Since
    ...    ${before}
    ...    ${QUESTIONS_MEANWHILE}
    Set PostgreSQL Read-Only    ${POSTGRES}    ${False}
    ${questions} =    Stop Asking    ${asking}
    MLflow Should Have Whole Traces    ${questions}
    ${phoenix} =    Count What Phoenix Lacks    ${questions}
    Set Test Message
    ...    ${{len($questions)}} questions asked meanwhile, 0 spans lost for MLflow. ${phoenix}


*** Keywords ***
Begin With PostgreSQL
    [Documentation]    Skip where disruption is not allowed or PostgreSQL is not in the stack; wait until it is ready.
    Skip Unless Deployed    postgres
    Skip Unless Deployed    otel-collector
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

Collector Should Have Received Questions Since
    [Documentation]    Fail unless the collector accepted the spans of so many questions since its metrics were read.
    [Arguments]    ${before}    ${questions}
    ${spans} =    Get Spans Per Question
    VAR    ${least} =    ${{$questions * $spans}}
    ${after} =    Read Collector Metrics
    VAR    ${accepted} =    ${{$after.since($before).total('otelcol_receiver_accepted_spans')}}
    IF    $accepted < $least
        Fail    The collector accepted ${accepted} spans since the questions began, expected at least ${least}.
    END

Count What Phoenix Lacks
    [Documentation]    Return how many questions' whole traces Phoenix lacks, as a sentence; empty without a Phoenix.
    [Arguments]    ${questions}
    ${backends} =    Get Deployed Backends
    IF    'phoenix' not in $backends    RETURN    ${EMPTY}
    ${spans} =    Get Spans Per Question
    ${missing} =    Find Questions That Phoenix Lacks    ${questions}    ${spans}
    RETURN    Phoenix lacks the whole traces of ${{len($missing)}} of them.
