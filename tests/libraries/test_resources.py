"""What keywords of resources/ decide, run by Robot with made-up readings; and what settings mean."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import yaml
from robot.api import ExecutionResult, get_model
from robot.api.parsing import ModelVisitor, Variable

from tests.robot_process import run_robot

ROOT = Path(__file__).parents[2]
RESOURCES = ROOT / "resources"
FILES = sorted(
    path
    for folder in (ROOT / "robot", RESOURCES, ROOT / "harness")
    for path in folder.rglob("*")
    if path.suffix in {".robot", ".resource"}
)
SETTINGS = yaml.safe_load((RESOURCES / "settings.yaml").read_text(encoding="utf-8"))


def run(folder: Path, resource: str, suite: str, what: str = "suite.robot") -> Any:  # noqa: ANN401 - no types
    """Run a suite, or else `what` there is in the folder, and return its result.

    The suite's keywords win over the resource's.
    """
    path = folder / "suite.robot"
    path.write_text(f"*** Settings ***\nResource    {RESOURCES / resource}\n{suite}", encoding="utf-8")
    environment = {**os.environ, "KUBECONFIG": str(folder / "none")}
    result = run_robot(["--log", "NONE", "--report", "NONE", what], folder, environment)
    output = folder / "output.xml"
    assert output.exists(), result.stdout + result.stderr
    return ExecutionResult(output).suite


def run_one(folder: Path, resource: str, suite: str) -> tuple[str, str]:
    """Return status and message of a suite's one test."""
    (test,) = run(folder, resource, suite).tests
    return test.status, test.message


def plain(name: str) -> str:
    """Return a variable's name as Robot compares it."""
    return name.lower().replace("_", "").replace(" ", "")


class Assigned(ModelVisitor):  # type: ignore[misc] # it has no types
    """Collects the names of a file's Variables section, as `plain` writes them."""

    def __init__(self) -> None:
        """Start without any."""
        self.names: set[str] = set()

    def visit_Variable(self, node: Variable) -> None:  # noqa: N802 - Robot's own name
        """Take one variable's name."""
        self.names.add(plain(node.name.strip("$@&{}")))


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_setting_means_the_same_everywhere(path: Path) -> None:
    assigned = Assigned()
    assigned.visit(get_model(path))
    assert not assigned.names & {plain(name) for name in SETTINGS}


def test_the_first_reading_that_conserves_spans_is_the_one_that_counts(tmp_path: Path) -> None:
    suite = """
*** Variables ***
${READINGS}    ${0}

*** Test Cases ***
Wait
    VAR    @{counted} =    before    agent    exporters    50    stored
    ${foreign} =    Wait Until Counts Are Right    Spans Should Be Conserved Now    @{counted}
    Should Be Equal    ${foreign}    ${7}

*** Keywords ***
Spans Should Be Conserved Now
    [Arguments]    @{counted}
    VAR    ${READINGS} =    ${READINGS + 1}    scope=TEST
    IF    ${READINGS} != 2    Fail    reading ${READINGS} has a span on its way
    RETURN    ${7}
"""
    assert run_one(tmp_path, "conservation.resource", suite) == ("PASS", "")


def test_spans_that_are_never_conserved_fail_with_what_the_last_reading_says(tmp_path: Path) -> None:
    suite = """
*** Test Cases ***
Wait
    VAR    &{LIMITS} =    trace=1    scope=TEST
    VAR    @{counted} =    before    agent    exporters    50    stored
    Wait Until Counts Are Right    Spans Should Be Conserved Now    @{counted}

*** Keywords ***
Spans Should Be Conserved Now
    [Arguments]    @{counted}
    Fail    Spans are not conserved: stored in MLflow 40, expected 50.
"""
    failed = ("FAIL", "Spans are not conserved: stored in MLflow 40, expected 50.")
    assert run_one(tmp_path, "conservation.resource", suite) == failed


