*** Settings ***
Documentation    MLflow wants a login for pages, API, artifacts and spans alike, be it a password or a token of an
...              identity provider. What stays open is in docs/components.md: no data. No request here would change
...              anything, if it were accepted.

Resource         ../../resources/capabilities.resource
Resource         ../../resources/collector.resource
Resource         ../../resources/entry.resource
Resource         ../../resources/questions.resource
Resource         ../../resources/stack.resource
Resource         ../../resources/tenants.resource
Resource         ../../resources/traces.resource

Suite Setup      Begin With The Administrator's Login

Test Tags        authentication    mlflow


*** Variables ***
${EXPERIMENTS}           /api/2.0/mlflow/experiments
${DEFAULT_EXPERIMENT}    ${EXPERIMENTS}/get-by-name?experiment_name=Default
${MODELS}                /api/2.0/mlflow/registered-models
${ARTIFACTS}             /api/2.0/mlflow-artifacts
&{JSON}                  Content-Type=application/json
# Everything that MLflow has, at each address that it has it at: a method and a path a line.
@{REQUESTS}
...                      GET /
...                      GET /version
...                      GET /signup
...                      GET ${DEFAULT_EXPERIMENT}
...                      POST ${EXPERIMENTS}/create
...                      POST /ajax-api/2.0/mlflow/experiments/search
...                      POST /api/3.0/mlflow/traces/search
...                      GET /api/3.0/mlflow/traces/get?trace_id=tr-00000000000000000000000000000000
...                      GET /ajax-api/3.0/mlflow/get-trace-artifact?request_id=tr-00000000000000000000000000000000
...                      POST /graphql
...                      POST /v1/traces
...                      POST /v1/traces/
...                      GET ${ARTIFACTS}/artifacts
...                      GET ${ARTIFACTS}/artifacts/0/nothing
...                      POST ${ARTIFACTS}/mpu/create/0/nothing
...                      GET ${ARTIFACTS}/presigned/0/nothing
...                      GET /ajax-api/2.0/mlflow-artifacts/artifacts/0/nothing
...                      GET /get-artifact?path=nothing&run_uuid=0
...                      GET /model-versions/get-artifact?path=nothing&name=nothing&version=1
...                      POST /ajax-api/2.0/mlflow/upload-artifact
...                      POST /gateway/nothing/mlflow/invocations
...                      GET /ajax-api/2.0/mlflow/gateway-proxy
...                      GET /ajax-api/3.0/mlflow/gateway/secrets/config
...                      POST /ajax-api/3.0/jobs/search
...                      GET /ajax-api/3.0/mlflow/assistant/config
...                      GET /api/3.0/mlflow/mcp-servers
...                      GET /api/2.0/mlflow/users/list
...                      POST /api/2.0/mlflow/users/create
...                      GET /api/3.0/mlflow/roles/list
...                      GET /nothing-of-mlflow


*** Test Cases ***
MLflow Rejects Every Request Without A Login
    [Documentation]    MLflow asks for a login, whatever the request is.
    Every Request Should Be Rejected    ${None}

MLflow Gives No Metrics Without A Login
    [Documentation]    MLflow's metrics, where it has any, are of no use to strangers.
    ${answer} =    Send Request To MLflow    ${None}    GET    /metrics
    Should Be True    ${answer.status_code} in (401, 404)
    ...    msg=MLflow answers GET /metrics with ${answer.status_code}, expected 401, or 404 where it has none.

MLflow Rejects Every Request With A Wrong Login
    [Documentation]    The administrator's name with a wrong password opens nothing, nor does a token that is signed
    ...    by somebody else.
    ${wrong} =    Spoil Login    ${ADMINISTRATOR}
    Every Request Should Be Rejected    ${wrong}

MLflow Rejects Every Request Of An Unknown User
    [Documentation]    A user that MLflow does not have gets the same answers as one with a wrong password.
    ${wrong} =    Make Login    nobody-we-know    the-password-of-nobody
    Every Request Should Be Rejected    ${wrong}

MLflow Rejects Every Request With A Token For Another Service
    [Documentation]    The identity provider's signature alone opens nothing: the token must be meant for MLflow.
    Skip Unless Deployed    other-service
    ${login} =    Read Login Or None    ${OTHER_SERVICE}
    Every Request Should Be Rejected    ${login}

