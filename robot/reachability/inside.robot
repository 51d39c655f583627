*** Settings ***
Documentation    The connections inside the cluster that spans take, tried from pods with the very URLs that agent and
...              collector are configured with. The requests carry no span: nothing is stored.

Resource         ../../resources/capabilities.resource
Resource         ../../resources/collector.resource
Resource         ../../resources/stack.resource

Test Tags        reachability    inside


*** Test Cases ***
The Agent's Pod Can Send Spans To The Collector
    [Documentation]    From the agent's pod, the collector's OTLP port accepts an empty export request.
    [Tags]    weather-agent    otel-collector
    Skip Unless Deployed    agent-spans
    Send Spans From Agent Pod    {}

MLflow Accepts Spans At The URL Of The Collector's Exporter
    [Documentation]    MLflow answers that the request has no spans. Only the right path answers so, and only for a host
    ...    name that MLflow allows.
    [Tags]    mlflow    otel-collector
    ${exporter} =    Get Exporter    mlflow
    ${experiment} =    Get Experiment Id Of Collector
    VAR    &{headers} =    Content-Type=application/x-protobuf    x-mlflow-experiment-id=${experiment}
    VAR    ${login} =    ${{$exporter.authenticator is not None}}
    ${answer} =    Send Request From Component
    ...    mlflow
    ...    ${exporter.endpoint}
    ...    ${EMPTY}
    ...    own_login=${login}
    ...    &{headers}
    Should Be True    $answer['status'] == 400 and 'no spans found' in $answer['body']
    ...    msg=MLflow rejects spans at ${exporter.endpoint}, it answers ${answer}[status]: ${answer}[body]

MLflow Rejects An Unknown Host Name
    [Documentation]    MLflow answers only for its own host names, so a foreign web page cannot use it by DNS rebinding.
    ...    Where it asks for a login first, the page cannot use it either.
    [Tags]    mlflow
    ${exporter} =    Get Exporter    mlflow
    ${url} =    Evaluate    urllib.parse.urljoin($exporter.endpoint, '/')    modules=urllib.parse
    ${answer} =    Send Request From Component    mlflow    ${url}    Host=unknown.example
    Should Be True
    ...    $answer['status'] in (401, 403)
    ...    msg=MLflow answers the host name unknown.example with ${answer}[status]: set MLFLOW_SERVER_ALLOWED_HOSTS.
