*** Settings ***
Documentation    People log in at the identity provider's page, in a real browser, and come back to MLflow's pages.

Resource         ../../resources/capabilities.resource
Resource         ../../resources/entry.resource
Resource         ../../resources/mlflow.resource
Resource         ../../resources/ui-mlflow.resource

Suite Setup      Begin With A Person's Login
Test Setup       Open The Browser    ${MLFLOW}    ${PROVIDER}
Test Teardown    Close The Browser

Test Tags        authentication    ui    mlflow


*** Variables ***
${PASSWORD_FIELD}    css:input[type=password]


*** Test Cases ***
A Person Logs In At The Identity Provider And Sees The Experiment
    [Documentation]    MLflow's page leads to the provider's form, and the form back to MLflow's page.
    ${experiment} =    Get Experiment
    Visit Page    MLflow's page    ${MLFLOW.url}/#/experiments    ${MLFLOW_TOLERATED}
    Submit Login Form    ${PERSON_LOGIN}    ${PAGE_LIMIT}
    Wait Until Location Contains    ${MLFLOW.url}    ${PAGE_LIMIT}
    Visit Page    MLflow's list of experiments    ${MLFLOW.url}/#/experiments    ${MLFLOW_TOLERATED}
    Part Should Show    the list    css:main    ${experiment}[name]
    MLflow Page Should Be Sound

A Person With A Wrong Password Does Not Come Back To MLflow
    [Documentation]    The provider asks again, and MLflow's page still leads there.
    Visit Page    MLflow's page    ${MLFLOW.url}/    ${MLFLOW_TOLERATED}
    ${wrong} =    Make Login    ${PERSON_LOGIN.username}    the-password-of-nobody
    Submit Login Form    ${wrong}    ${PAGE_LIMIT}
    Wait Until Location Contains    ${PROVIDER.url}    ${PAGE_LIMIT}
    Visit Page    MLflow's page    ${MLFLOW.url}/    ${MLFLOW_TOLERATED}
    Part Should Show    the provider's form    ${PASSWORD_FIELD}
    Location Should Contain    ${PROVIDER.url}


*** Keywords ***
Begin With A Person's Login
    [Documentation]    Skip where nobody's name and password are known; find the page where people log in.
    Skip Unless Deployed    person
    ${person} =    Read Login Or None    ${PERSON}
    VAR    ${PERSON_LOGIN} =    ${person}    scope=SUITE
    ${entry} =    Get Entry Point Without Login    mlflow
    VAR    ${MLFLOW} =    ${entry}    scope=SUITE
    ${answer} =    Send Request    ${entry}    GET    /login    ${LIMITS}[request]    follow_redirects=${False}
    VAR    ${page} =    ${answer.headers.get('Location', '')}
    Should Start With    ${page}    http    msg=MLflow's /login leads to no page: ${answer.status_code} ${page}
    ${provider} =    Get Entry Point Of Login Page    ${entry}    ${page}
    VAR    ${PROVIDER} =    ${provider}    scope=SUITE
