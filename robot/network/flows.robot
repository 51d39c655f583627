*** Settings ***
Documentation     Network policies let through the documented flows and no other, proved by real connections from the
...               stack's own pods, by Service and by the pod's address alike. A failure names both ends' policies.
...               Outside of the cluster is this machine, where a test opens a port; nothing else is ever tried.

Resource          ../../resources/collector.resource
Resource          ../../resources/network.resource
Resource          ../../resources/questions.resource
Resource          ../../resources/traces.resource

Suite Setup       Find Out Which Ways Are Open
Suite Teardown    Close Listeners

Test Tags         network


*** Test Cases ***
The Weather Agent Reaches Its Collector, Tool And Model
    [Documentation]    The agent's flows, and cluster DNS because it calls them by name.
    [Tags]    weather-agent
    [Template]    Should Be Reached
    weather-agent    otel-collector:8335
    weather-agent    weather-tool:8000
    weather-agent    model:8000
    weather-agent    ${DNS}

MLflow And Phoenix Reach PostgreSQL
    [Documentation]    The backends' flows; MLflow's init container also calls the API server.
    [Tags]    mlflow    phoenix    postgres
    [Template]    Should Be Reached
    mlflow    postgres:5432
    phoenix    postgres:5432
    mlflow    api-server:443
    mlflow    ${DNS}
    phoenix    ${DNS}

The Collector Reaches MLflow And Phoenix
    [Documentation]    The collector's image has nothing to try with, so a question's own trace goes this way.
    [Tags]    otel-collector    mlflow    phoenix
    ${before} =    Read Collector Metrics
    ${question} =    Ask About The Weather    What is the weather in ${CITY}?
    ${trace} =    Wait For Whole Trace In MLflow    ${question}    ${before}
    ${exporter} =    Get Exporter Or None    phoenix
    IF    $exporter is not None
        Wait For Whole Trace In Phoenix    ${question}    ${before}    ${trace}
    END

The Gateway Reaches MLflow, Phoenix And The Weather Agent
    [Documentation]    Through the gateway, each answers itself; a gateway that reaches nobody answers 502, 503 or 504.
    [Tags]    gateway
    [Template]    Should Be Shown
    mlflow    /health
    phoenix    /healthz
    weather-agent    /.well-known/agent-card.json

The API Server Reads The Collector's Metrics
    [Documentation]    The suites judge by them, and read them through the API server.
    [Tags]    otel-collector
    Read Collector Metrics

The Weather Agent Reaches No Backend, No Database And No API
    [Documentation]    What the agent is talked into cannot reach what is stored about it.
    [Tags]    weather-agent
    [Template]    Should Not Be Reached
    weather-agent    mlflow:5000
    weather-agent    phoenix:6006
    weather-agent    postgres:5432
    weather-agent    api-server:443

Tool And Model Reach Nobody
    [Documentation]    They answer and never call, so they have no cluster DNS either.
    [Tags]    weather-tool    model
    [Template]    Should Not Be Reached
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

The Collector Takes Nothing But The Weather Agent's Spans
    [Documentation]    Nobody else can write traces, neither from its own namespace nor from the agents'.
    [Tags]    otel-collector
    [Template]    Should Not Be Reached
    weather-tool    otel-collector:8335
    model    otel-collector:8335
    mlflow    otel-collector:8335
    phoenix    otel-collector:8335

The Backends Reach Neither Each Other Nor Those Who Are Traced
    [Documentation]    What was stored has no way back.
    [Tags]    mlflow    phoenix
    [Template]    Should Not Be Reached
    mlflow    phoenix:6006
    mlflow    weather-agent:8000
    mlflow    weather-tool:8000
    phoenix    mlflow:5000
    phoenix    weather-agent:8000
    phoenix    api-server:443

Nobody Reaches What Is Outside Of The Cluster
    [Documentation]    Tried with a port that this machine opens. That pods can come here at all is seen at another
    ...    port, which MLflow may reach because it is one that API servers have.
    [Tags]    outside
    [Setup]    Skip Unless Pods Can Come To This Machine
    [Template]    Should Not Reach The Outside
    weather-agent
    weather-tool
    model
    mlflow
    phoenix

