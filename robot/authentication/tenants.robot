*** Settings ***
Documentation    Tenants share MLflow and Phoenix: each one's traces arrive in an experiment of its own, which no other
...              tenant's login reads or writes. Each login is tried from the pod of the tenant's own agent. Phoenix
...              keeps the traces apart, and hides them from nobody. The probes that are sent stay where they arrive.

Library          Collections
Resource         ../../resources/capabilities.resource
Resource         ../../resources/collector.resource
Resource         ../../resources/entry.resource
Resource         ../../resources/mlflow.resource
Resource         ../../resources/questions.resource
Resource         ../../resources/tenants.resource
Resource         ../../resources/traces.resource

Suite Setup      Begin With Tenants

Test Tags        authentication    tenants    mlflow


*** Variables ***
${EXPERIMENTS_API}    /api/2.0/mlflow/experiments
${TRACES_API}         /api/3.0/mlflow/traces


*** Test Cases ***
Each Tenant's Trace Arrives In Its Own Experiment And In No Other
    [Documentation]    Each agent is asked a question, and its trace is looked for in all experiments.
    [Tags]    weather-agent    otel-collector
    VAR    @{problems} =    @{EMPTY}
    FOR    ${tenant}    IN    @{TENANTS}
        TRY
            Trace Should Be In One Experiment    ${tenant}
        EXCEPT    AS    ${problem}
            VAR    @{problems} =    @{problems}    ${tenant}[namespace]: ${problem}
        END
    END
    VAR    ${ids} =    ${{[each['experiment'] for each in $TENANTS]}}
    IF    len(set($ids)) < len($ids)
        VAR    @{problems} =    Several tenants send to one experiment, by id: ${{', '.join($ids)}}.    @{problems}
    END
    Should Be Empty    ${problems}    msg=${{'\n'.join($problems)}}

Each Tenant Reads And Writes Its Own Experiment From Its Own Pod
    [Documentation]    Where MLflow refuses this, its refusal of another's experiment proves nothing.
    FOR    ${tenant}    IN    @{TENANTS}
        Answers Should Have Status    ${tenant}    ${tenant}    ${200}
    END

No Tenant Reads Or Writes Another's Experiment From Its Own Pod
    [Documentation]    Whoever has a tenant's login neither sees another tenant's trace nor adds one to its experiment.
    FOR    ${tenant}    ${other}    IN    @{PAIRS}
        Answers Should Have Status    ${tenant}    ${other}    ${403}
    END

No Tenant Changes Another's Trace By Its Id
    [Documentation]    Ids of traces are no secrets: whoever is called by an agent gets them. In the name of its own
    ...    experiment a tenant neither adds spans to another's trace nor moves it there.
    FOR    ${tenant}    ${other}    IN    @{PAIRS}
        ${trace} =    Get Trace Of Tenant    ${other}
        ${before} =    Read Trace From MLflow    ${trace}[trace_id]
        Claim Trace    ${tenant}    ${trace}[trace_id]
        ${after} =    Read Trace From MLflow    ${trace}[trace_id]
        VAR    ${added} =
        ...    ${{', '.join(sorted({each.name for each in $after.spans} - {each.name for each in $before.spans}))}}
        ${moved} =    Find Trace Elsewhere In MLflow    ${MLFLOW}    ${other}[experiment]    ${trace}[session]
        VAR    ${who} =    With its own login ${tenant}[namespace] can change a trace of ${other}[namespace]
        Should Be True    not $added and not $moved
        ...    msg=${who}: added ${{$added or 'no span'}}, moved to ${{$moved or 'nowhere'}}.
    END

