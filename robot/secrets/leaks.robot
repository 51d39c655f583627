*** Settings ***
Documentation     The values of the stack's Secrets stay in their Secrets: no log, no command line and no other object
...               contains one, neither as it is nor in base64. After the run robot/__init__.robot searches the suites'
...               own output. Each message says what was searched, what could not be, and which values are too short.

Resource          ../../resources/capabilities.resource
Resource          ../../resources/findings.resource
Resource          ../../resources/secrecy.resource

Suite Setup       Begin With Secret Values
Suite Teardown    Report Findings

Test Tags         secrecy


*** Test Cases ***
No Container Logs A Secret
    [Documentation]    The logs of every container of the stack: of init containers, and from before a restart, too.
    ${pods} =    Get All Pods
    ${logs} =    Read Logs Of Pods    ${pods}
    Should Contain No Secret    ${logs}

No Command Line Contains A Secret
    [Documentation]    The command lines of every process in the stack's pods. A container without a shell cannot list
    ...    them; it runs what its pod's specification says, which the next test searches. Of an installation whose own
    ...    manifests do this, TOLERATE can make it a warning.
    ${pods} =    Get All Pods
    ${command_lines} =    Read Command Lines Of Pods    ${pods}
    ${leaks}    ${searched} =    Search For Secrets    ${command_lines}    ${VALUES}
    ${tolerated} =    Findings Should Be Tolerated    password-on-command-line    ${leaks}    ${TOLERATE}
    Set Test Message    ${searched} ${tolerated}

No Object Except A Secret Contains A Secret
    [Documentation]    Workloads, pods with their environment and their command, ConfigMaps, events.
    ${namespaces} =    Get Namespaces
    ${objects} =    Read Objects Of Namespaces    ${namespaces}
    Should Contain No Secret    ${objects}


*** Keywords ***
Begin With Secret Values
    [Documentation]    Read the stack's Secrets; skip where they have no secret value.
    Skip Unless Deployed    secrets
    ${values} =    Read Secrets
    VAR    ${VALUES} =    ${values}    scope=SUITE

Should Contain No Secret
    [Documentation]    Fail with the places that leak a secret; write into the report what was searched.
    [Arguments]    ${texts}
    ${searched} =    Texts Should Contain No Secret    ${texts}    ${VALUES}
    Set Test Message    ${searched}
