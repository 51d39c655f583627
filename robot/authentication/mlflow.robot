*** Settings ***
Documentation    Nobody reads or writes MLflow without a login: pages, API, artifacts and spans alike. Open by MLflow's
...              own rules are only /health, /static-files (the pages' program) and server-info (what the server
...              can do). No request here would change anything, should it not be refused.

Resource         ../../resources/collector.resource
Resource         ../../resources/entry.resource
Resource         ../../resources/questions.resource
Resource         ../../resources/traces.resource

Suite Setup      Skip Unless MLflow Wants A Login

Test Tags        authentication    mlflow


*** Variables ***
${EXPERIMENTS}              /api/2.0/mlflow/experiments
${ARTIFACTS}                /api/2.0/mlflow-artifacts
&{JSON}                     Content-Type=application/json
&{JSON_TO_AN_EXPERIMENT}    &{JSON}    x-mlflow-experiment-id=0
# Each kind of thing that MLflow has, at each address that it has it at: a method and a path a line.
@{WAYS_IN}
...                         GET /
...                         GET /version
...                         GET /metrics
...                         GET /signup
...                         GET ${EXPERIMENTS}/get-by-name?experiment_name=${EXPERIMENT_NAME}
...                         POST ${EXPERIMENTS}/create
...                         POST /ajax-api/2.0/mlflow/experiments/search
...                         POST /api/3.0/mlflow/traces/search
...                         GET /api/3.0/mlflow/traces/get?trace_id=tr-00000000000000000000000000000000
...                         GET /ajax-api/3.0/mlflow/get-trace-artifact?request_id=tr-00000000000000000000000000000000
...                         POST /graphql
...                         POST /v1/traces
...                         POST /v1/traces/
...                         GET ${ARTIFACTS}/artifacts
...                         GET ${ARTIFACTS}/artifacts/0/nothing
...                         POST ${ARTIFACTS}/mpu/create/0/nothing
...                         GET ${ARTIFACTS}/presigned/0/nothing
...                         GET /ajax-api/2.0/mlflow-artifacts/artifacts/0/nothing
...                         GET /get-artifact?path=nothing&run_uuid=0
...                         GET /model-versions/get-artifact?path=nothing&name=nothing&version=1
...                         POST /ajax-api/2.0/mlflow/upload-artifact
...                         POST /gateway/nothing/mlflow/invocations
...                         GET /ajax-api/2.0/mlflow/gateway-proxy
...                         GET /ajax-api/3.0/mlflow/gateway/secrets/config
...                         POST /ajax-api/3.0/jobs/search
...                         GET /ajax-api/3.0/mlflow/assistant/config
...                         GET /api/3.0/mlflow/mcp-servers
...                         GET /api/2.0/mlflow/users/list
...                         POST /api/2.0/mlflow/users/create
...                         GET /api/3.0/mlflow/roles/list
...                         GET /nothing-of-mlflow


*** Test Cases ***
Without A Login Every Way In Is Refused
    [Documentation]    MLflow asks for a login, whatever is asked of it.
    Every Way In Should Be Refused    ${None}

With A Wrong Password Every Way In Is Refused
    [Documentation]    The administrator's name alone opens nothing.
    ${user} =    User Of    ${RIGHT}
    ${wrong} =    Make Login    ${user}    the-password-of-nobody
    Every Way In Should Be Refused    ${wrong}

With An Unknown User Every Way In Is Refused
    [Documentation]    A user that MLflow does not have is refused, and not told from one with a wrong password.
    ${wrong} =    Make Login    nobody-we-know    the-password-of-nobody
    Every Way In Should Be Refused    ${wrong}

With The Right Login The Ways In Are Open
    [Documentation]    Page, API, spans and artifacts answer to the administrator: so it was the login that was refused.
    [Template]    Should Be Answered
    ${RIGHT}    GET    /    200
    ${RIGHT}    GET    /version    200
    ${RIGHT}    GET    ${EXPERIMENTS}/get-by-name?experiment_name=${EXPERIMENT_NAME}    200
    ${RIGHT}    POST    /v1/traces    400
    ${RIGHT}    GET    ${ARTIFACTS}/artifacts    200

The Collector's User May Store Traces And Little Else
    [Documentation]    The collector's own login stores spans in the experiment, and reads and writes nothing else.
    [Tags]    otel-collector
    ${namespace} =    Replace Variables    ${MLFLOW_ADMIN}[namespace]
    TRY
        ${found} =    Read Login    ${namespace}    mlflow-collector
    EXCEPT    Cannot read *: 403 *    type=GLOB    AS    ${reason}
        Skip    This kubeconfig may not read the collector's login, so it cannot be tried: ${reason}
    END
    Should Be Answered    ${found}    GET    ${EXPERIMENTS}/get-by-name?experiment_name=${EXPERIMENT_NAME}    200
    Should Be Answered    ${found}    POST    /v1/traces    403
    Should Be Answered    ${found}    GET    ${EXPERIMENTS}/get?experiment_id=0    403
    Should Be Answered    ${found}    POST    /api/2.0/mlflow/registered-models/create    403
    Should Be Answered    ${found}    POST    /api/2.0/mlflow/users/create    403
    Should Be Answered    ${found}    GET    ${ARTIFACTS}/artifacts    403