MLflow Lists No Tenant's Experiment To Another
    [Documentation]    A tenant finds its own experiment in MLflow's list, and does not learn that others have one.
    FOR    ${tenant}    ${other}    IN    @{PAIRS}
        ${login} =    Read Login Of Tenant    ${tenant}
        ${answer} =    Ask MLflow From Outside    ${login}    ${EXPERIMENTS_API}/search?max_results=1000
        VAR    ${seen} =    ${{[each['experiment_id'] for each in json.loads($answer.body).get('experiments', ())]}}
        VAR    ${listed} =    MLflow lists to ${tenant}[namespace] the experiments ${{', '.join($seen) or 'none'}}
        Should Be True    $tenant.experiment in $seen
        ...    msg=${listed}, and not its own, ${tenant}[experiment].
        Should Be True    $other.experiment not in $seen
        ...    msg=${listed}: ${other}[experiment] is of ${other}[namespace].
    END

No Tenant's Agent Reaches Another's Collector
    [Documentation]    A collector writes with its tenant's login what reaches it, so no other tenant may reach it.
    [Tags]    otel-collector    network
    FOR    ${tenant}    ${other}    IN    @{PAIRS}
        ${open} =    Find Open Connection    ${tenant}    ${other}[endpoint]
        IF    $open
            VAR    ${stored} =    stored in experiment ${other}[experiment] of ${other}[namespace]
            VAR    ${agent} =    The agent in ${tenant}[namespace]
            Fail    ${agent} reaches ${open}: what it sends is ${stored}. A NetworkPolicy must deny it.
        END
    END

An Agent That Claims To Be Another Tenant's Stays In Its Own Experiment
    [Documentation]    Nothing that an agent writes into its spans decides whose they are.
    [Tags]    otel-collector
    FOR    ${tenant}    ${other}    IN    @{PAIRS}
        ${session} =    Send Spans In The Name Of    ${other}    ${tenant}
        ${trace} =    Wait For Trace In MLflow    ${session}    ${tenant}[experiment]    ${LIMITS}[trace]
        ${elsewhere} =    Find Trace Elsewhere In MLflow    ${MLFLOW}    ${tenant}[experiment]    ${session}
        VAR    ${agent} =    The agent in ${tenant}[namespace]
        Should Be Empty    ${elsewhere}    msg=${agent} has written into ${elsewhere}.
        Should Be True    $trace is not None
        ...    msg=${agent} has sent a probe, which experiment ${tenant}[experiment] does not have.
    END

Phoenix Keeps Each Tenant's Traces In A Project Of Its Own
    [Documentation]    Phoenix separates, and does not protect: every user of it sees every project.
    [Tags]    phoenix
    Skip Unless Deployed    phoenix
    VAR    &{projects} =    &{EMPTY}
    FOR    ${tenant}    IN    @{TENANTS}
        ${trace} =    Get Trace Of Tenant    ${tenant}
        ${project} =    Wait Until Keyword Succeeds    ${LIMITS}[phoenix]    1s    Get Project Of Trace    ${trace}
        Set To Dictionary    ${projects}    ${tenant}[namespace]=${project}
    END
    VAR    ${which} =    ${{', '.join(f'of {name} is in {project}' for name, project in $projects.items())}}
    Should Be True    len(set($projects.values())) == len($projects)
    ...    msg=Phoenix mixes the tenants' traces: that ${which}.
    Set Test Message    The trace ${which}.


*** Keywords ***
Begin With Tenants
    [Documentation]    Skip where there are no tenants; find them, and every pair of one and another.
    Skip Unless Deployed    tenants
    ${tenants} =    Find Tenants
    VAR    ${TENANTS} =    ${tenants}    scope=SUITE
    VAR    ${PAIRS} =    ${{list(itertools.chain(*itertools.permutations($tenants, 2)))}}    scope=SUITE
    ${entry} =    Get Entry Point    mlflow
    VAR    ${MLFLOW} =    ${entry}    scope=SUITE
    VAR    &{TRACES_OF_TENANTS} =    &{EMPTY}    scope=SUITE

