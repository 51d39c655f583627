*** Settings ***
Documentation    A component with several pods can lose one and gain one: disruption budgets allow an eviction,
...              autoscalers have their metrics, and no two collectors share a queue.

Resource         ../../resources/capabilities.resource
Resource         ../../resources/stack.resource

Test Tags        deployment    scaling


*** Test Cases ***
Every Disruption Budget Allows An Eviction
    [Documentation]    A node can be drained now: each budget allows at least one eviction.
    Skip Unless Deployed    disruption-budgets
    Objects Should Have No Problems    policy/v1    PodDisruptionBudget    disruption budgets    Find Budget Problems

Every Autoscaler Has Its Metrics
    [Documentation]    The cluster's metrics API answers, and the autoscaler can act on it.
    Skip Unless Deployed    autoscalers
    Objects Should Have No Problems
    ...    autoscaling/v2
    ...    HorizontalPodAutoscaler
    ...    autoscalers
    ...    Find Autoscaler Problems

No Two Collectors Share A Queue
    [Documentation]    Of two collectors on one queue directory the second does not start, or both lose spans.
    [Tags]    otel-collector
    Skip Unless Deployed    several-pods    otel-collector
    ${stack} =    Get Stack
    ${collector} =    Get Workload    otel-collector
    ${pods} =    Find Pods    ${stack}    ${collector}
    ${problems} =    Find Shared Claim Problems    ${pods}
    Workload Should Have No Problems    ${problems}    The collectors share a queue    ${collector}


*** Keywords ***
Objects Should Have No Problems
    [Documentation]    Fail with the problems that a keyword finds in the objects of a kind, once their controllers
    ...    have seen them.
    [Arguments]    ${api}    ${kind}    ${what}    ${finder}
    Run Keyword And Ignore Error
    ...    Wait Until Keyword Succeeds    ${LIMITS}[rollout]    1s    Controllers Should Have Seen    ${api}    ${kind}
    ${objects} =    Read Objects Of Stack    ${api}    ${kind}
    VAR    @{problems} =    @{EMPTY}
    FOR    ${object}    IN    @{objects}
        ${found} =    Run Keyword    ${finder}    ${object}
        VAR    @{problems} =    @{problems}    @{found}
    END
    IF    $problems
        Fail    These ${what} do not work: ${{'; '.join($problems)}}.
    END

Controllers Should Have Seen
    [Documentation]    Fail with the objects of a kind that their controller has not looked at since they changed.
    [Arguments]    ${api}    ${kind}
    ${objects} =    Read Objects Of Stack    ${api}    ${kind}
    ${unseen} =    Find Unseen Objects    ${objects}
    IF    $unseen
        Fail    Their controllers have not looked at ${{', '.join($unseen)}}.
    END

Read Objects Of Stack
    [Documentation]    Return the objects of a kind in the stack's namespaces.
    [Arguments]    ${api}    ${kind}
    VAR    @{objects} =    @{EMPTY}
    ${namespaces} =    Get Namespaces
    FOR    ${namespace}    IN    @{namespaces}
        ${found} =    Read Objects    ${api}    ${kind}    ${namespace}
        VAR    @{objects} =    @{objects}    @{found}
    END
    RETURN    ${objects}