From The Agent's Place MLflow Is Closed
    [Documentation]    Inside the cluster too: from the agent's pod MLflow wants a login, or a policy keeps it away.
    [Tags]    weather-agent
    ${agent} =    Get Workload    weather-agent
    ${pod} =    Get Ready Pod    weather-agent
    ${place} =    Get Component Service    mlflow
    VAR    &{headers} =    &{JSON_TO_AN_EXPERIMENT}    Host=mlflow:5000
    FOR    ${path}    ${body}    IN    /v1/traces    {}    /version    ${None}
        ${answer} =    Request From Pod
        ...    ${pod}
        ...    ${agent}[spec][template][spec][containers][0][name]
        ...    http://${place}[service].${place}[namespace].svc.cluster.local:5000${path}
        ...    headers=${headers}
        ...    body=${body}
        Should Be True    $answer['status'] in (0, 401)
        ...    msg=From the agent's pod MLflow answers ${path} with ${answer}[status]: ${answer}[body]
    END

The Collector Logs In And A Trace Arrives
    [Documentation]    The exporter has a login, and with it a question's trace comes whole into MLflow.
    [Tags]    otel-collector    weather-agent
    ${exporter} =    Get Exporter Or None    mlflow
    Should Be True    $exporter is not None and $exporter.authenticator
    ...    msg=The collector's exporter to MLflow sends no login.
    ${before} =    Read Collector Metrics Or None
    ${question} =    Ask About The Weather    What is the weather in ${CITY}?
    Wait For Whole Trace In MLflow    ${question}    ${before}


*** Keywords ***
Skip Unless MLflow Wants A Login
    [Documentation]    Skip where the overlay has no mlflow-auth: neither is MLflow told to want a login, nor has the
    ...    collector one. Find the right login.
    ${mlflow} =    Get Workload    mlflow
    ${exporter} =    Get Exporter Or None    mlflow
    VAR    ${told} =    ${{'--app-name=basic-auth' in $mlflow['spec']['template']['spec']['containers'][0]['args']}}
    IF    not $told and ($exporter is None or not $exporter.authenticator)
        Skip    This overlay has no mlflow-auth: MLflow wants no login.
    END
    ${address} =    Open Entry Point Of    mlflow
    VAR    ${ENTRY} =    ${address}    scope=SUITE
    ${admin} =    Login That MLflow Wants    ${address}
    IF    $admin is None
        Fail    The overlay has mlflow-auth, but MLflow at ${address} does not ask for a login.
    END
    VAR    ${RIGHT} =    ${admin}    scope=SUITE

Every Way In Should Be Refused
    [Documentation]    Ask in every way with a login, and fail with all that are not refused. Refused is 401; for spans
    ...    with a wrong login it is 503, so that their sender keeps them.
    [Arguments]    ${login}
    VAR    @{open} =    @{EMPTY}
    FOR    ${way}    IN    @{WAYS_IN}
        ${answer} =    Ask MLflow    ${login}    @{{$way.split()}}
        VAR    ${refusal} =    ${{503 if $login and $way == 'POST /v1/traces' else 401}}
        IF    ${answer.status_code} != ${refusal}
            VAR    @{open} =    @{open}    ${way} is answered ${answer.status_code}, not ${refusal}
        END
    END
    Should Be Empty    ${open}    msg=Not refused: ${{'; '.join($open)}}.

Should Be Answered
    [Documentation]    Fail unless a request with a login is answered with that status.
    [Arguments]    ${login}    ${method}    ${path}    ${status}
    ${answer} =    Ask MLflow    ${login}    ${method}    ${path}
    Should Be Equal As Integers    ${answer.status_code}    ${status}
    ...    msg=MLflow answers ${method} ${path} with ${answer.status_code}, not ${status}: ${answer.text[:300].strip()}
    ...    values=False

Ask MLflow
    [Documentation]    Return MLflow's answer to a request with a login, or without one; POST has an empty JSON object.
    [Arguments]    ${login}    ${method}    ${path}
    ${asked} =    Entry Point With Login    ${ENTRY}    ${login}
    Open Session    mlflow    ${asked}
    IF    $method == 'GET'
        ${answer} =    GET On Session    mlflow    ${path}    expected_status=any    allow_redirects=${False}
    ELSE
        ${answer} =    POST On Session
        ...    mlflow
        ...    ${path}
        ...    data={}
        ...    headers=${JSON_TO_AN_EXPERIMENT}
        ...    expected_status=any
        ...    allow_redirects=${False}
    END
    RETURN    ${answer}