Get Trace Of Tenant
    [Documentation]    Return the trace of a question to a tenant's agent, asked once a suite: its `trace_id` and
    ...    `session`. Fail with the verdict where it does not arrive in the tenant's experiment.
    [Arguments]    ${tenant}
    IF    $tenant.namespace in $TRACES_OF_TENANTS
        RETURN    ${TRACES_OF_TENANTS}[${tenant}[namespace]]
    END
    Fail Where No Trace Can Arrive    mlflow
    Speak Of Agent In    ${tenant}[namespace]
    ${before} =    Read Collector Metrics Or None
    ${question} =    Ask About    ${CITY}
    Agent Should Have Answered    ${question}
    ${found} =    Wait For Trace Of One Question    ${question}    ${before}
    VAR    &{trace} =    trace_id=${found.trace_id}    session=${question.context_id}
    Set To Dictionary    ${TRACES_OF_TENANTS}    ${tenant}[namespace]=${trace}
    RETURN    ${trace}

Wait For Trace Of One Question
    [Documentation]    As `Wait For Whole Trace In MLflow`, but the cause blocks no test of the run: it is one tenant's.
    [Arguments]    ${question}    ${before}
    ${found}    ${error} =    Look For Trace In MLflow    ${question}
    IF    $found is None or not $found.is_whole
        VAR    &{known} =    before=${before}    trace=${found}    backend_error=${error}
        ${verdict} =    Get Verdict Of One Question    mlflow    ${question}    &{known}
        Fail    ${verdict}
    END
    RETURN    ${found}

Trace Should Be In One Experiment
    [Documentation]    Fail where a tenant's trace is not in its experiment, or also in another one.
    [Arguments]    ${tenant}
    ${trace} =    Get Trace Of Tenant    ${tenant}
    ${elsewhere} =    Find Trace Elsewhere In MLflow    ${MLFLOW}    ${tenant}[experiment]    ${trace}[session]
    Should Be Empty    ${elsewhere}    msg=Trace ${trace}[trace_id] is in ${elsewhere} too.

Answers Should Have Status
    [Documentation]    Fail with every request of a tenant, about an experiment and a trace of `owner`, that MLflow does
    ...    not answer with that status; where it refuses, fail also where spans are stored all the same.
    [Arguments]    ${tenant}    ${owner}    ${status}
    ${requests}    ${session} =    Make Requests About    ${owner}
    ${problems} =    Find Other Answers    ${tenant}    ${owner}    ${requests}    ${status}
    IF    ${status} == 403
        ${stored} =    Find Trace Elsewhere In MLflow    ${MLFLOW}    ${EMPTY}    ${session}
        VAR    @{problems} =    @{problems}    @{{['and the spans are in ' + $stored] if $stored else []}}
    END
    VAR    ${about} =    about experiment ${owner}[experiment] of ${owner}[namespace] MLflow answers
    VAR    ${asked} =    ${{'; '.join($problems)}}
    Should Be Empty    ${problems}
    ...    msg=To ${tenant}[namespace], from its own pod with its own login, ${about} ${asked}; expected ${status}.

Make Requests About
    [Documentation]    Return requests, a path and a body each, that read a tenant's experiment and its trace and write
    ...    a probe; return the probe's session too.
    [Arguments]    ${owner}
    ${trace} =    Get Trace Of Tenant    ${owner}
    ${session} =    Make Context Id
    ${probe} =    Make Probe    ${session}
    VAR    ${experiment} =    {"experiment_id": "${owner}[experiment]"}
    VAR    @{requests} =
    ...    ${EXPERIMENTS_API}/get?experiment_id=${owner}[experiment]    ${None}
    ...    ${TRACES_API}/tr-${trace}[trace_id]    ${None}
    ...    ${TRACES_API}/search    {"locations": [{"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": ${experiment}}]}
    ...    /v1/traces    ${probe.body}
    RETURN    ${requests}    ${session}

Find Other Answers
    [Documentation]    Send a tenant's requests about an experiment of `owner`; return those, with their answers, that
    ...    MLflow does not answer with that status.
    [Arguments]    ${tenant}    ${owner}    ${requests}    ${status}
    VAR    @{others} =    @{EMPTY}
    Speak Of Agent In    ${tenant}[namespace]
    FOR    ${path}    ${body}    IN    @{requests}
        ${answer} =    Ask MLflow As Tenant    ${tenant}    ${path}    ${body}    ${owner}[experiment]
        IF    $answer['status'] == $status    CONTINUE
        VAR    ${request} =    ${{'POST' if $body else 'GET'}} ${path.partition('?')[0]}
        VAR    @{others} =    @{others}    ${request} with ${answer}[status]
    END
    RETURN    ${others}

