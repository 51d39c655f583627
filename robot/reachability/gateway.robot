*** Settings ***
Documentation    How the stack is reached from outside: the gateway and the routes are accepted, and the right component
...              answers at each host name. No host name has to resolve: requests go to the gateway's address.
...
...              On OpenShift, Routes and their router take the Gateway's place. Verified on a plain cluster with
...              a stand-in (harness/stand_ins/openshift), not on a real OpenShift: not its own router and hosts, its
...              SCC admission and SELinux, its storage, and the official images under its users.

Resource         ../../resources/capabilities.resource
Resource         ../../resources/entry.resource

Test Tags        reachability    gateway


*** Test Cases ***
The Gateway Is Programmed
    [Documentation]    A gateway controller has accepted the Gateway and listens.
    Skip Unless Deployed    gateway
    ${gateways} =    Read Gateways
    FOR    ${gateway}    IN    @{gateways}
        ${problems} =    Find Gateway Problems    ${gateway}
        IF    $problems
            Fail    The Gateway ${gateway}[metadata][name] is not ready: ${{'; '.join($problems)}}.
        END
    END

The Router Presents A Trusted Certificate
    [Documentation]    OpenShift's router ends TLS for every Route, with a certificate for the Route's host.
    Skip Unless Deployed    openshift-routes
    ${routes} =    Read OpenShift Routes
    FOR    ${route}    IN    @{routes}
        ${entry} =    Get Entry Point Of OpenShift Route    ${route}
        Certificate Should Be Trusted    ${entry}
    END

The Router Redirects HTTP To HTTPS
    [Documentation]    A request to a Route's host without TLS is redirected to the same page with TLS.
    Skip Unless Deployed    openshift-routes
    ${routes} =    Read OpenShift Routes
    FOR    ${route}    IN    @{routes}
        VAR    ${host} =    ${route}[spec][host]
        ${entry} =    Get HTTP Entry Point Of OpenShift Route    ${route}
        ${answer} =    Send Request    ${entry}    GET    /x    ${LIMITS}[request]    follow_redirects=${False}
        VAR    ${to} =    ${answer.headers.get('Location')}
        Should Be True    $answer.is_redirect and $to == 'https://' + $host + '/x'
        ...    msg=${entry}/x answers ${answer.status_code} with Location ${to}, not a redirect to https://${host}/x
    END

The Route To MLflow Is Accepted
    [Documentation]    The gateway serves MLflow's host name, and the route's Service exists.
    [Tags]    mlflow
    Skip Unless Deployed    mlflow-route
    Route Should Be Accepted    mlflow

The Route To Phoenix Is Accepted
    [Documentation]    The gateway serves Phoenix's host name, and the route's Service exists.
    [Tags]    phoenix
    Skip Unless Deployed    phoenix
    Skip Unless Deployed    phoenix-route
    Route Should Be Accepted    phoenix

The Route To The Weather Agent Is Accepted
    [Documentation]    The gateway serves the agent's host name, and the route's Service exists.
    [Tags]    weather-agent
    Skip Unless Deployed    agent-route
    Route Should Be Accepted    weather-agent

MLflow Shows Its Page
    [Documentation]    What answers at MLflow's host name is MLflow's own page.
    [Tags]    mlflow
    ${answer} =    Get From Component    mlflow    /
    VAR    ${title} =    ${{(re.findall('<title>(.*?)</title>', $answer.text) or ['none'])[0]}}
    Should Be Equal    ${title}    MLflow
    ...    msg=What answers at MLflow's host name is not MLflow's page, its title is ${title}: correct its route.
    ...    values=False

MLflow Reads Its Database
    [Documentation]    MLflow's API lists its experiments.
    [Tags]    mlflow    postgres
    TRY
        ${found} =    Get JSON From Component    mlflow    /api/2.0/mlflow/experiments/search    max_results=1
    EXCEPT    AS    ${answer}
        Fail    MLflow cannot list its experiments, which its database has: ${answer}
    END
    Should Be True    $found.get('experiments')    msg=MLflow lists no experiment: ${found}

Phoenix Reads Its Database
    [Documentation]    Phoenix's API lists its projects.
    [Tags]    phoenix    postgres
    Skip Unless Deployed    phoenix
    TRY
        ${found} =    Get JSON From Component    phoenix    /v1/projects
    EXCEPT    AS    ${answer}
        Fail    Phoenix cannot list its projects, which its database has: ${answer}
    END
    Should Be True    $found.get('data')    msg=Phoenix lists no project: ${found}

The Weather Agent Publishes Its Agent Card
    [Documentation]    The card names the agent, its skills and where it takes questions by JSON-RPC.
    [Tags]    weather-agent
    ${card} =    Get JSON From Component    weather-agent    /.well-known/agent-card.json
    FOR    ${field}    IN    name    description    version    skills    capabilities    url
        Should Be True    $card.get($field) not in (None, '', [])    msg=The agent's card has no ${field}: ${card}
    END
    Should Be Equal    ${card.get('preferredTransport')}    JSONRPC

The Gateway Rejects An Unknown Host Name
    [Documentation]    No component answers at a host name that no route has.
    ${routes} =    Read OpenShift Routes
    IF    $routes
        ${known} =    Get HTTP Entry Point Of OpenShift Route    ${routes}[0]
        VAR    @{rejections} =    ${503}    # of OpenShift's router
    ELSE
        Skip Unless Deployed    gateway
        Skip Unless Deployed    host-names
        ${known} =    Find Entry Point By HTTPRoute
        VAR    @{rejections} =    ${404}    ${421}    # the second over TLS, which was opened for another name
    END
    VAR    &{headers} =    Host=unknown.example
    ${answer} =    Send Request    ${known}    GET    /    ${LIMITS}[request]    headers=${headers}
    Should Contain
    ...    ${rejections}
    ...    ${answer.status_code}
    ...    msg=${known} answers the host name unknown.example with ${answer.status_code}: a route leads it there.
    ...    values=False


*** Keywords ***
Find Entry Point By HTTPRoute
    [Documentation]    Return where the first component that has an HTTPRoute is reached by it.
    FOR    ${component}    IN    mlflow    phoenix    weather-agent
        ${route} =    Get Route Or None    ${component}
        IF    $route is None or $route['kind'] != 'HTTPRoute'    CONTINUE
        ${entry} =    Get Entry Point By Route    ${component}    ${route}
        RETURN    ${entry}
    END
    Fail    No HTTPRoute leads to MLflow, Phoenix or the agent.

Route Should Be Accepted
    [Documentation]    Fail with the conditions that the route does not meet.
    [Arguments]    ${component}
    ${route} =    Get Route Or None    ${component}
    ${problems} =    Find Route Problems    ${route}
    IF    $problems
        Fail
        ...    ${route}[kind] ${route}[metadata][name] to ${component} is not accepted: ${{'; '.join($problems)}}.
    END