def test_the_verdict_keeps_what_could_be_read(tmp_path: Path) -> None:
    suite = """
*** Test Cases ***
Fail
    VAR    ${question} =    ${{agent.client.Question('?', 'acceptance-1', 'sunny', '', 0.0, 1.0)}}
    Fail With Verdict    phoenix    ${question}    before=${None}

*** Keywords ***
Read Collector Metrics
    [Arguments]    ${refresh}
    ${metrics} =    Parse Metrics    otelcol_process_uptime 9
    RETURN    ${metrics}

Read Collector Configuration
    RETURN    ${{ {'service': {'pipelines': {'traces/mlflow': {}}}} }}

Get Workload Or None
    [Arguments]    ${component}
    RETURN    ${component}

Read Log Since
    [Arguments]    ${component}    ${moment}
    Fail    No log can be read.

Get Experiment If MLflow Answers
    Fail    MLflow does not answer.

Get Component Problems
    Fail    No Deployment can be read.

Get Agent Endpoint
    VAR    &{variables} =    OTEL_EXPORTER_OTLP_ENDPOINT=http://otel-collector:8335
    ${endpoint} =    Get Endpoint Of Variables    ${variables}
    RETURN    ${endpoint}

Explain Denied Connection
    [Arguments]    ${network}    ${source}    ${target}    ${url}
    IF    not $url    RETURN    ${EMPTY}
    RETURN    ingress of ${target} at ${url} is denied
"""
    status, message = run_one(tmp_path, "verdict.resource", suite)
    assert status == "FAIL"
    first, *rest = message.splitlines()
    assert first.endswith(
        "the collector accepted 0 spans from the agent, which sends to http://otel-collector:8335/v1/traces; "
        "ingress of otel-collector at http://otel-collector:8335/v1/traces is denied."
    )
    assert {
        "- not read: No log can be read.",
        "- not read: MLflow does not answer.",
        "- not read: No Deployment can be read.",
    } < set(rest)


def test_the_verdict_knows_what_stands_between_agent_collector_and_backend(tmp_path: Path) -> None:
    suite = """
*** Test Cases ***
Read
    VAR    ${headers} =    ${{ {} }}
    ${exporter} =    Evaluate    pipeline.collector.Exporter('x', 'y', 'http://mlflow.old:5000/v1', $headers)
    ${connections} =    Read Evidence Of Connections    mlflow    ${exporter}
    ${proxies} =    Read Evidence Of Proxies    ${exporter}
    ${other} =    Explain Other Backend    mlflow    ${exporter}
    Fail    ${{'|'.join(str(each) for each in [*$connections.values(), *$proxies.values(), $other])}}

*** Keywords ***
Get Component Service
    [Arguments]    ${component}
    VAR    &{place} =    namespace=system    service=${component}
    RETURN    ${place}

Get Workload
    [Arguments]    ${component}
    RETURN    ${{ {'spec': {'template': {'spec': {'containers': [{}]}}}} }}

Read Object
    [Arguments]    @{what}
    RETURN    ${{ {'spec': {'clusterIP': '10.96.0.7', 'ports': [{'port': 4317}]}} }}

Read Collector Configuration
    RETURN    ${{ {'receivers': {'otlp': {'protocols': {'grpc': {'endpoint': '0.0.0.0:4317'}}}}} }}

Read Known Variables
    [Arguments]    ${workload}    ${names}
    RETURN    ${{ {name: VARIABLES.get(name) for name in $names} }}

Explain Closed URL
    [Arguments]    ${component}    ${url}
    RETURN    ${EMPTY}

Read Network
    RETURN    ${{[]}}

Find Denying Policies
    [Arguments]    @{what}
    RETURN    ${EMPTY}
"""
    variables = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://otel-collector:4317",
        "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
        "OTEL_TRACES_SAMPLER": "traceidratio",
        "OTEL_TRACES_SAMPLER_ARG": "0.1",
        "HTTP_PROXY": "http://proxy.x:3128",
        "NO_PROXY": ".old",
    }
    _, message = run_one(tmp_path, "verdict.resource", suite.replace("VARIABLES", str(variables)))
    assert message.split("|") == [
        "('PASS', '')",
        "('PASS', 'its container has OTEL_TRACES_SAMPLER=traceidratio and OTEL_TRACES_SAMPLER_ARG=0.1, so it "
        "exports 10 % of its traces')",
        "('PASS', 'they are sent by HTTP, and the collector speaks gRPC at that port')",
        "('PASS', 'http://otel-collector:4317/v1/traces')",
        "('PASS', '')",
        "('PASS', '')",
        "('PASS', 'the proxy proxy.x:3128 (HTTP_PROXY; NO_PROXY lacks otel-collector)')",
        "('PASS', '')",
        "http://mlflow.old:5000/v1 is not Service mlflow in namespace system",
    ]


