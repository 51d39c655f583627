*** Settings ***
Documentation     Network policies deny pods that do not belong to the stack. This suite creates a visitor in another
...               namespace and one among the agents, and deletes both. So it runs only where DISRUPTIVE names the
...               context.

Resource          ../../resources/disruption.resource
Resource          ../../resources/network.resource

Suite Setup       Skip Unless Visitors Are Allowed
Suite Teardown    Delete Visitors And Close Listeners

Test Tags         resilience    disruptive    network


*** Variables ***
${OTHER_NAMESPACE}    default


*** Test Cases ***
A Pod From Another Namespace Cannot Reach Any Component
    [Documentation]    The pod carries the weather agent's labels. It reaches cluster DNS, which its own namespace does
    ...    not deny: so it can reach something.
    ${agent} =    Get Ready Pod    weather-agent
    ${visitor} =    Start Visitor    ${agent}    ${OTHER_NAMESPACE}    ${agent}[metadata][labels]
    ${attempts} =    Try Every Connection    ${visitor}
    ${dns} =    Get Target Named    ${attempts}    cluster-dns
    Connection Should Be Open    ${attempts}    ${visitor}[metadata][name]    ${dns}
    Visitor Should Reach Only
    ...    ${attempts}
    ...    ${visitor}
    ...    cluster-dns
    ...    api-server
    ...    outside
    ...    outside-allowed

An Unknown Pod Among The Agents Cannot Reach Anything
    [Documentation]    A pod beside the agents is denied until a policy allows its flows.
    ${agent} =    Get Ready Pod    weather-agent
    ${visitor} =    Start Visitor    ${agent}    ${AGENTS_NAMESPACE}    ${{ {} }}
    ${attempts} =    Try Every Connection    ${visitor}
    Visitor Should Reach Only    ${attempts}    ${visitor}


*** Keywords ***
Skip Unless Visitors Are Allowed
    [Documentation]    Skip where disruption is not allowed or there are no network policies of ours.
    Skip Unless Deployed    documented-flows
    Begin Disruption    ${OTHER_NAMESPACE}

Start Visitor
    [Documentation]    Create a visitor with the image of another pod and wait until it runs; return it.
    [Arguments]    ${pod}    ${namespace}    ${labels}
    ${made} =    Create Visitor    ${pod}    ${namespace}    ${labels}
    ${running} =    Wait Until Keyword Succeeds
    ...    ${LIMITS}[recovery]
    ...    250ms
    ...    Get Running Pod
    ...    ${made}[metadata][name]
    ...    ${namespace}
    RETURN    ${running}

Get Running Pod
    [Documentation]    Return a pod; fail while it does not run.
    [Arguments]    ${name}    ${namespace}
    ${pod} =    Read Object    v1    Pod    ${name}    ${namespace}
    Should Be Equal    ${pod}[status][phase]    Running    msg=Pod ${name} is ${pod}[status][phase].    values=False
    RETURN    ${pod}

Visitor Should Reach Only
    [Documentation]    Fail with every target that a visitor reaches and that is not among those named.
    [Arguments]    ${attempts}    ${visitor}    @{names}
    VAR    @{targets} =    @{EMPTY}
    FOR    ${name}    IN    @{names}
        ${target} =    Get Target Named    ${attempts}    ${name}
        VAR    @{targets} =    @{targets}    ${target}
    END
    Only These Connections Should Be Open    ${attempts}    ${visitor}[metadata][name]    @{targets}

Delete Visitors And Close Listeners
    [Documentation]    Delete the visitors, and close the ports that this machine opened.
    Close Listeners
    Delete Visitors
