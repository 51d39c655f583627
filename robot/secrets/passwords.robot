*** Settings ***
Documentation    The passwords that the cluster made stay in their Secrets: no log, no process list, no other object and
...              no report of these suites has one, neither as it is nor in base64. It runs last, after what logs in.

Resource         ../../resources/stack.resource
Library          ../../libraries/secrecy/

Suite Setup      Read The Passwords

Test Tags        secrecy


*** Test Cases ***
No Pod's Log Tells A Password
    [Documentation]    The logs of every container of the stack, of init containers too.
    Nobody Should Tell A Password    Logs Of The Stack

No Process List Tells A Password
    [Documentation]    The command lines of every process in the stack's pods, as far as a container has a shell to list
    ...    them; a container without one runs what its pod specification says, which the next test looks at.
    Nobody Should Tell A Password    Processes Of The Stack

No Object But Its Secret Tells A Password
    [Documentation]    Workloads, pods with their environment and their command, ConfigMaps and events.
    Nobody Should Tell A Password    Objects Of The Stack

These Suites' Own Output Tells No Password
    [Documentation]    What the suites before have written to output.xml, from which log and report are made.
    ${texts} =    Results So Far    ${OUTPUT FILE}
    IF    not $texts
        Skip    Robot Framework writes no output file in this run.
    END
    Should Tell No Password    ${texts}


*** Keywords ***
Read The Passwords
    [Documentation]    Read the passwords of the stack's Secrets; skip where this kubeconfig may not, or there are none.
    TRY
        ${passwords} =    Read Passwords    ${NAMESPACES}
    EXCEPT    AS    ${reason}
        Skip    What nobody may read cannot be searched for: ${reason}
    END
    IF    not $passwords    Skip    The stack has no Secret with a password.
    VAR    ${PASSWORDS} =    ${passwords}    scope=SUITE

Nobody Should Tell A Password
    [Documentation]    Fail with the places, among those that the keyword returns, that tell a password.
    [Arguments]    ${finder}
    ${texts} =    Run Keyword    ${finder}    ${NAMESPACES}
    Should Not Be Empty    ${texts}    msg=There is nothing to search.
    Should Tell No Password    ${texts}

Should Tell No Password
    [Documentation]    Fail with the places whose text has a password.
    [Arguments]    ${texts}
    ${told} =    Places That Tell    ${PASSWORDS}    ${texts}
    Should Be Empty    ${told}    msg=${{'; '.join($told)}}.
    Set Test Message    Searched ${{len($texts)}} places for ${{len($PASSWORDS)}} passwords.
