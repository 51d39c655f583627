*** Settings ***
Documentation     A pod of the collector or of MLflow goes while traces arrive, and no span is lost: what is stored in
...               the end is what was asked. These tests delete, evict and restart pods and scale MLflow: they run only
...               with `--variable DISRUPTIVE:yes`, and wait until everything is whole again.

Resource          ../../resources/disruption.resource

Suite Setup       Begin With A Whole Stack
Suite Teardown    Leave A Whole Stack
Test Teardown     Leave Things As They Were

Test Tags         resilience    disruptive


*** Test Cases ***
A Collector That Is Deleted Loses No Span
    [Documentation]    The collector that takes the agent's spans goes, the other one takes them, and it comes back.
    [Tags]    otel-collector
    Skip Unless Component Has Several Pods    otel-collector
    ${pod} =    Find Collector That Receives The Agent's Spans
    ${asking} =    Start Asking Questions
    Delete Pod    ${pod}
    Wait Until Pod Is Replaced    otel-collector    ${pod}
    No Question Should Have Lost A Span    ${asking}

An MLflow That Is Deleted Loses No Span
    [Documentation]    One of MLflow's servers goes; the collectors send to the others.
    [Tags]    mlflow
    Skip Unless Component Has Several Pods    mlflow
    ${pod} =    Get Ready Pod    mlflow
    ${asking} =    Start Asking Questions
    Delete Pod    ${pod}
    Wait Until Pod Is Replaced    mlflow    ${pod}
    No Question Should Have Lost A Span    ${asking}

A Roll-Out Of Collectors And MLflow Loses No Span
    [Documentation]    All pods of both are replaced, one after the other, as an upgrade does it.
    [Tags]    otel-collector    mlflow
    Skip Unless Component Has Several Pods    otel-collector
    Skip Unless Component Has Several Pods    mlflow
    ${asking} =    Start Asking Questions
    FOR    ${component}    IN    otel-collector    mlflow
        ${workload} =    Get Workload    ${component}
        Restart Workload    ${workload}
    END
    Wait Until The Stack Is Ready
    No Question Should Have Lost A Span    ${asking}

What Waits In A Collector's Queue Outlives Its Pod
    [Documentation]    While MLflow is away, the collector that holds the spans for it is deleted. The pod that comes
    ...    next takes up its queue, and the spans arrive when MLflow is back.
    [Tags]    otel-collector    mlflow
    Skip Unless Component Has Several Pods    otel-collector
    ${pod} =    Find Collector That Receives The Agent's Spans
    Take MLflow Away
    ${asking} =    Start Asking Questions
    Wait Until Keyword Succeeds    ${LIMITS}[trace]    1s    Spans Should Wait In    ${pod}    ${5 * ${SPANS}}
    Delete Pod    ${pod}
    Wait Until Pod Is Replaced    otel-collector    ${pod}
    Stop Asking    ${asking}
    Bring MLflow Back
    No Question Should Have Lost A Span    ${asking}

Draining A Node Takes One Collector At A Time
    [Documentation]    An eviction is granted, and a second one refused until the first pod is replaced.
    [Tags]    otel-collector
    One Eviction Should Be Granted And A Second Refused    otel-collector

Draining A Node Takes One MLflow At A Time
    [Documentation]    An eviction is granted, and a second one refused until the first pod is replaced.
    [Tags]    mlflow
    One Eviction Should Be Granted And A Second Refused    mlflow


*** Keywords ***
Begin With A Whole Stack
    [Documentation]    Skip where disruption is not wanted; wait until the stack is whole, and note MLflow's scale.
    Skip Unless Disruption Is Allowed
    Wait Until The Stack Is Ready
    ${mlflow} =    Get Workload    mlflow
    VAR    ${MLFLOW_REPLICAS} =    ${{$mlflow['spec'].get('replicas', 1)}}    scope=SUITE

Leave A Whole Stack
    [Documentation]    Wait until every component is rolled out, unless the suite was skipped.
    IF    '${DISRUPTIVE}' == 'yes'    Wait Until The Stack Is Ready

Leave Things As They Were
    [Documentation]    Ask no further, and bring MLflow back where a test that failed left it away.
    Stop All Asking
    Refresh Stack
    ${mlflow} =    Get Workload    mlflow
    IF    ${{$mlflow['spec'].get('replicas', 1) != $MLFLOW_REPLICAS}}
        Bring MLflow Back
    END

Take MLflow Away
    [Documentation]    Scale MLflow to no pod and wait until none is left.
    ${mlflow} =    Get Workload    mlflow
    Scale Workload    ${mlflow}    ${0}
    Wait Until Keyword Succeeds    ${LIMITS}[recovery]    1s    MLflow Should Have No Pod

MLflow Should Have No Pod
    [Documentation]    Fail while there is a pod of MLflow's, also one that is ending.
    Refresh Stack
    ${stack} =    Get Stack
    ${mlflow} =    Get Workload    mlflow
    ${pods} =    Find Pods    ${stack}    ${mlflow}
    IF    $pods    Fail    MLflow still has ${{len($pods)}} pods.

Bring MLflow Back
    [Documentation]    Give MLflow as many pods as it had when the suite began, and wait until the stack is whole.
    ${mlflow} =    Get Workload    mlflow
    Scale Workload    ${mlflow}    ${MLFLOW_REPLICAS}
    Wait Until The Stack Is Ready

Spans Should Wait In
    [Documentation]    Fail unless at least so many spans for MLflow wait in a collector's queue.
    [Arguments]    ${pod}    ${least}
    ${metrics} =    Read Collector Metrics
    ${exporter} =    Get Exporter    mlflow
    VAR    ${waiting} =
    ...    ${{$metrics.total('otelcol_exporter_queue_size', exporter=$exporter.name, pod=$pod['metadata']['name'])}}
    IF    $waiting < $least
        Fail    In ${pod}[metadata][name] ${waiting} spans wait for MLflow; ${least} should, as MLflow is away.
    END

One Eviction Should Be Granted And A Second Refused
    [Documentation]    Evict a pod of the component, then another one; wait until the first is replaced.
    [Arguments]    ${component}
    Skip Unless Component Has Several Pods    ${component}
    Refresh Stack
    ${pods} =    Get Ready Pods    ${component}
    ${refused} =    Evict Pod    ${pods}[0]
    Should Be Empty
    ...    ${refused}
    ...    msg=None of ${{len($pods)}} Ready pods of ${component} may be evicted, a drain never ends: ${refused}
    TRY
        ${refused} =    Evict Pod    ${pods}[1]
        Should Contain    ${refused}    disruption budget
        ...    msg=A second pod of ${component} was evicted while the first one was away: its budget does not hold.
        ...    values=False
    FINALLY
        Wait Until Pod Is Replaced    ${component}    ${pods}[0]
    END
    Set Test Message    ${refused}
