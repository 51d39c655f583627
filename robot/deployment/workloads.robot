*** Settings ***
Documentation    Every component runs as it was asked for. A failure shows conditions, events and last log lines.

Resource         ../../resources/capabilities.resource
Resource         ../../resources/collector.resource
Resource         ../../resources/stack.resource

Test Tags        deployment


*** Test Cases ***
PostgreSQL Is Ready
    [Documentation]    The database of MLflow and Phoenix runs in the generation that was applied.
    [Tags]    postgres
    Skip Unless Deployed    postgres
    Component Should Be Rolled Out    postgres

MLflow Is Ready
    [Documentation]    MLflow runs in the generation that was applied; Ready means that it reached its database.
    [Tags]    mlflow
    Component Should Be Rolled Out    mlflow

Phoenix Is Ready
    [Documentation]    Phoenix runs in the generation that was applied.
    [Tags]    phoenix
    Skip Unless Deployed    phoenix
    Component Should Be Rolled Out    phoenix

The Collector Is Ready
    [Documentation]    The OpenTelemetry Collector runs in the generation that was applied.
    [Tags]    otel-collector
    Component Should Be Rolled Out    otel-collector

The Weather Agent Is Ready
    [Documentation]    The agent whose traces must arrive runs in the generation that was applied.
    [Tags]    weather-agent
    Component Should Be Rolled Out    weather-agent

The Weather Tool Is Ready
    [Documentation]    The tool that the agent calls runs in the generation that was applied.
    [Tags]    weather-tool
    Component Should Be Rolled Out    weather-tool

The Model Is Ready
    [Documentation]    The scripted model runs, unless the agent asks another model.
    [Tags]    model
    Skip Unless Deployed    model
    Component Should Be Rolled Out    model

Every Other Workload Of The Stack Is Ready
    [Documentation]    Every other workload with the stack's label runs in the generation that was applied.
    ${workloads} =    Get Other Workloads
    FOR    ${workload}    IN    @{workloads}
        Workload Should Be Rolled Out    ${workload}[metadata][name]    ${workload}
    END

No Container Restarted Or Ran Out Of Memory Since The Roll-Out
    [Documentation]    No crash and no OOM kill is hidden behind a component that is Ready again.
    The Stack Should Have No    restarts    Find Restart Problems

No Queue Of The Collector Was Damaged
    [Documentation]    The collector does not start with a damaged queue, so an init container moves it aside. What
    ...    waited in it is lost, and the init container's log says how much that was.
    [Tags]    otel-collector
    Log Of Queue Check Should Not Have    is damaged:    Spans that waited in the collector are lost

The Collector's Queue Has Room
    [Documentation]    The volume of the queue was not full when the collector started. While it is full, the collector
    ...    answers 503, and agents lose what they cannot keep.
    [Tags]    otel-collector
    Log Of Queue Check Should Not Have    volume is full:    The collector's queue cannot grow

Every Container Runs As A User From Its Namespace's Range
    [Documentation]    OpenShift gives each namespace a range of users, and its SCC restricted-v2 chooses from it.
    Skip Unless Deployed    user-range
    The Stack Should Have No    users outside of their namespace's range    Find User Range Problems

Every Volume Claim Is Bound
    [Documentation]    What must be kept is on volumes that exist.
    The Stack Should Have No    unbound volume claims    Find Claim Problems

Every Pod Runs The Image Of Its Workload
    [Documentation]    No pod runs another image than what was applied, and none waits for its image.
    The Stack Should Have No    wrong images    Find Image Problems


*** Keywords ***
The Stack Should Have No
    [Documentation]    Fail with the evidence of the first workload, and the problems of all, that the keyword finds.
    [Arguments]    ${what}    ${finder}
    ${stack} =    Get Stack
    ${workloads} =    Get All Workloads
    VAR    @{problems} =    @{EMPTY}
    FOR    ${workload}    IN    @{workloads}
        ${found} =    Run Keyword    ${finder}    ${stack}    ${workload}
        IF    $found and not $problems
            VAR    ${first} =    ${workload}
        END
        VAR    @{problems} =    @{problems}    @{found}
    END
    IF    $problems
        Workload Should Have No Problems    ${problems}    The stack has ${what}    ${first}
    END

Log Of Queue Check Should Not Have
    [Documentation]    Fail with the lines that have a text, in what the init container logged that checks the queue of
    ...    the collector's pods.
    [Arguments]    ${text}    ${meaning}
    Skip Unless Deployed    queue-check
    VAR    @{lines} =    @{EMPTY}
    ${pods} =    Get Ready Pods    otel-collector
    FOR    ${pod}    IN    @{pods}
        ${log} =    Read Log    ${pod}    ${QUEUE_CHECK}    lines=${None}
        VAR    @{lines} =    @{lines}    @{{[line for line in $log if '${text}' in line]}}
    END
    IF    $lines    Fail    ${meaning}: ${{' '.join($lines)}}

Find User Range Problems
    [Documentation]    Return the containers of a workload whose user is outside of its namespace's range.
    [Arguments]    ${stack}    ${workload}
    ${users} =    Get User Range    ${workload}[metadata][namespace]
    ${problems} =    Find User Problems    ${stack}    ${workload}    ${users}
    RETURN    ${problems}