Claim Trace
    [Documentation]    As a tenant, send spans with the id of a trace, and create a trace with that id, both for the
    ...    tenant's own experiment. How MLflow answers does not matter; what the trace is afterwards does.
    [Arguments]    ${tenant}    ${trace_id}
    Speak Of Agent In    ${tenant}[namespace]
    ${session} =    Make Context Id
    ${probe} =    Make Probe    ${session}
    VAR    ${spans} =    ${{$probe.body.replace($probe.trace_id, $trace_id)}}
    VAR    &{location} =    type=MLFLOW_EXPERIMENT    mlflow_experiment=${{ {'experiment_id': $tenant.experiment} }}
    VAR    &{info} =    trace_id=tr-${trace_id}    trace_location=${location}    state=OK
    ...    request_time=${{datetime.datetime.now(datetime.timezone.utc).isoformat()}}
    VAR    ${creation} =    ${{json.dumps({'trace': {'trace_info': $info}})}}
    FOR    ${path}    ${body}    IN    /v1/traces    ${spans}    ${TRACES_API}    ${creation}
        ${answer} =    Ask MLflow As Tenant    ${tenant}    ${path}    ${body}    ${tenant}[experiment]
        Log    MLflow answers POST ${path} with ${answer}[status]: ${answer}[body]
    END

Find Open Connection
    [Documentation]    Return the address of an endpoint that the pod of a tenant's agent can connect to, empty where it
    ...    cannot. Fail where that cannot be tried.
    [Arguments]    ${tenant}    ${endpoint}
    Speak Of Agent In    ${tenant}[namespace]
    ${agent} =    Get Workload    weather-agent
    ${pod} =    Get Ready Pod    weather-agent
    VAR    ${place} =    ${{($pod, $agent['spec']['template']['spec']['containers'][0]['name'])}}
    VAR    ${target} =    ${{urllib.parse.urlsplit($endpoint.url)}}
    VAR    ${address} =    ${{($target.hostname, $target.port or 80)}}
    ${answers} =    Connect From Pods    ${{[$place]}}    ${{[$address]}}    ${LIMITS}[connection]
    IF    isinstance($answers[0], str)
        Fail    From the agent's pod in ${tenant}[namespace] no connection can be tried: ${answers}[0]
    END
    RETURN    ${{'' if $answers[0][0] else $target.netloc}}

Send Spans In The Name Of
    [Documentation]    Send a probe from the pod of a tenant's agent, whose resource says that it is another tenant's;
    ...    return its session.
    [Arguments]    ${other}    ${tenant}
    Speak Of Agent In    ${tenant}[namespace]
    ${session} =    Make Context Id
    VAR    &{resource} =
    ...    k8s.namespace.name=${other}[namespace]
    ...    service.namespace=${other}[namespace]
    ...    x-mlflow-experiment-id=${other}[experiment]
    ...    mlflow.experimentId=${other}[experiment]
    ${probe} =    Make Probe    ${session}    ${resource}
    Use The Deployed MLflow
    Send Spans From Agent Pod    ${probe.body}
    RETURN    ${session}

Get Project Of Trace
    [Documentation]    Return the project of Phoenix that has a trace; fail unless there is one and only one.
    [Arguments]    ${trace}
    ${phoenix} =    Get Entry Point    phoenix
    ${projects} =    Find Trace Elsewhere In Phoenix    ${phoenix}    ${EMPTY}    ${trace}[session]
    IF    not $projects
        Fail    Phoenix has no trace of session ${trace}[session] in any project.
    END
    IF    ' and ' in $projects    Fail    Phoenix has one trace in ${projects}.
    RETURN    ${projects}