@pytest.mark.parametrize(
    ("tried", "why"),
    [
        (
            "RETURN    ${{[['Connection refused']]}}",
            "from its pod a connection to model.team1:8000 fails: Connection refused; denied",
        ),
        ("RETURN    ${{['it has no Python']}}", "denied"),
        ("Fail    The pod is gone.", ""),
    ],
)
def test_a_question_without_an_answer_says_what_the_agent_does_not_reach(
    tmp_path: Path, tried: str, why: str
) -> None:
    suite = """
*** Test Cases ***
Ask
    ${question} =    Evaluate    agent.client.Question('?', '', '', 'failed.', 0.0, 1.0)
    Agent Should Have Answered    ${question}

*** Keywords ***
Refresh Stack
    No Operation

Get Stopped Components
    RETURN    ${{ {} }}

Read Network
    RETURN    components    policies

Select Components
    [Arguments]    ${components}    ${names}
    VAR    ${metadata} =    ${{ {'name': 'model', 'namespace': 'team1'} }}
    VAR    &{model} =    metadata=${metadata}    spec=${{ {'ports': [{'port': 8000}]} }}
    RETURN    ${{[types.SimpleNamespace(service=$model)]}}

Get Main Container
    [Arguments]    ${component}
    RETURN    main

Get Ready Pod
    [Arguments]    ${component}
    RETURN    ${component}

Connect From Pods
    [Arguments]    ${places}    ${addresses}    ${limit}
    TRIED

Find Denied Needs
    [Arguments]    @{needs}
    RETURN    ${{['denied']}}
"""
    message = f"Asked '?', the agent did not answer: {f'failed; {why}.' if why else 'failed.'}"
    found = run_one(tmp_path, "questions.resource", suite.replace("TRIED", tried))
    assert found == ("FAIL", message)


@pytest.mark.parametrize(
    ("found", "state"),
    [
        ("RETURN    ${None}", "does not run"),
        ("Fail    It selects the pods of A and B.", "cannot be judged"),
    ],
)
def test_a_component_of_several_workloads_is_not_said_to_be_stopped(
    tmp_path: Path, found: str, state: str
) -> None:
    suite = f"""
*** Test Cases ***
Note
    Note Cause Of Component    mlflow    ${{{{['why']}}}}

*** Keywords ***
Get Stack
    RETURN    ${{None}}

Get Workload Or None
    [Arguments]    ${{component}}
    {found}

Note Cause
    [Arguments]    ${{subject}}    ${{sentence}}
    Fail    ${{sentence}}
"""
    assert run_one(tmp_path, "diagnosis.resource", suite) == ("FAIL", f"mlflow {state}: why")


@pytest.mark.parametrize(("said", "read"), [("", 6), ("HTTP status 503", 0)])
def test_a_verdict_is_not_given_before_an_agent_can_have_sent_its_batch(
    tmp_path: Path, said: str, read: int
) -> None:
    suite = f"""
*** Variables ***
${{READ}}    ${{0}}

*** Test Cases ***
Spans Come After A Moment, And Go After Another
    VAR    ${{question}} =    ${{{{agent.client.Question('', '', '', '{said}', time.time(), time.time())}}}}
    Wait Until Spans Went    ${{question}}    ${{None}}
    Should Be Equal    ${{READ}}    ${{{read}}}

*** Keywords ***
Read Collector Metrics
    [Arguments]    ${{refresh}}
    VAR    ${{READ}} =    ${{READ + 1}}    scope=SUITE
    VAR    ${{text}} =    otelcol_receiver_accepted_spans ${{{{10 if int($READ) > 3 else 0}}}}\\n
    VAR    ${{sent}} =    otelcol_exporter_sent_spans{{exporter="a"}} ${{{{10 if int($READ) > 5 else 0}}}}\\n
    ${{metrics}} =    Parse Metrics    ${{text}}${{sent}}
    RETURN    ${{metrics}}
"""
    assert run_one(tmp_path, "verdict.resource", suite) == ("PASS", "")


def test_an_experiment_that_cannot_be_read_hides_no_version(tmp_path: Path) -> None:
    suite = """
*** Test Cases ***
Report
    Report MLflow
    Report Experiment

*** Keywords ***
Get Entry Point
    [Arguments]    ${component}
    RETURN    ${{entry.entry_point.EntryPoint('http://192.0.2.7:8080')}}

Read MLflow Version
    RETURN    3.17.2

Get Experiment Id Of Collector
    RETURN    1

Read Experiment By Id
    [Arguments]    ${id}    ${limit}
    Fail    MLflow answers 500.
"""
    metadata = run(tmp_path, "mlflow.resource", suite).metadata
    assert metadata == {"MLflow": "3.17.2 at http://192.0.2.7:8080", "Experiment": "MLflow answers 500."}


