*** Settings ***
Documentation     Pods of the stack go while traces arrive, and no span is lost. These tests delete,
...               evict and restart pods and scale MLflow. They run only where DISRUPTIVE names the context, and wait
...               until every component is ready again.

Resource          ../../resources/disruption.resource

Suite Setup       Begin With A Ready Stack
Suite Teardown    Leave A Ready Stack
Test Teardown     Restore The Load And MLflow

Test Tags         resilience    disruptive


*** Test Cases ***
No Span Is Lost When A Collector Is Deleted
    [Documentation]    The collector that receives the agent's spans is deleted; another one takes over.
    [Tags]    otel-collector
    Skip Unless Deployed    several-pods    otel-collector
    ${pod} =    Find Collector That Receives The Agent's Spans
    ${asking} =    Start Asking Questions
    Delete Pod    ${pod}
    Wait Until Pod Is Replaced    otel-collector    ${pod}
    No Question Should Have Lost A Span    ${asking}

No Span Is Lost When An MLflow Server Is Deleted
    [Documentation]    The collectors send to the other servers until it is back.
    [Tags]    mlflow
    Skip Unless Deployed    several-pods    mlflow
    ${pod} =    Get Ready Pod    mlflow
    ${asking} =    Start Asking Questions
    Delete Pod    ${pod}
    Wait Until Pod Is Replaced    mlflow    ${pod}
    No Question Should Have Lost A Span    ${asking}

No Span Is Lost When Collector, MLflow And Phoenix Are Rolled Out
    [Documentation]    All pods of the three are replaced at once, as in an upgrade. While no collector runs, the agent
    ...    keeps its spans.
    [Tags]    otel-collector    mlflow    phoenix
    ${asking} =    Start Asking Questions
    FOR    ${component}    IN    otel-collector    mlflow    phoenix
        ${workload} =    Get Workload Or None    ${component}
        IF    $workload is not None    Restart Workload    ${workload}
    END
    Wait Until The Stack Is Ready
    No Question Should Have Lost A Span    ${asking}

No Question Fails When The Agent, Its Tool And Its Model Are Rolled Out
    [Documentation]    Each is replaced while questions are asked, one after the other: all are answered, and the pod
    ...    that goes has exported its spans.
    [Tags]    weather-agent    weather-tool    model
    ${asking} =    Start Asking Questions
    FOR    ${component}    IN    weather-agent    weather-tool    model
        ${workload} =    Get Workload Or None    ${component}
        IF    $workload is not None
            Restart Workload    ${workload}
            Wait Until The Stack Is Ready
        END
    END
    No Question Should Have Lost A Span    ${asking}

Queued Spans Survive The Loss Of Their Collector
    [Documentation]    While MLflow is away, the collector that queues the spans for it is deleted. The next pod reads
    ...    the queue, and the spans arrive when MLflow is back.
    [Tags]    otel-collector    mlflow
    Skip Unless Deployed    several-pods    otel-collector
    ${pod} =    Find Collector That Receives The Agent's Spans
    Scale MLflow Down
    ${asking} =    Start Asking Questions
    Wait Until Keyword Succeeds
    ...    ${LIMITS}[trace]
    ...    1s
    ...    Collector Should Queue Spans Of Questions
    ...    ${pod}
    ...    ${5}
    Delete Pod    ${pod}
    Wait Until Pod Is Replaced    otel-collector    ${pod}
    Stop Asking    ${asking}
    Scale MLflow Up
    No Question Should Have Lost A Span    ${asking}

A Node Drain Evicts One Collector At A Time
    [Documentation]    One eviction is allowed, and a second one is rejected until the first pod is replaced.
    [Tags]    otel-collector
    Only One Eviction Should Be Allowed    otel-collector

A Node Drain Evicts One MLflow Server At A Time
    [Documentation]    One eviction is allowed, and a second one is rejected until the first pod is replaced.
    [Tags]    mlflow
    Only One Eviction Should Be Allowed    mlflow


*** Keywords ***
Begin With A Ready Stack
    [Documentation]    Skip where disruption is not allowed; wait until the stack is ready, and note MLflow's scale.
    Begin Disruption
    Remember Workloads
    Wait Until The Stack Is Ready
    ${mlflow} =    Get Workload    mlflow
    VAR    ${MLFLOW_REPLICAS} =    ${{$mlflow['spec'].get('replicas', 1)}}    scope=SUITE

Leave A Ready Stack
    [Documentation]    Wait until every component is ready, unless the suite did not begin.
    IF    $WORKLOADS_AT_START    Wait Until The Stack Is Ready

Restore The Load And MLflow
    [Documentation]    Stop asking, and bring MLflow back where a failed test left it scaled down.
    Stop All Asking
    Refresh Stack
    ${mlflow} =    Get Workload    mlflow
    IF    ${{$mlflow['spec'].get('replicas', 1) != $MLFLOW_REPLICAS}}
        Scale MLflow Up
    END

Scale MLflow Down
    [Documentation]    Scale MLflow to 0 pods and wait until none is left.
    ${mlflow} =    Get Workload    mlflow
    Scale Workload    ${mlflow}    ${0}
    Wait Until Keyword Succeeds    ${LIMITS}[recovery]    1s    MLflow Should Have No Pod

MLflow Should Have No Pod
    [Documentation]    Fail while MLflow has a pod, also one that is ending.
    Refresh Stack
    ${stack} =    Get Stack
    ${mlflow} =    Get Workload    mlflow
    ${pods} =    Find Pods    ${stack}    ${mlflow}
    IF    $pods    Fail    MLflow still has ${{len($pods)}} pods.

Scale MLflow Up
    [Documentation]    Scale MLflow to what it had when the suite began, and wait until the stack is ready.
    ${mlflow} =    Get Workload    mlflow
    Scale Workload    ${mlflow}    ${MLFLOW_REPLICAS}
    Wait Until The Stack Is Ready

Collector Should Queue Spans Of Questions
    [Documentation]    Fail unless a collector queues the spans of so many questions for MLflow.
    [Arguments]    ${pod}    ${questions}
    ${spans} =    Get Spans Per Question
    VAR    ${least} =    ${{$questions * $spans}}
    ${metrics} =    Read Collector Metrics
    ${exporter} =    Get Exporter    mlflow
    VAR    ${waiting} =
    ...    ${{$metrics.total('otelcol_exporter_queue_size', exporter=$exporter.name, pod=$pod['metadata']['name'])}}
    IF    $waiting < $least
        Fail
        ...    ${pod}[metadata][name] queues ${waiting} spans for MLflow, expected at least ${least}: MLflow is away.
    END

Only One Eviction Should Be Allowed
    [Documentation]    Evict two pods of a component, the second in vain; wait until the first is replaced.
    [Arguments]    ${component}
    Skip Unless Deployed    several-pods    ${component}
    Refresh Stack
    ${pods} =    Get Ready Pods    ${component}
    ${rejection} =    Evict Pod    ${pods}[0]
    Should Be Empty
    ...    ${rejection}
    ...    msg=No pod of ${component} may be evicted, so a node drain never ends: ${rejection}
    TRY
        ${rejection} =    Evict Pod    ${pods}[1]
        Should Contain
        ...    ${rejection}
        ...    disruption budget
        ...    msg=A second pod of ${component} was evicted while the first one was away: no budget protects it.
        ...    values=False
    FINALLY
        Wait Until Pod Is Replaced    ${component}    ${pods}[0]
    END
    Set Test Message    ${rejection}
