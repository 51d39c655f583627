*** Settings ***
Documentation     A node is drained while questions are asked, as for its maintenance, and comes back. No span of an
...               answered question is lost. Volumes are the nodes' own: a pod whose ReadWriteOnce claim is on the
...               node waits for it.

Library           Process
Library           ../../../libraries/agent/
Resource          ../../../resources/disruption.resource

Suite Setup       Begin With A Ready Stack
Suite Teardown    Wait Until The Stack Is Ready
Test Teardown     Bring The Nodes Back

Test Tags         drain


*** Variables ***
${DRAIN_SECONDS}    ${120}    # several times what a drain takes that nothing stops
${STOP_SECONDS}     ${60}    # after these a drain counts as stopped


*** Test Cases ***
No Span Is Lost When A Node Without MLflow Is Drained
    [Documentation]    Its pods move to the other node. The collector on it waits for its queue, the other one serves.
    ${node} =    Get Worker Without MLflow
    ${asking} =    Start Asking Questions
    ${result} =    Drain Node    ${node}    ${DRAIN_SECONDS}
    Should Be Equal As Integers
    ...    ${result.rc}
    ...    ${0}
    ...    msg=${node} was not drained within ${DRAIN_SECONDS} s: ${result.stderr}
    ...    values=False
    ${waiting} =    Wait Until Keyword Succeeds    ${LIMITS}[recovery]    1s    Only Pods With A Claim Should Wait
    Run Kubectl    uncordon    ${node}
    No Answered Question Should Have Lost A Span    ${asking}    ${node} was drained; ${waiting} waited for it.

A Drain Stops At The Last MLflow Server, And No Span Is Lost
    [Documentation]    A ReadWriteOnce claim keeps both servers on its node. The first one that is evicted has nowhere
    ...    to go, so the budget keeps the second one: MLflow serves on, and the drain does not end.
    ${mlflow} =    Get Nodes Of    mlflow
    Length Should Be    ${mlflow}    1    msg=MLflow's servers are on several nodes, ${mlflow}: their claim allows it.
    VAR    ${node} =    ${mlflow}[0]
    ${asking} =    Start Asking Questions
    ${result} =    Drain Node    ${node}    ${STOP_SECONDS}
    Should Contain
    ...    ${result.stderr}
    ...    disruption budget
    ...    msg=No budget stopped the drain of ${node}: ${result.stdout}
    ...    values=False
    One MLflow Server Should Be Ready
    Run Kubectl    uncordon    ${node}
    No Answered Question Should Have Lost A Span    ${asking}    MLflow's budget stopped the drain of ${node}.


*** Keywords ***
Begin With A Ready Stack
    [Documentation]    Skip where disruption is not allowed; wait until the stack is ready.
    Begin Disruption    the nodes' other pods
    Remember Workloads
    Wait Until The Stack Is Ready

Bring The Nodes Back
    [Documentation]    Stop asking, let every node take pods again, and wait until the stack is ready.
    Stop All Asking
    ${workers} =    Get Workers
    Run Kubectl    uncordon    @{workers}
    Wait Until The Stack Is Ready

Run Kubectl
    [Documentation]    Run kubectl for the kubeconfig's context; return its result.
    [Arguments]    @{arguments}
    ${result} =    Run Process    kubectl    @{arguments}
    RETURN    ${result}

Drain Node
    [Documentation]    Drain a node as its administrator does; return the result of kubectl.
    [Arguments]    ${node}    ${limit}
    ${result} =    Run Kubectl
    ...    drain
    ...    ${node}
    ...    --ignore-daemonsets
    ...    --delete-emptydir-data
    ...    --timeout=${limit}s
    Log    ${result.stdout}\n${result.stderr}
    RETURN    ${result}

Get Workers
    [Documentation]    Return the names of the nodes that are no control plane.
    ${nodes} =    Read Objects    v1    Node    selector=!node-role.kubernetes.io/control-plane
    VAR    ${names} =    ${{[node['metadata']['name'] for node in $nodes]}}
    RETURN    ${names}

Get Worker Without MLflow
    [Documentation]    Return the name of the first worker that no server of MLflow runs on.
    ${mlflow} =    Get Nodes Of    mlflow
    ${workers} =    Get Workers
    VAR    ${free} =    ${{sorted(set($workers) - set($mlflow))}}
    Should Not Be Empty    ${free}    msg=MLflow runs on each of ${workers}.
    RETURN    ${free}[0]

Get Nodes Of
    [Documentation]    Return the names of the nodes that a component's pods run on, each once.
    [Arguments]    ${component}
    Refresh Stack
    ${pods} =    Get Ready Pods    ${component}
    VAR    ${nodes} =    ${{sorted({pod['spec']['nodeName'] for pod in $pods})}}
    RETURN    ${nodes}

One MLflow Server Should Be Ready
    [Documentation]    Fail unless exactly one server of MLflow is Ready now.
    Refresh Stack
    ${serving} =    Get Ready Pods    mlflow
    Length Should Be    ${serving}    1    msg=${{len($serving)}} servers of MLflow are Ready, expected the last one.

Only Pods With A Claim Should Wait
    [Documentation]    Fail while a pod waits for a node that mounts no volume claim; return the names of the others.
    Refresh Stack
    ${pods} =    Get All Pods
    VAR    ${waiting} =    ${{[pod for pod in $pods if not pod['spec'].get('nodeName')]}}
    FOR    ${pod}    IN    @{waiting}
        VAR    ${claims} =    ${{[each for each in $pod['spec']['volumes'] if 'persistentVolumeClaim' in each]}}
        Should Not Be Empty    ${claims}    msg=${pod}[metadata][name] mounts no claim, and waits for a node.
    END
    VAR    ${names} =    ${{', '.join(pod['metadata']['name'] for pod in $waiting) or 'no pod'}}
    RETURN    ${names}

No Answered Question Should Have Lost A Span
    [Documentation]    Wait until the stack is ready, and stop asking; fail unless each backend holds the whole trace of
    ...    every question that was answered. The message counts them.
    [Arguments]    ${asking}    ${done}
    Wait Until The Stack Is Ready
    ${questions} =    Stop Asking    ${asking}
    VAR    ${answered} =    ${{[question for question in $questions if not question.failure]}}
    VAR    ${unanswered} =    ${{[question for question in $questions if question.failure]}}
    Should Not Be Empty    ${answered}    msg=No question was answered.
    Count Answers    ${questions}
    MLflow Should Have Whole Traces    ${answered}    ${unanswered}
    Phoenix Should Have Whole Traces    ${answered}
    Set Test Message    ${done} ${{' '.join($FIGURES)}}