@pytest.mark.parametrize(
    ("variables", "url"),
    [
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:8335/"}, "http://c:8335/v1/traces"),
        (
            {
                "OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:8335",
                "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://c/x",
            },
            "http://c/x",
        ),
    ],
)
def test_the_agent_sends_to_the_endpoint_for_traces_first(
    variables: dict[str, str], url: str, tmp_path: Path
) -> None:
    suite = f"""
*** Test Cases ***
Ask
    ${{endpoint}} =    Get Agent Endpoint
    Should Be Equal    ${{endpoint.url}}    {url}

*** Keywords ***
Get Workload
    [Arguments]    ${{component}}
    RETURN    ${{component}}

Read Known Variables
    [Arguments]    ${{workload}}    ${{names}}
    RETURN    ${{{{ {{name: {variables}.get(name) for name in $names}} }}}}
"""
    assert run_one(tmp_path, "collector.resource", suite) == ("PASS", "")


ANOTHER_AGENT = """
*** Variables ***
${AGENT_SERVICE}    my-agent
${AGENTS_NAMESPACE}    mine
${SYSTEM_NAMESPACE}    system
"""


def test_another_agent_is_found_by_its_service_alone(tmp_path: Path) -> None:
    suite = f"""{ANOTHER_AGENT}
*** Test Cases ***
Another Agent
    ${{agent}} =    Get Component Service    weather-agent
    ${{tool}} =    Get Component Service    weather-tool
    Should Be Equal    ${{agent}}[namespace]/${{agent}}[service]    mine/my-agent
    Should Be Equal    ${{tool}}[service]    weather-tool-mcp
"""
    assert run_one(tmp_path, "stack.resource", suite) == ("PASS", "")


def test_the_namespace_of_another_agent_is_the_one_with_its_service(tmp_path: Path) -> None:
    suite = """
*** Variables ***
${AGENT_SERVICE}    my-agent

*** Keywords ***
Find Namespace By Services
    [Arguments]    ${setting}    @{wanted}
    RETURN    namespace of ${wanted}[0][0]

*** Test Cases ***
Another Agent
    Find Agents Namespace
    Should Be Equal    ${AGENTS_NAMESPACE}    namespace of my-agent
"""
    assert run_one(tmp_path, "stack.resource", suite) == ("PASS", "")


@pytest.mark.parametrize(
    ("question", "texts"),
    [
        ("What is new in {city}?", ["What is new in Paris?", "What is new in Rome?"]),
        ("What is 2 + 2?", ["What is 2 + 2?", "What is 2 + 2?"]),
    ],
)
def test_what_is_asked_is_the_settings_question(tmp_path: Path, question: str, texts: list[str]) -> None:
    suite = f"""
*** Variables ***
${{QUESTION}}    {question}

*** Test Cases ***
The Question
    ${{asked}} =    Get Questions About    Paris    Rome
    Should Be Equal    ${{asked}}    ${{{{{texts}}}}}
"""
    assert run_one(tmp_path, "questions.resource", suite) == ("PASS", "")


CANARIES = """
*** Variables ***
${QUESTION_TEXT}    What is the weather in Paris?
${CONTRACT}    a contract of one's own

*** Keywords ***
Get Workload Or None
    [Arguments]    ${component}
    RETURN    ${component}

Read Environment Variable
    [Arguments]    ${workload}    ${name}
    RETURN    ${name} of ${workload}

Compute Stations
    [Arguments]    ${seed}    @{cities}
    RETURN    computed

Pick Canaries
    [Arguments]    ${question}    ${trace}
    RETURN    picked

Find Agent
    VAR    &{agent} =    owner=${OWNER}
    RETURN    ${agent}

*** Test Cases ***
Canaries
    VAR    &{question} =    text=${QUESTION_TEXT}
    VAR    &{contract} =    needs_canaries=${NEEDED}
    ${canaries} =    Get Canaries    ${question}    trace    ${contract}    Paris
    Should Be Equal    ${canaries}    ${EXPECTED}

*** Variables ***
"""


@pytest.mark.parametrize(
    ("owner", "needed", "expected", "more"),
    [
        ("project", True, "computed", ""),
        ("project", True, "picked", "${QUESTION_TEXT}    What is the weather in Rome?"),
        ("unknown", True, "picked", ""),
        ("unknown", False, "@{EMPTY}", ""),
        ("unknown", False, "picked", "${CONTRACT}    ${EMPTY}"),
    ],
    ids=["seed of the tool", "about another city", "another agent", "no canary in CONTRACT", "no CONTRACT"],
)
def test_canaries_follow_from_agent_question_and_contract(
    tmp_path: Path, owner: str, needed: bool, expected: str, more: str
) -> None:
    name, _, value = more.partition("    ")
    canaries = CANARIES
    if name:
        old = next(line for line in canaries.splitlines() if line.startswith(f"{name}    "))
        canaries = canaries.replace(old, f"{name}    {value}")
    variables = f"${{OWNER}}    {owner}\n${{NEEDED}}    ${{{needed}}}\n"
    variables += "@{EXPECTED}\n" if expected.startswith("@") else f"${{EXPECTED}}    {expected}\n"
    assert run_one(tmp_path, "questions.resource", canaries + variables) == ("PASS", "")


