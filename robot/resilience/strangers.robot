*** Settings ***
Documentation     Network policies hold for pods that are no part of the stack. This suite makes a pod in another
...               namespace and one among the agents, and deletes both, so it runs only with
...               `--variable DISRUPTIVE:yes`.

Resource          ../../resources/disruption.resource
Resource          ../../resources/network.resource

Suite Setup       Skip Unless Strangers May Be Made
Suite Teardown    Leave Without Trace

Test Tags         resilience    disruptive    network


*** Variables ***
${OTHER_NAMESPACE}    default


*** Test Cases ***
A Pod Of Another Namespace Reaches No Part Of The Stack
    [Documentation]    Not even one that wears the weather agent's labels. That it can reach something is seen by
    ...    cluster DNS, which its own namespace does not deny.
    ${agent} =    Get Ready Pod    weather-agent
    ${stranger} =    Make A Visitor Like    ${agent}    ${OTHER_NAMESPACE}    ${agent}[metadata][labels]
    ${ways} =    Try Every Way    ${stranger}
    ${dns} =    Target Named    ${ways}    cluster-dns
    Way Should Be Open    ${ways}    ${stranger}[metadata][name]    ${dns}
    Stranger Should Reach Nothing But
    ...    ${ways}
    ...    ${stranger}
    ...    cluster-dns
    ...    api-server
    ...    outside
    ...    outside-allowed

A Pod That Nobody Expects Among The Agents Reaches Nobody
    [Documentation]    Whatever is deployed beside the agents is denied until a policy is made for it.
    ${agent} =    Get Ready Pod    weather-agent
    ${stranger} =    Make A Visitor Like    ${agent}    ${AGENTS_NAMESPACE}    ${{ {} }}
    ${ways} =    Try Every Way    ${stranger}
    Stranger Should Reach Nothing But    ${ways}    ${stranger}


*** Keywords ***
Skip Unless Strangers May Be Made
    [Documentation]    Skip where disruption is not wanted or there are no network policies.
    Skip Unless Disruption Is Allowed
    Skip Unless The Overlay Has Network Policies

Make A Visitor Like
    [Documentation]    Make a pod with the image of another one and wait until it runs; return it.
    [Arguments]    ${pod}    ${namespace}    ${labels}
    ${made} =    Create Visitor    ${pod}    ${namespace}    ${labels}
    ${running} =    Wait Until Keyword Succeeds
    ...    ${LIMITS}[recovery]
    ...    250ms
    ...    Running Pod
    ...    ${made}[metadata][name]
    ...    ${namespace}
    RETURN    ${running}

Running Pod
    [Documentation]    Return a pod; fail while it does not run.
    [Arguments]    ${name}    ${namespace}
    ${pod} =    Read Object    v1    Pod    ${name}    ${namespace}
    Should Be Equal    ${pod}[status][phase]    Running    msg=Pod ${name} is ${pod}[status][phase].    values=False
    RETURN    ${pod}

Stranger Should Reach Nothing But
    [Documentation]    Fail with everything that a visitor reaches, parts of the stack and beside it, but those named.
    [Arguments]    ${ways}    ${visitor}    @{names}
    VAR    @{targets} =    @{EMPTY}
    FOR    ${name}    IN    @{names}
        ${target} =    Target Named    ${ways}    ${name}
        VAR    @{targets} =    @{targets}    ${target}
    END
    Only These Ways Should Be Open    ${ways}    ${visitor}[metadata][name]    @{targets}

Leave Without Trace
    [Documentation]    Delete the visitors, and close what this machine opened.
    Close Listeners
    Delete Visitors
