*** Settings ***
Documentation    The ways inside the cluster that spans take, tried from pods by the very addresses that agent and
...              collector are told to use. The requests carry no span: nothing is stored.

Resource         ../../resources/collector.resource

Test Tags        reachability    inside


*** Variables ***
&{JSON}    Content-Type=application/json


*** Test Cases ***
The Collector Takes Spans From The Agent's Place
    [Documentation]    From the agent's pod, the collector's OTLP port takes an empty export request.
    [Tags]    weather-agent    otel-collector
    ${agent} =    Get Workload    weather-agent
    ${endpoint} =    Read Environment Variable    ${agent}    OTEL_EXPORTER_OTLP_ENDPOINT
    ${answer} =    Request From    weather-agent    ${endpoint}/v1/traces    {}
    Should Be Equal As Integers    ${answer}[status]    200
    ...    msg=From the agent's pod, ${endpoint}/v1/traces answers with ${answer}[status]: ${answer}[body]
    ...    values=False

MLflow Takes Spans By The Name That The Collector Uses
    [Documentation]    MLflow accepts the host name and path of the collector's exporter. To a request without spans it
    ...    says that there are none, which only the right path says, and only to a host that it allows.
    [Tags]    mlflow    otel-collector
    ${exporter} =    Get Exporter    mlflow
    ${experiment} =    Get Experiment Id Of Collector
    VAR    &{headers} =    &{JSON}    x-mlflow-experiment-id=${experiment}
    VAR    ${login} =    ${{$exporter.authenticator is not None}}
    ${answer} =    Request From    mlflow    ${exporter.endpoint}    {}    own_login=${login}    &{headers}
    Should Be True    $answer['status'] == 400 and 'no spans found' in $answer['body']
    ...    msg=MLflow does not take spans at ${exporter.endpoint}, it answers ${answer}[status]: ${answer}[body]

MLflow Refuses A Host Name That It Is Not Reached By
    [Documentation]    MLflow answers only to the names it is reached by, which keeps foreign web pages out.
    [Tags]    mlflow
    ${answer} =    Request From    mlflow    http://mlflow:5000/    ${None}    Host=stranger.example
    Should Be Equal As Integers    ${answer}[status]    403
    ...    msg=MLflow answers the host name stranger.example with ${answer}[status]: ${answer}[body]
    ...    values=False


*** Keywords ***
Request From
    [Documentation]    Return what a component's pod gets from a URL: `status`, 0 without an answer, and `body`; with
    ...    the login for MLflow that the pod has itself, if that is asked for.
    [Arguments]    ${component}    ${url}    ${body}    ${own_login}=${False}    &{headers}
    ${workload} =    Get Workload    ${component}
    VAR    ${container} =    ${workload}[spec][template][spec][containers][0][name]
    ${pod} =    Get Ready Pod    ${component}
    IF    not $headers
        VAR    &{headers} =    &{JSON}
    END
    ${answer} =    Request From Pod
    ...    ${pod}
    ...    ${container}
    ...    ${url}
    ...    headers=${headers}
    ...    body=${body}
    ...    own_login=${own_login}
    RETURN    ${answer}