ONE_QUESTION = """
Suite Setup    Ask The Question

*** Keywords ***
Read Collector Metrics Or None
    RETURN    ${None}

Ask About
    [Arguments]    ${city}
    RETURN    ${{agent.client.Question($city, 'acceptance-1', 'sunny', '', 0.0, 1.0)}}

Record Arrival Time
    [Arguments]    ${backend}    ${question}    ${trace}
    RETURN    arrived

Wait For Whole Trace In Phoenix
    [Arguments]    ${question}    ${before}    ${like}    ${limit}
    RETURN    phoenix like ${like} within ${{round($limit)}} s
"""


def test_a_trace_is_waited_for_once_a_run(tmp_path: Path) -> None:
    suite = f"""{ONE_QUESTION}
Get Arrival Check Or None
    RETURN    ${{None}}

Wait For Whole Trace In MLflow
    [Arguments]    ${{question}}    ${{before}}    ${{has_all}}
    ${{waits}} =    Get Variable Value    ${{WAITS}}    ${{0}}
    VAR    ${{WAITS}} =    ${{waits + 1}}    scope=SUITE
    RETURN    trace of wait ${{WAITS}}

*** Test Cases ***
First
    ${{trace}} =    Get Trace From MLflow
    Should Be Equal    ${{trace}}    trace of wait 1
    Set Test Message    ${{ARRIVALS}}[MLflow]

Second
    ${{trace}} =    Get Trace From Phoenix
    Should Be Equal    ${{trace}}    phoenix like trace of wait 1 within 30 s
    Set Test Message    ${{ARRIVALS}}[Phoenix]
"""
    first, second = run(tmp_path, "run-question.resource", suite).tests
    assert (first.status, first.message) == ("PASS", "MLflow: arrived")
    assert (second.status, second.message) == ("PASS", "Phoenix: arrived")


def test_each_test_reports_a_trace_that_did_not_arrive(tmp_path: Path) -> None:
    suite = f"""{ONE_QUESTION}
Get Arrival Check Or None
    RETURN    ${{None}}

Wait For Whole Trace In MLflow
    [Arguments]    ${{question}}    ${{before}}    ${{has_all}}
    Fail    It is not whole in MLflow.\\nHops: none

*** Test Cases ***
First
    Get Trace From MLflow

Second
    Get Trace From MLflow

Third
    ${{trace}} =    Get Trace From Phoenix
    Should Be Equal    ${{trace}}    phoenix like None within 3 s
    Should Be Empty    ${{ARRIVALS}}
"""
    first, second, third = run(tmp_path, "run-question.resource", suite).tests
    assert (first.status, first.message) == ("FAIL", "It is not whole in MLflow.\nHops: none")
    assert (second.status, second.message) == (first.status, first.message)
    # It was looked at too late to know when it arrived.
    assert (third.status, third.message) == ("PASS", "")


def test_demanded_spans_are_waited_for_in_vain_once_a_run(tmp_path: Path) -> None:
    suite = f"""{ONE_QUESTION}
Get Contract
    [Arguments]    ${{kind}}    ${{backend}}
    RETURN    a contract

Get Arrival Check
    [Arguments]    ${{contract}}    ${{tool_calls}}
    RETURN    ${{{{lambda trace: False}}}}

Wait For Whole Trace In MLflow
    [Arguments]    ${{question}}    ${{before}}    ${{has_all}}
    ${{all}} =    Evaluate    $has_all('a trace')
    Set Test Message    ${{all}}
    RETURN    a trace

*** Test Cases ***
First
    Get Trace From MLflow

Second, Of A Suite's Own Question
    Ask The Question Of The Suite
    Get Trace From MLflow
"""
    first, second = run(tmp_path, "run-question.resource", suite).tests
    assert (first.status, first.message) == ("PASS", "False")
    assert (second.status, second.message) == ("PASS", "True")


def test_the_page_of_phoenix_is_skipped_before_anything_asks_for_phoenix(tmp_path: Path) -> None:
    pages = (ROOT / "robot" / "ui" / "phoenix.robot").read_text(encoding="utf-8")
    without_phoenix = """
Look For Component
    [Arguments]    ${component}
    RETURN    pods of ${component}    ${{[]}}

Get Entry Point
    [Arguments]    ${component}
    Fail    There is no entry point to ${component}.
"""
    suite = (
        pages.replace("../../resources", str(RESOURCES)).partition("*** Settings ***\n")[2] + without_phoenix
    )
    (test,) = run(tmp_path, "run-question.resource", suite).tests
    assert (test.status, test.message) == (
        "SKIP",
        "Skipped in parent suite setup:\nno phoenix: looked for pods of phoenix and found none",
    )


