"""Conditions of a cluster are waited for until they hold, not until they were announced."""

import json
from collections import deque
from collections.abc import Callable
from typing import Any

import pytest

from harness.common import kubectl as conditions
from harness.common import waiting
from harness.common.errors import HarnessError
from tests.clock import Clock

ROUTES = "routes.route.openshift.io"


@pytest.fixture(autouse=True)
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the minutes pass that the harness waits."""
    monkeypatch.setattr(waiting, "time", Clock())


class Cluster:
    """A kubectl that gives, for each verb, one answer after the other; the last one stays."""

    def __init__(self, **answers: list[str | Exception]) -> None:
        """Know what to answer to `get`, `api_resources`, ..."""
        self.answers = {verb.replace("_", "-"): deque(texts) for verb, texts in answers.items()}
        self.asked: list[tuple[str, ...]] = []

    def __call__(self, *arguments: str, text: str = "") -> str:
        """Answer."""
        assert not text
        self.asked.append(arguments)
        answers = self.answers[arguments[0]]
        answer = answers.popleft() if len(answers) > 1 else answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


def namespace(**metadata: str) -> str:
    return json.dumps({"metadata": {"name": "team1", **metadata}})


NOT_FOUND = HarnessError("the server could not find the requested resource")


@pytest.mark.parametrize(
    ("lists", "discovery"),
    [([""], ["", "other.route.openshift.io", ROUTES]), ([NOT_FOUND, NOT_FOUND, ""], [ROUTES])],
    ids=["discovery is late", "the resource is late"],
)
def test_a_resource_is_served_when_it_is_listed_and_can_be_read(
    lists: list[str | Exception], discovery: list[str | Exception]
) -> None:
    cluster = Cluster(get=lists, api_resources=discovery)
    conditions.wait_until_served(cluster, ROUTES)
    assert len([asked for asked in cluster.asked if asked[0] == "get"]) == 3
    assert cluster.asked[-1] == ("api-resources", "--api-group=route.openshift.io", "--output=name")


@pytest.mark.parametrize(("lists", "discovery"), [("", ""), ("", NOT_FOUND), (NOT_FOUND, ROUTES)], ids=str)
def test_a_resource_that_is_not_served_is_named(lists: str | Exception, discovery: str | Exception) -> None:
    cluster = Cluster(get=[lists], api_resources=[discovery])
    with pytest.raises(HarnessError, match=r"^routes\.route\.openshift\.io is not served within"):
        conditions.wait_until_served(cluster, ROUTES)


def test_a_resource_is_withdrawn_when_discovery_answers_without_it() -> None:
    cluster = Cluster(api_resources=[ROUTES, NOT_FOUND, ""])
    conditions.wait_until_withdrawn(cluster, ROUTES)
    assert len(cluster.asked) == 3
    with pytest.raises(HarnessError, match="still served"):
        conditions.wait_until_withdrawn(Cluster(api_resources=[NOT_FOUND]), ROUTES)


def verbs(cluster: Cluster) -> list[str]:
    return [asked[0] for asked in cluster.asked]


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ([namespace()], ["get", "get"]),
        ([""], ["get", "get", "create"]),
        ([namespace(deletionTimestamp="now"), ""], ["get", "wait", "get", "create"]),
    ],
    ids=["there", "not there", "being deleted"],
)
def test_a_namespace_is_made_once_the_one_that_is_being_deleted_is_gone(
    found: list[str | Exception], expected: list[str]
) -> None:
    cluster = Cluster(get=found, wait=[""], create=[""])
    conditions.ensure_namespace(cluster, "team1")
    assert verbs(cluster) == expected


def test_only_namespaces_that_are_being_deleted_are_waited_for() -> None:
    cluster = Cluster(get=["", namespace(), namespace(deletionTimestamp="now")], wait=[""])
    conditions.wait_until_namespaces_are_gone(cluster, "none", "there", "going")
    assert [asked[1:3] for asked in cluster.asked if asked[0] == "wait"] == [
        ("--for=delete", "namespace/going")
    ]


def test_kubectl_s_failure_is_one_sentence(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:  # noqa: ANN401
    program = tmp_path / "kubectl"
    program.write_text("#!/bin/sh\ncat\necho 'W: a warning' >&2\necho 'E: no such thing' >&2\nexit $2\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    run: Callable[..., str] = conditions.kubectl
    assert run("exit", "0", text="what goes in") == "what goes in"
    with pytest.raises(HarnessError, match=r"^`kubectl exit 3` failed: E: no such thing$"):
        run("exit", "3")


@pytest.mark.parametrize("said", conditions.NO_KUBECONFIG)
def test_a_missing_kubeconfig_says_what_to_set(said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> str:
        raise HarnessError(f"`kubectl get pods` failed: error: {said}")

    monkeypatch.setattr(conditions, "read_output", fail)
    with pytest.raises(
        HarnessError, match=r"^There is no kubeconfig with a current context; set KUBECONFIG\. \(`"
    ):
        conditions.kubectl("get", "pods")