Nothing Is Reached But What Is Documented
    [Documentation]    A line has a part of the stack and all that it may reach. Every other port of every other part
    ...    was tried, and must be closed.
    [Template]    Nothing Should Be Reached But
    weather-agent    otel-collector:8335    weather-tool:8000    model:8000    ${DNS}
    weather-tool
    model
    mlflow    postgres:5432    api-server:443    ${DNS}
    phoenix    postgres:5432    ${DNS}

Any Other Pod Is Denied
    [Documentation]    A pod that comes later reaches nobody and is reached by nobody. Read from the policies
    ...    themselves, as there is no such pod; robot/resilience makes one.
    [Template]    Should Deny By Default
    ${SYSTEM_NAMESPACE}
    ${AGENTS_NAMESPACE}


*** Keywords ***
Find Out Which Ways Are Open
    [Documentation]    Try every way once; the tests judge what was seen.
    Skip Unless The Overlay Has Network Policies
    ${ways} =    Try Every Way
    VAR    ${WAYS} =    ${ways}    scope=SUITE
    ${dns} =    Target Named    ${WAYS}    cluster-dns
    VAR    ${DNS} =    ${dns}    scope=SUITE

Should Be Reached
    [Documentation]    Fail unless a way is open; say so where the stack does not have both ends.
    [Arguments]    ${source}    ${target}
    ${tried} =    Was Tried    ${WAYS}    ${source}    ${target}
    IF    $tried
        Way Should Be Open    ${WAYS}    ${source}    ${target}
    ELSE
        Tell That It Is Not There    ${source}    ${target}
    END

Should Not Be Reached
    [Documentation]    Fail when a way is open; say so where the stack does not have both ends.
    [Arguments]    ${source}    ${target}
    ${tried} =    Was Tried    ${WAYS}    ${source}    ${target}
    IF    $tried
        Way Should Be Closed    ${WAYS}    ${source}    ${target}
    ELSE
        Tell That It Is Not There    ${source}    ${target}
    END

Should Deny By Default
    [Documentation]    Fail unless a namespace's policies deny what no policy is about.
    [Arguments]    ${namespace}
    ${labels} =    Labels Of Namespaces
    Other Pods Should Be Denied    ${WAYS.policies}    ${namespace}    ${labels}

Should Not Reach The Outside
    [Documentation]    Fail when a part reaches the port that this machine opened.
    [Arguments]    ${source}
    ${outside} =    Target Named    ${WAYS}    outside
    Should Not Be Reached    ${source}    ${outside}

Nothing Should Be Reached But
    [Documentation]    Fail with everything that a part reaches and that is not in its line.
    [Arguments]    ${source}    @{documented}
    ${allowed} =    Target Named    ${WAYS}    outside-allowed
    IF    $source in $WAYS.sources
        Only These Ways Should Be Open    ${WAYS}    ${source}    @{documented}    ${allowed}
    ELSE
        Tell That It Is Not There    ${source}    what it reaches
    END

Should Be Shown
    [Documentation]    Fail unless a component itself answers through the gateway.
    [Arguments]    ${component}    ${path}
    ${workload} =    Get Workload Or None    ${component}
    IF    $workload is None
        Tell That It Is Not There    gateway    ${component}
        RETURN
    END
    ${entry} =    Get Entry Point    ${component}
    ${answer} =    Send Request    ${entry}    GET    ${path}    ${LIMITS}[request]
    Should Be True    ${answer.status_code} not in (502, 503, 504)
    ...    msg=The gateway does not reach ${component}, it answers ${answer.status_code}: ${answer.text[:200].strip()}

Skip Unless Pods Can Come To This Machine
    [Documentation]    Skip where no pod can reach this machine even at a port that its policies let through.
    ${allowed} =    Target Named    ${WAYS}    outside-allowed
    VAR    ${how} =    ${EMPTY}
    IF    $allowed and 'mlflow' in $WAYS.sources
        ${how} =    How It Is Reached    ${WAYS}    mlflow    ${allowed}
    END
    IF    not $how
        Skip    No pod can come to the machine that runs this suite, so what is outside cannot be played here.
    END
    Log    MLflow reaches this machine ${how}, at a port that its policies let through.

Tell That It Is Not There
    [Documentation]    Write into the report that a line was not judged.
    [Arguments]    ${source}    ${target}
    Set Test Message    ${source} -> ${target} is not in this stack.\n    append=True