CLUSTER_WITH_SERVICES = """
*** Keywords ***
Read Objects
    [Arguments]    ${{api}}    ${{kind}}
    VAR    ${{LOOKS}} =    ${{{{$LOOKS + 1}}}}    scope=GLOBAL
    VAR    &{{names}} =    {services}
    VAR    @{{found}} =    @{{EMPTY}}
    FOR    ${{namespace}}    ${{listed}}    IN    &{{names}}
        FOR    ${{name}}    IN    @{{listed.split(',')}}
            VAR    @{{found}} =    @{{found}}
            ...    ${{{{ {{'metadata': {{'namespace': $namespace, 'name': $name}}}} }}}}
        END
    END
    RETURN    ${{found}}

*** Variables ***
${{LOOKS}}    ${{0}}

*** Test Cases ***
{tests}
"""
ONE = "s=otel-collector,mlflow    a=weather-service    other=otel-collector"
TWO = f"{ONE}    s2=otel-collector,phoenix    a2=weather-service"


def test_namespaces_are_found_once_a_run(tmp_path: Path) -> None:
    tests = """
First
    ${found} =    Get Namespaces
    Should Be Equal    ${found}    ${{['s', 'a']}}
    ${place} =    Get Component Service    phoenix
    Should Be Equal    ${place}    ${{ {'namespace': 's', 'service': 'phoenix'} }}
    ${admin} =    Get Namespace Of    ${MLFLOW_ADMIN}
    Should Be Equal    ${admin}    s
    Should Be Equal    ${LOOKS}    ${2}
"""
    suite = CLUSTER_WITH_SERVICES.format(services=ONE, tests=tests)
    assert run_one(tmp_path, "stack.resource", suite) == ("PASS", "")


def test_a_namespace_that_is_set_wins_and_needs_no_look(tmp_path: Path) -> None:
    tests = """
Set
    VAR    ${SYSTEM_NAMESPACE} =    s2    scope=SUITE
    VAR    ${AGENTS_NAMESPACE} =    a2    scope=SUITE
    ${found} =    Get Namespaces
    Should Be Equal    ${found}    ${{['s2', 'a2']}}
    Should Be Equal    ${LOOKS}    ${0}
"""
    suite = CLUSTER_WITH_SERVICES.format(services=TWO, tests=tests)
    assert run_one(tmp_path, "stack.resource", suite) == ("PASS", "")


def test_two_stacks_in_one_cluster_make_one_sentence(tmp_path: Path) -> None:
    suite = CLUSTER_WITH_SERVICES.format(services=TWO, tests="Choose\n    Get Namespaces")
    assert run_one(tmp_path, "stack.resource", suite) == (
        "FAIL",
        "2 namespaces have Service otel-collector and Service mlflow or phoenix: choose one with "
        "--variable SYSTEM_NAMESPACE:s or --variable SYSTEM_NAMESPACE:s2.",
    )


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        (
            "Cannot read Services: 403 forbidden.",
            "AGENTS_NAMESPACE cannot be found, set it with --variable AGENTS_NAMESPACE:NAME. "
            "(Cannot read Services: 403 forbidden.)",
        ),
        ("No cluster to verify: there is no kubeconfig.", "No cluster to verify: there is no kubeconfig."),
    ],
)
def test_services_that_may_not_be_read_say_what_to_set(reason: str, said: str, tmp_path: Path) -> None:
    suite = f"""
*** Test Cases ***
Look
    Get Component Service    weather-agent

*** Keywords ***
Read Objects
    [Arguments]    ${{api}}    ${{kind}}
    Fail    {reason}
"""
    assert run_one(tmp_path, "stack.resource", suite) == ("FAIL", said)


DISRUPTION = """
*** Settings ***
Suite Setup    Begin Disruption    visitors

*** Variables ***
${{DISRUPTIVE}}    {allowed}

*** Test Cases ***
Disrupt
    No Operation

*** Keywords ***
Connect To The Cluster
    VAR    &{{cluster}} =    context=mine    server=https://192.0.2.7    version=v1
    RETURN    ${{cluster}}

Get Namespaces
    RETURN    ${{{{['system', 'agents']}}}}
"""


