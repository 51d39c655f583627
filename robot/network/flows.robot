*** Settings ***
Documentation     Network policies allow the documented flows and deny every other connection. Each is tried for real,
...               from the stack's own pods, by Service and by the pod's address. A failure names both ends' policies.
...               This machine stands for what is outside of the cluster: the suite opens a port here.

Resource          ../../resources/capabilities.resource
Resource          ../../resources/collector.resource
Resource          ../../resources/entry.resource
Resource          ../../resources/network.resource
Resource          ../../resources/questions.resource
Resource          ../../resources/traces.resource

Suite Setup       Try All Connections
Suite Teardown    Close Listeners

Test Tags         network


*** Test Cases ***
No Connection That A Policy Denies Is Open
    [Documentation]    The cluster enforces the network policies, whoever made them: between components each connection
    ...    that they deny is closed. Which connections must be open or denied, only components/network-policies says.
    Denied Connections Should Be Closed    ${ATTEMPTS}

The Weather Agent Reaches Its Collector, Tool And Model
    [Documentation]    The agent's flows, and cluster DNS because it calls them by name.
    [Tags]    flows    weather-agent
    [Template]    Flow Should Be Open
    weather-agent    otel-collector:8335
    weather-agent    weather-tool:8000
    weather-agent    model:8000
    weather-agent    ${DNS}

MLflow And Phoenix Reach PostgreSQL
    [Documentation]    The backends' flows; MLflow's init container also calls the API server.
    [Tags]    flows    mlflow    phoenix    postgres
    [Template]    Flow Should Be Open
    mlflow    postgres:5432
    phoenix    postgres:5432
    mlflow    api-server:443
    mlflow    ${DNS}
    phoenix    ${DNS}

The Collector Reaches MLflow And Phoenix
    [Documentation]    The collector's image has no program that could try, so a question's own trace goes this way.
    [Tags]    otel-collector    mlflow    phoenix
    ${before} =    Read Collector Metrics Or None
    ${question} =    Ask About    ${CITY}
    ${trace} =    Wait For Whole Trace In MLflow    ${question}    ${before}
    ${backends} =    Get Deployed Backends
    IF    'phoenix' in $backends
        Wait For Whole Trace In Phoenix    ${question}    ${before}    ${trace}
    END

The Gateway Reaches MLflow, Phoenix And The Weather Agent
    [Documentation]    Each answers itself; a gateway that does not reach one answers 502, 503 or 504.
    [Tags]    gateway
    [Template]    Gateway Should Reach
    mlflow    /health
    phoenix    /healthz
    weather-agent    /.well-known/agent-card.json

The API Server Reads The Collector's Metrics
    [Documentation]    The suites judge by these metrics, and read them through the API server.
    [Tags]    otel-collector
    Read Collector Metrics

A Prompt-Injected Agent Cannot Reach The Backends, The Database Or The API Server
    [Documentation]    Whatever a prompt makes the agent do, it cannot reach what is stored about it.
    [Tags]    weather-agent
    [Template]    Connection Should Be Denied
    weather-agent    mlflow:5000
    weather-agent    phoenix:6006
    weather-agent    postgres:5432
    weather-agent    api-server:443

The Tool And The Model Cannot Open Any Connection
    [Documentation]    They answer and never call, so cluster DNS is denied to them too.
    [Tags]    weather-tool    model
    [Template]    Connection Should Be Denied
    weather-tool    weather-agent:8000
    weather-tool    model:8000
    weather-tool    mlflow:5000
    weather-tool    postgres:5432
    weather-tool    ${DNS}
    model    weather-agent:8000
    model    weather-tool:8000
    model    phoenix:6006
    model    postgres:5432
    model    ${DNS}

Only The Weather Agent Can Send Spans To The Collector
    [Documentation]    Nobody else can write traces, neither from its own namespace nor from the agents'.
    [Tags]    otel-collector
    [Template]    Connection Should Be Denied
    weather-tool    otel-collector:8335
    model    otel-collector:8335
    mlflow    otel-collector:8335
    phoenix    otel-collector:8335

MLflow And Phoenix Cannot Reach Each Other, The Agent Or The Tool
    [Documentation]    Whoever breaks into a backend cannot go on to the other one or to the agents.
    [Tags]    mlflow    phoenix
    [Template]    Connection Should Be Denied
    mlflow    phoenix:6006
    mlflow    weather-agent:8000
    mlflow    weather-tool:8000
    phoenix    mlflow:5000
    phoenix    weather-agent:8000
    phoenix    api-server:443

No Component Can Send Data Out Of The Cluster
    [Documentation]    Tried with a port that this machine opens. MLflow reaches another port of this machine, which its
    ...    policies allow as one of API servers: so pods can reach this machine at all.
    [Tags]    outside
    [Setup]    Skip Unless Deployed    reachable-machine
    [Template]    Outside Should Be Denied
    weather-agent
    weather-tool
    model
    mlflow
    phoenix

Only Documented Flows Are Open
    [Documentation]    A line has a component and all that it may reach. Every other port of every other component was
    ...    tried, and must be closed.
    [Template]    Only These Flows Should Be Open
    weather-agent    otel-collector:8335    weather-tool:8000    model:8000    ${DNS}
    weather-tool
    model
    mlflow    postgres:5432    api-server:443    ${DNS}
    phoenix    postgres:5432    ${DNS}