MLflow Rejects Every Request With An Expired Token, And The Suites' Login Gets A New One
    [Documentation]    Wait until a token has expired. It opens nothing any more; a new one is there by then.
    Skip Unless Deployed    tokens
    ${old} =    Copy Token    ${ADMINISTRATOR}
    Wait Until Keyword Succeeds    ${LIMITS}[token]    1s    Token Should Have Expired    ${old}
    Every Request Should Be Rejected    ${old}
    Answer Should Have Status    ${ADMINISTRATOR}    GET    ${DEFAULT_EXPERIMENT}    200

MLflow Accepts The Administrator's Requests
    [Documentation]    Page, API, spans and artifacts answer to the administrator: so MLflow rejected the other logins.
    [Template]    Answer Should Have Status
    ${ADMINISTRATOR}    GET    /    200
    ${ADMINISTRATOR}    GET    /version    200
    ${ADMINISTRATOR}    GET    ${DEFAULT_EXPERIMENT}    200
    ${ADMINISTRATOR}    POST    /v1/traces    400
    ${ADMINISTRATOR}    GET    ${ARTIFACTS}/artifacts    200

The Collector's User Can Store Traces And Read Its Experiment Only
    [Documentation]    Whoever gets the collector's login can read or write nothing else.
    [Tags]    otel-collector
    Skip Unless Deployed    collector-login
    ${collector} =    Read Login Of Collector
    ${id} =    Get Experiment Id Of Collector
    Answer Should Have Status    ${collector}    GET    ${EXPERIMENTS}/get?experiment_id=${id}    200
    Answer Should Have Status    ${collector}    POST    /v1/traces    403
    Answer Should Have Status    ${collector}    GET    ${EXPERIMENTS}/get?experiment_id=0    403
    Answer Should Have Status    ${collector}    POST    ${MODELS}/create    403    {"name": "no:name"}
    Answer Should Have Status    ${collector}    GET    ${ARTIFACTS}/artifacts/0/nothing    403

The Collector's User Can Neither Create Users Nor List Artifacts
    [Documentation]    It is for MLflow's own users: mlflow-oidc-auth creates none there, and lets every user list the
    ...    folders of artifacts.
    [Tags]    otel-collector
    Skip Unless Deployed    basic-auth
    Skip Unless Deployed    collector-login
    ${collector} =    Read Login Of Collector
    Answer Should Have Status    ${collector}    POST    /api/2.0/mlflow/users/create    403
    Answer Should Have Status    ${collector}    GET    ${ARTIFACTS}/artifacts    403

Another Tenant Can Neither Read Nor Store Traces In The Experiment
    [Documentation]    Somebody whom MLflow knows, and who was granted nothing, logs in and sees nothing of it.
    Skip Unless Deployed    other-tenant
    ${tenant} =    Read Login Or None    ${OTHER_TENANT}
    ${id} =    Get Experiment Id Of Collector
    VAR    ${place} =    {"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": "${id}"}}
    VAR    ${search} =    {"locations": [${place}]}
    Answer Should Have Status    ${tenant}    GET    /version    200
    Answer Should Have Status    ${tenant}    GET    ${EXPERIMENTS}/get?experiment_id=${id}    403
    Answer Should Have Status    ${tenant}    GET    ${ARTIFACTS}/artifacts/${id}/nothing    403
    Answer Should Have Status    ${tenant}    POST    /api/3.0/mlflow/traces/search    403    ${search}
    Answer Should Have Status    ${tenant}    POST    /v1/traces    403    experiment=${id}

The Agent's Pod Cannot Use MLflow Without A Login
    [Documentation]    From the agent's pod too MLflow wants a login, or a network policy denies the connection.
    [Tags]    weather-agent
    ${place} =    Get Component Service    mlflow
    VAR    ${url} =    http://${place}[service].${place}[namespace].svc.cluster.local:5000
    VAR    &{headers} =    &{JSON}    x-mlflow-experiment-id=0    Host=mlflow:5000
    FOR    ${path}    ${body}    IN    /v1/traces    {}    /version    ${None}
        ${answer} =    Send Request From Component    weather-agent    ${url}${path}    ${body}    &{headers}
        Should Be True    $answer['status'] in (0, 401)
        ...    msg=From the agent's pod MLflow answers ${path} with ${answer}[status], expected 401: ${answer}[body]
        VAR    ${seen} =    ${{$answer['status'] or 'no answer (' + $answer['body'] + ')'}}
        Set Test Message    ${path}: ${seen}.\n    append=True
    END