@pytest.mark.parametrize("allowed", ["no", "", "${False}", "${None}"])
def test_nothing_is_disrupted_unless_a_context_is_named(tmp_path: Path, allowed: str) -> None:
    status, message = run_one(
        tmp_path, "disruption.resource", DISRUPTION.format(allowed=allowed or "${EMPTY}")
    )
    assert status == "SKIP"
    assert "--variable DISRUPTIVE:mine, which allows to disrupt the stack of that context" in message


@pytest.mark.parametrize("allowed", ["yes", "other", "${True}"])
def test_a_stack_of_another_context_than_the_named_one_is_not_disrupted(tmp_path: Path, allowed: str) -> None:
    status, message = run_one(tmp_path, "disruption.resource", DISRUPTION.format(allowed=allowed))
    assert status == "FAIL"
    named = allowed.strip("${}")
    assert message.endswith(
        f"Nothing is disrupted: DISRUPTIVE names context {named}, but this is mine "
        "(--variable DISRUPTIVE:mine)."
    )


def test_what_is_disrupted_is_named(tmp_path: Path) -> None:
    suite = run(tmp_path, "disruption.resource", DISRUPTION.format(allowed="mine"))
    assert suite.status == "PASS"
    assert suite.metadata["Disrupts"] == "system, agents, visitors in context mine"


def test_a_login_of_the_environment_that_mlflow_rejects_is_named(tmp_path: Path) -> None:
    suite = """
*** Test Cases ***
Log In
    ${entry} =    Evaluate    entry.entry_point.EntryPoint('http://mlflow')    modules=entry.entry_point
    Get Login For MLflow    ${entry}

*** Keywords ***
Check If MLflow Wants A Login
    [Arguments]    ${entry}
    RETURN    ${True}

Get Login From Environment
    ${login} =    Make Login    me    wrong
    RETURN    ${login}

Check If MLflow Accepts Login
    [Arguments]    ${entry}
    RETURN    ${False}
"""
    assert run_one(tmp_path, "entry.resource", suite) == (
        "FAIL",
        "MLflow at http://mlflow rejects the login of MLFLOW_TRACKING_USERNAME, MLFLOW_TRACKING_TOKEN or "
        "MLFLOW_TRACKING_AUTH: correct it, or unset it where a Secret has one.",
    )


def test_an_mlflow_that_let_the_limit_pass_is_asked_nothing_more_for_the_report(tmp_path: Path) -> None:
    suite = """
*** Test Cases ***
Report
    Report MLflow

*** Keywords ***
Get Entry Point
    [Arguments]    ${component}
    RETURN    ${{entry.entry_point.EntryPoint('http://192.0.2.7:8080')}}

MLflow Should Have Answered
    [Arguments]    ${entry}
    Fail    The request to ${entry} failed: no answer within 15 s.

Read MLflow Version
    Fail    Nobody asks for the version.
"""
    metadata = run(tmp_path, "mlflow.resource", suite).metadata
    assert metadata == {
        "MLflow": "The request to http://192.0.2.7:8080 failed: no answer within 15 s.",
        "Experiment": "not known, for the same reason",
    }


@pytest.mark.parametrize(
    ("accepted", "why"),
    [
        (False, "MLflow rejects the login of Secret mlflow-admin: correct the Secret, or set "),
        (None, "MLflow wants a login: set "),
    ],
)
def test_the_secret_whose_login_mlflow_rejects_is_named(
    tmp_path: Path, accepted: bool | None, why: str
) -> None:
    suite = f"""
*** Test Cases ***
Log In
    ${{entry}} =    Evaluate    entry.entry_point.EntryPoint('http://mlflow')    modules=entry.entry_point
    Find Login For MLflow    ${{entry}}

*** Keywords ***
Get Namespace Of
    [Arguments]    ${{place}}
    RETURN    system

Read Login
    [Arguments]    ${{namespace}}    ${{secret}}
    IF    $accepted is None or $secret != 'mlflow-admin'    Fail    There is no Secret ${{secret}}.
    ${{login}} =    Make Login    admin    wrong
    RETURN    ${{login}}

Check If MLflow Accepts Login
    [Arguments]    ${{entry}}
    RETURN    ${{False}}

*** Variables ***
${{ACCEPTED}}    ${{{accepted}}}
"""
    status, message = run_one(tmp_path, "entry.resource", suite)
    assert status == "FAIL"
    assert message.startswith(f"{why}MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD")


