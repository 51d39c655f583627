*** Settings ***
Documentation    The ways in from outside: the gateway and the routes stand, and real requests by host name are answered
...              by the right component. No host name has to resolve: requests go to the gateway's address.
...
...              On OpenShift, Routes and their router take the Gateway's place. Verified on a plain cluster with
...              stand-ins (tests/openshift), not on a real OpenShift: not its own router and hosts, its SCC admission
...              and SELinux, its storage, and the official images under its users.

Resource         ../../resources/entry.resource
Resource         ../../resources/stack.resource

Test Tags        reachability    gateway


*** Test Cases ***
The Gateway Is Programmed
    [Documentation]    A gateway controller has taken up the Gateway and listens.
    ${routes} =    OpenShift Routes
    IF    $routes
        Skip    This overlay has OpenShift Routes: its way in is the router, not a Gateway.
    END
    ${gateway} =    The Gateway
    ${problems} =    Gateway Problems    ${gateway}
    IF    $problems
        Fail    The Gateway ${HTTP_GATEWAY}[name] does not stand: ${{'; '.join($problems)}}.
    END

The Router Presents A Trusted Certificate
    [Documentation]    OpenShift's router ends TLS for every Route, with a certificate for the Route's host.
    ${routes} =    OpenShift Routes Or Skip
    FOR    ${route}    IN    @{routes}
        ${entry} =    Entry Point Of Openshift Route    ${route}
        Certificate Should Be Trusted    ${entry}
    END

The Router Redirects Plain HTTP
    [Documentation]    Who comes to a Route's host without TLS is sent to the same page with it.
    ${routes} =    OpenShift Routes Or Skip
    FOR    ${route}    IN    @{routes}
        VAR    ${host} =    ${route}[spec][host]
        ${entry} =    Plain Entry Point Of Openshift Route    ${route}
        Open Session    plain    ${entry}
        ${answer} =    GET On Session    plain    /x    expected_status=any    allow_redirects=${False}
        VAR    ${to} =    ${answer.headers.get('Location')}
        Should Be True    $answer.is_redirect and $to == 'https://' + $host + '/x'
        ...    msg=${entry}/x answers ${answer.status_code} with Location ${to}, not a redirect to https://${host}/x
    END

The Route To MLflow Is Accepted
    [Documentation]    The gateway serves MLflow's host name, and the route's Service exists.
    [Tags]    mlflow
    Route Should Be Accepted    mlflow

The Route To Phoenix Is Accepted
    [Documentation]    The gateway serves Phoenix's host name, and the route's Service exists.
    [Tags]    phoenix
    Route Should Be Accepted    phoenix

The Route To The Weather Agent Is Accepted
    [Documentation]    The gateway serves the agent's host name, and the route's Service exists.
    [Tags]    weather-agent
    Route Should Be Accepted    weather-agent

MLflow Shows Its Page
    [Documentation]    The answer at MLflow's host name is MLflow's own page.
    [Tags]    mlflow
    ${answer} =    Get From Outside    mlflow    /
    Should Contain    ${answer.text}    <title>MLflow</title>
    ...    msg=What answers at MLflow's host name is not MLflow's page: ${answer.text[:300]}
    ...    values=False

MLflow Answers From Its Database
    [Documentation]    MLflow's API finds the experiment by its name: MLflow, its database and the way in work.
    [Tags]    mlflow    postgres
    ${answer} =    Get From Outside
    ...    mlflow
    ...    /api/2.0/mlflow/experiments/get-by-name
    ...    experiment_name=${EXPERIMENT_NAME}
    Should Be Equal    ${answer.json()}[experiment][name]    ${EXPERIMENT_NAME}

Phoenix Answers From Its Database
    [Documentation]    Phoenix's API lists its projects.
    [Tags]    phoenix    postgres
    ${answer} =    Get From Outside    phoenix    /v1/projects
    Should Be True    $answer.json()['data']    msg=Phoenix lists no project: ${answer.text[:300]}

The Weather Agent Presents Its Card
    [Documentation]    The agent's card names it, its skills and where it takes questions by JSON-RPC.
    [Tags]    weather-agent
    ${answer} =    Get From Outside    weather-agent    /.well-known/agent-card.json
    VAR    ${card} =    ${answer.json()}
    FOR    ${field}    IN    name    description    version    skills    capabilities    url
        Should Be True
        ...    $card.get($field) not in (None, '', [])
        ...    msg=The agent's card has no ${field}: ${answer.text[:300]}
    END
    Should Be Equal    ${card}[preferredTransport]    JSONRPC

The Gateway Refuses A Host That It Does Not Know
    [Documentation]    No route answers for a name that is nobody's.
    ${url}    ${refusal} =    Where A Stranger Asks
    Create Session    stranger    ${url}    headers=${{ {'Host': 'stranger.example'} }}
    ...    timeout=${LIMITS}[request]    max_retries=0
    ${answer} =    GET On Session    stranger    /    expected_status=any
    Should Be Equal As Integers    ${answer.status_code}    ${refusal}
    ...    msg=The gateway answers a host name that no route has with ${answer.status_code}: ${answer.text[:300]}
    ...    values=False


*** Keywords ***
OpenShift Routes Or Skip
    [Documentation]    Return the stack's OpenShift Routes; skip where its way in is a Gateway.
    ${routes} =    OpenShift Routes
    IF    not $routes
        Skip    This overlay has no OpenShift Routes: its way in is a Gateway.
    END
    RETURN    ${routes}

Where A Stranger Asks
    [Documentation]    Return the gateway's URL and its status for a host that no route has: 503 of OpenShift's router.
    ${routes} =    OpenShift Routes
    IF    $routes
        ${entry} =    Plain Entry Point Of Openshift Route    ${routes}[0]
        RETURN    ${entry.url}    503
    END
    ${address} =    Gateway Address
    RETURN    http://${address}    404

Route Should Be Accepted
    [Documentation]    Fail with the conditions that the route does not meet.
    [Arguments]    ${component}
    ${route} =    Route Of    ${component}
    ${problems} =    Route Problems    ${route}
    IF    $problems
        Fail
        ...    ${route}[kind] ${route}[metadata][name] to ${component} does not stand: ${{'; '.join($problems)}}.
    END