A New Pod Is Denied By Default
    [Documentation]    A pod that comes later reaches nobody and nobody reaches it. This is read from the policies, as
    ...    there is no such pod; robot/resilience creates one.
    [Template]    New Pods Should Be Denied
    ${SYSTEM_NAMESPACE}
    ${AGENTS_NAMESPACE}


*** Keywords ***
Try All Connections
    [Documentation]    Try every connection once; the tests judge what was seen.
    Skip Unless Deployed    network-policies
    ${attempts} =    Try Every Connection
    VAR    ${ATTEMPTS} =    ${attempts}    scope=SUITE
    ${dns} =    Get Target Named    ${ATTEMPTS}    cluster-dns
    VAR    ${DNS} =    ${dns}    scope=SUITE

Flow Should Be Open
    [Documentation]    Fail unless a documented flow is open; skip this line where the stack does not have both ends.
    [Arguments]    ${source}    ${target}
    Skip Unless Deployed    documented-flows
    Connection Should Have Been Tried    ${source}    ${target}
    Connection Should Be Open    ${ATTEMPTS}    ${source}    ${target}

Connection Should Be Denied
    [Documentation]    Fail when a connection is open; skip this line where the stack does not have both ends.
    [Arguments]    ${source}    ${target}
    Skip Unless Deployed    documented-flows
    Connection Should Have Been Tried    ${source}    ${target}
    Connection Should Be Closed    ${ATTEMPTS}    ${source}    ${target}

Outside Should Be Denied
    [Documentation]    Fail when a component reaches the port that this machine opened.
    [Arguments]    ${source}
    ${outside} =    Get Target Named    ${ATTEMPTS}    outside
    Connection Should Be Denied    ${source}    ${outside}

Only These Flows Should Be Open
    [Documentation]    Fail with everything that a component reaches and that is not in its line.
    [Arguments]    ${source}    @{documented}
    Skip Unless Deployed    documented-flows
    Skip Line Without    ${source}
    Component Should Have A Pod    ${source}
    ${allowed} =    Get Target Named    ${ATTEMPTS}    outside-allowed
    Only These Connections Should Be Open    ${ATTEMPTS}    ${source}    @{documented}    ${allowed}

New Pods Should Be Denied
    [Documentation]    Fail unless a namespace's policies deny every connection of a pod that none was made for.
    [Arguments]    ${namespace}
    Skip Unless Deployed    documented-flows
    ${labels} =    Read Namespace Labels
    Unknown Pods Should Be Denied    ${ATTEMPTS.policies}    ${namespace}    ${labels}

Gateway Should Reach
    [Documentation]    Fail unless a component itself answers through the gateway; skip this line where the stack does
    ...    not have it.
    [Arguments]    ${component}    ${path}
    Skip Line Without    ${component}
    ${entry} =    Get Entry Point    ${component}
    ${answer} =    Send Request    ${entry}    GET    ${path}    ${LIMITS}[request]
    Should Be True    ${answer.status_code} not in (502, 503, 504)
    ...    msg=The gateway does not reach ${component}, it answers ${answer.status_code}: ${answer.text[:200].strip()}

Look For Way To This Machine
    [Documentation]    Look for a connection from MLflow's pod to this machine, at a port that its policies allow.
    Component Should Have A Pod    mlflow
    ${allowed} =    Get Target Named    ${ATTEMPTS}    outside-allowed
    VAR    ${addresses} =    ${EMPTY}
    IF    $allowed and 'mlflow' in $ATTEMPTS.sources
        ${addresses} =    Get Open Addresses    ${ATTEMPTS}    mlflow    ${allowed}
    END
    VAR    ${what} =    a connection from MLflow's pod to the machine that runs this suite
    RETURN    ${what}, which stands for what is outside,    ${{[$addresses] if $addresses else []}}

Connection Should Have Been Tried
    [Documentation]    Skip this line where one end of a connection is not deployed; fail where both are and it was not
    ...    tried.
    [Arguments]    ${source}    ${target}
    ${tried} =    Check If Connection Was Tried    ${ATTEMPTS}    ${source}    ${target}
    IF    $tried    RETURN
    FOR    ${end}    IN    ${source}    ${target.partition(':')[0]}
        IF    $end not in $COMPONENTS    CONTINUE
        Skip Line Without    ${end}
        Component Should Have A Pod    ${end}
    END
    Fail    ${source} -> ${target} was not tried: no pod of the target declares that port.

Skip Line Without
    [Documentation]    Skip a line of a test where a component is not deployed, and write why into the report, where
    ...    other lines are judged.
    [Arguments]    ${component}
    ${why} =    Explain Absence    ${component}
    IF    $why    Set Test Message    ${why}\n    append=True
    Skip Unless Deployed    ${component}

Component Should Have A Pod
    [Documentation]    Fail where a component is deployed and has no pod: no connection from or to it can be tried.
    [Arguments]    ${name}
    IF    $name not in $COMPONENTS    RETURN
    ${workload} =    Get Workload Or None    ${name}
    ${pod} =    Get Any Pod Or None    ${name}
    IF    $workload is not None and $pod is None
        ${problems} =    Find Rollout Problems    ${workload}
        Fail    No connection from or to ${name} can be tried, it has no pod: ${{'; '.join($problems)}}.
    END
