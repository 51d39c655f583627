*** Settings ***
Documentation    Where the overlay runs several pods of a part, they can come and go: budgets let one go at a time,
...              autoscalers read what they scale by, and no two collectors share a queue.

Library          ../../libraries/kube/
Resource         ../../resources/stack.resource

Test Tags        deployment    availability


*** Test Cases ***
Every Disruption Budget Lets A Pod Go
    [Documentation]    A node can be drained now: each budget allows at least one eviction.
    All Should Be Well    policy/v1    PodDisruptionBudget    disruption budgets    Find Budget Problems

Every Autoscaler Reads What It Scales By
    [Documentation]    The cluster's metrics API answers, and the autoscaler can act on it.
    All Should Be Well    autoscaling/v2    HorizontalPodAutoscaler    autoscalers    Find Autoscaler Problems

Every Collector Has A Queue Of Its Own
    [Documentation]    Two collectors on one queue directory: the second does not start, or both lose what they hold.
    [Tags]    otel-collector
    ${stack} =    Get Stack
    ${collector} =    Get Workload    otel-collector
    ${pods} =    Find Pods    ${stack}    ${collector}
    IF    len($pods) < 2    Skip    This overlay runs one collector.
    ${problems} =    Find Shared Claim Problems    ${pods}
    Workload Should Have No Problems    ${problems}    The collectors share their queues    ${collector}


*** Keywords ***
All Should Be Well
    [Documentation]    Fail with what the keyword finds wrong with objects of a kind; skip where there is none.
    [Arguments]    ${api}    ${kind}    ${what}    ${finder}
    VAR    @{problems} =    @{EMPTY}
    VAR    ${there} =    ${0}
    FOR    ${namespace}    IN    @{NAMESPACES}
        ${objects} =    Read Objects    ${api}    ${kind}    ${namespace}
        FOR    ${object}    IN    @{objects}
            ${found} =    Run Keyword    ${finder}    ${object}
            VAR    @{problems} =    @{problems}    @{found}
            VAR    ${there} =    ${there + 1}
        END
    END
    IF    not $there    Skip    This overlay has no ${what}.
    IF    $problems
        Fail    Pods cannot come and go: ${{'; '.join($problems)}}.
    END