The Collector Logs In And The Trace Arrives In MLflow
    [Documentation]    The exporter has a login, and with it a question's trace arrives whole in MLflow.
    [Tags]    otel-collector    weather-agent
    ${exporter} =    Get Exporter    mlflow
    Should Be True    $exporter.authenticator    msg=The collector's exporter to MLflow sends no login.
    ${before} =    Read Collector Metrics Or None
    ${question} =    Ask About    ${CITY}
    Wait For Whole Trace In MLflow    ${question}    ${before}


*** Keywords ***
Read Login Of Collector
    [Documentation]    Return the login that the collector's exporter sends to MLflow. Where its configuration does not
    ...    say of which Secret that is, take the first of COLLECTOR_LOGINS that is there.
    ${exporter} =    Get Exporter    mlflow
    ${place} =    Find Login Of Exporter    ${exporter}
    VAR    @{places} =    @{{[$place] if $place else $COLLECTOR_LOGINS}}
    ${login} =    Read Login Or None    @{places}
    RETURN    ${login}

Begin With The Administrator's Login
    [Documentation]    Skip where MLflow wants no login. Find the administrator's.
    Skip Unless Deployed    login
    ${entry} =    Get Entry Point Without Login    mlflow
    VAR    ${MLFLOW} =    ${entry}    scope=SUITE
    Answer Should Have Status    ${None}    GET    ${DEFAULT_EXPERIMENT}    401
    ${login} =    Get Login For MLflow    ${entry}
    VAR    ${ADMINISTRATOR} =    ${login}    scope=SUITE

Spoil Login
    [Documentation]    Return a login like this one that must be rejected.
    [Arguments]    ${login}
    IF    hasattr($login, 'password')
        ${wrong} =    Make Login    ${login.username}    the-password-of-nobody
        RETURN    ${wrong}
    END
    ${token} =    Copy Token    ${login}
    ${wrong} =    Forge Token    ${token}
    RETURN    ${wrong}

Token Should Have Expired
    [Documentation]    Fail unless a token's time is over.
    [Arguments]    ${token}
    ${end} =    Get Expiry Of Token    ${token}
    Should Be True    time.time() > $end    msg=The token is valid for ${{round($end - time.time())}} s more.

Every Request Should Be Rejected
    [Documentation]    Send every request with a login, and fail with all that MLflow accepts. It rejects with 401.
    ...    Ours rejects spans with a wrong login with 503, so that their sender keeps them.
    [Arguments]    ${login}
    VAR    @{accepted} =    @{EMPTY}
    FOR    ${request}    IN    @{REQUESTS}
        ${answer} =    Send Request To MLflow    ${login}    @{{$request.split(' ', 1)}}
        VAR    ${kept} =    ${{$answer.status_code == 503 and $login and $request == 'POST /v1/traces'}}
        IF    ${answer.status_code} != 401 and not $kept
            VAR    @{accepted} =    @{accepted}    ${request} answers ${answer.status_code}, expected 401
        END
    END
    Should Be Empty    ${accepted}    msg=MLflow did not reject: ${{'; '.join($accepted)}}.

Answer Should Have Status
    [Documentation]    Fail unless MLflow answers a request with a login with that status.
    [Arguments]    ${login}    ${method}    ${path}    ${status}    ${content}={}    ${experiment}=0    # robocop: off=LEN07
    ${answer} =    Send Request To MLflow    ${login}    ${method}    ${path}    ${content}    ${experiment}
    VAR    ${meaning} =    ${{'. This login may do too much' if $status == '403' else ''}}
    VAR    ${seen} =    ${{$login or 'no login'}} MLflow answers ${method} ${path} with ${answer.status_code}
    Should Be Equal As Integers    ${answer.status_code}    ${status}
    ...    msg=With ${seen}, not ${status}${meaning}: ${answer.text[:300].strip()}
    ...    values=False

Send Request To MLflow
    [Documentation]    Return MLflow's answer to a request with a login, or without one; POST has a JSON object.
    [Arguments]    ${login}    ${method}    ${path}    ${content}={}    ${experiment}=0
    ${entry} =    Get Entry Point With Login    ${MLFLOW}    ${login}
    VAR    ${body} =    ${{$content if $method == 'POST' else None}}
    VAR    &{headers} =    &{JSON}    x-mlflow-experiment-id=${experiment}
    ${answer} =    Send Request
    ...    ${entry}
    ...    ${method}
    ...    ${path}
    ...    ${LIMITS}[request]
    ...    body=${body}
    ...    headers=${{$headers if $method == 'POST' else None}}
    ...    follow_redirects=${False}
    RETURN    ${answer}