def test_an_experiment_that_mlflow_does_not_have_is_no_matter_of_a_hop(tmp_path: Path) -> None:
    suite = """
*** Variables ***
${EXPERIMENT_NAME}    two words

*** Test Cases ***
Wait
    Wait For Whole Trace In MLflow    question    metrics

*** Keywords ***
Fail Where No Trace Can Arrive
    [Arguments]    ${backend}
    No Operation

Look For Trace In MLflow
    [Arguments]    ${question}    ${has_all}
    RETURN    ${None}    ${EMPTY}

Get Experiment Or None
    [Arguments]    ${limit}=${0}
    RETURN    ${None}
"""
    assert run_one(tmp_path, "traces.resource", suite) == (
        "FAIL",
        "MLflow has no experiment 'two words': correct EXPERIMENT_NAME, or leave it empty.",
    )


def test_what_follows_from_the_stack_is_read_once_a_suite_and_anew_after_it_was_refreshed(
    tmp_path: Path,
) -> None:
    suite = """
*** Variables ***
${READINGS}    ${0}

*** Test Cases ***
Read
    Should Have Been Read    1    collector
    Should Have Been Read    1    collector
    Refresh Workloads
    Should Have Been Read    1    collector
    Refresh Stack
    Should Have Been Read    2    collector
    Run Keyword And Expect Error    The API server is away.    Refresh A Stack That Cannot Be Read
    Should Have Been Read    2    collector

*** Keywords ***
Should Have Been Read
    [Arguments]    ${times}    ${name}
    ${configuration} =    Read Collector Configuration
    Should Be Equal    ${configuration}    of ${name}
    Should Be Equal As Integers    ${READINGS}    ${times}

Refresh A Stack That Cannot Be Read
    VAR    ${AWAY} =    yes    scope=TEST
    Refresh Stack

Find Component Services
    RETURN    ${{ {'mlflow': {'namespace': 'one', 'service': 'mlflow'}} }}

Read Stack
    [Arguments]    ${namespaces}
    ${away} =    Get Variable Value    ${AWAY}
    IF    $away    Fail    The API server is away.
    RETURN    ${namespaces}

Get Workload
    [Arguments]    ${component}
    RETURN    ${component}

Read Effective Configuration
    [Arguments]    ${workload}
    VAR    ${READINGS} =    ${READINGS + 1}    scope=SUITE
    RETURN    of collector
"""
    (tmp_path / "other.robot").write_text(
        f"*** Settings ***\nResource    {RESOURCES / 'collector.resource'}\n{suite}", encoding="utf-8"
    )
    suites = run(tmp_path, "collector.resource", suite, ".").suites
    assert [(test.status, test.message) for each in suites for test in each.tests] == [("PASS", "")] * 2


BLOCKED_PAGES = """
*** Variables ***
${THROUGH}    ${EMPTY}
@{TOLERATE}    @{EMPTY}
${ANSWERED}    Cross-origin request blocked

*** Keywords ***
Get Entry Point
    [Arguments]    ${component}
    VAR    &{entry} =    url=https://mlflow.example:8443/path    through=${THROUGH}
    RETURN    ${entry}

Send Request
    [Arguments]    ${entry}    ${method}    ${path}    ${limit}    ${body}    ${headers}
    Should Be Equal    ${headers}[Origin]    https://mlflow.example:8443
    VAR    &{answer} =    status_code=${403}    text=${ANSWERED}
    RETURN    ${answer}

Find Known Pages Of MLflow
    RETURN    3.17.2    pages

*** Test Cases ***
Pages
    ${what}    ${found} =    Look For Known Pages Of MLflow
    Should Be Equal    ${{bool($found)}}    ${MUST_WORK}
    Pages Of MLflow Should Not Be Blocked
"""
REJECTED = (
    "MLflow's pages at https://mlflow.example:8443 cannot be used: it rejects their requests (Cross-origin "
    "request blocked); add https://mlflow.example:8443 to its MLFLOW_SERVER_CORS_ALLOWED_ORIGINS. "
    "TOLERATE:pages-rejected makes this a warning."
)


@pytest.mark.parametrize(
    ("must_work", "more", "outcome"),
    [
        (True, "", ("FAIL", REJECTED)),
        (False, "@{TOLERATE}    pages-rejected", ("PASS", "")),
        (False, "${THROUGH}    a forwarded port", ("FAIL", REJECTED)),
        (True, "${ANSWERED}    Invalid Host header", ("PASS", "")),
    ],
    ids=["a route leads there", "tolerated", "by port-forward", "another 403"],
)
def test_an_mlflow_that_rejects_its_own_pages_is_a_finding(
    tmp_path: Path, must_work: bool, more: str, outcome: tuple[str, str]
) -> None:
    own = f"*** Variables ***\n${{MUST_WORK}}    ${{{must_work}}}\n{more}\n"  # the first of a name holds
    suite = f"{own}{BLOCKED_PAGES}"
    assert run_one(tmp_path, "capabilities.resource", suite) == outcome
