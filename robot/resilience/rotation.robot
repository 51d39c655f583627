*** Settings ***
Documentation    Passwords change while traces arrive: MLflow and the collector use the new ones, MLflow rejects the old
...              ones, and no span is lost. It changes two Secrets, so it runs only where DISRUPTIVE names the context.

Resource         ../../resources/disruption.resource

Suite Setup      Begin With Logins
Test Teardown    Stop All Asking

Test Tags        resilience    disruptive    authentication


*** Test Cases ***
No Span Is Lost When Passwords Change
    [Documentation]    The passwords of administrator and collector change in their Secrets; nobody restarts anything.
    [Tags]    mlflow    otel-collector
    ${asking} =    Start Asking Questions
    ${old}    ${new} =    Change Both Passwords
    ${entry} =    Get Entry Point Without Login    mlflow
    Wait Until Keyword Succeeds
    ...    ${LIMITS}[recovery]
    ...    1s
    ...    MLflow Should Accept Only
    ...    ${entry}
    ...    ${new}
    ...    ${old}
    Wait Until The Stack Is Ready
    Forget Login For MLflow
    No Question Should Have Lost A Span    ${asking}


*** Keywords ***
Begin With Logins
    [Documentation]    Skip where disruption is not allowed or MLflow has no passwords; wait until the stack is ready.
    Skip Unless Deployed    basic-auth
    Skip Unless Deployed    collector-login
    Begin Disruption
    Remember Workloads
    Wait Until The Stack Is Ready

Change Both Passwords
    [Documentation]    Return the administrator's login as it was and as it is now.
    ${namespace} =    Get Namespace Of    ${MLFLOW_ADMIN}
    ${old} =    Read Login    ${namespace}    ${MLFLOW_ADMIN}[secret]
    Change Password    ${namespace}    mlflow-collector
    Change Password    ${namespace}    ${MLFLOW_ADMIN}[secret]
    ${new} =    Read Login    ${namespace}    ${MLFLOW_ADMIN}[secret]
    RETURN    ${old}    ${new}

MLflow Should Accept Only
    [Documentation]    Fail unless MLflow accepts the one login and rejects the other.
    [Arguments]    ${entry}    ${right}    ${wrong}
    ${asked} =    Get Entry Point With Login    ${entry}    ${right}
    ${taken} =    Check If MLflow Accepts Login    ${asked}
    IF    not $taken    Fail    MLflow rejects the new password.
    ${asked} =    Get Entry Point With Login    ${entry}    ${wrong}
    ${taken} =    Check If MLflow Accepts Login    ${asked}
    Should Be Equal    ${taken}    ${False}    msg=MLflow still accepts the old password.    values=False
