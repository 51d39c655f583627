"""Conditions of a cluster are waited for until they hold, not until they were announced."""

import json
import re
from collections import deque
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest

from harness.common import kubectl as conditions
from harness.common import waiting
from harness.common.errors import HarnessError
from harness.common.kubectl_and_helm import find_program
from harness.common.local_server import LocalHandler, LocalServer
from harness.common.loopback import LOOPBACK
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


@pytest.fixture
def program(pytestconfig: pytest.Config, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Put the real kubectl on the PATH."""
    found = Path(find_program("kubectl", pytestconfig.cache.mkdir("programs")))
    monkeypatch.setenv("PATH", str(found.parent), prepend=":")
    monkeypatch.setenv("KUBECACHEDIR", str(tmp_path))
    monkeypatch.setenv("no_proxy", LOOPBACK)


@pytest.mark.usefixtures("program")
@pytest.mark.parametrize(
    ("config", "remedy"),
    [
        ("", "There is no kubeconfig with a current context; set KUBECONFIG."),
        ("[1]", "The kubeconfig is malformed; correct it, or set KUBECONFIG."),
        ("a: [", "The kubeconfig is malformed; correct it, or set KUBECONFIG."),
    ],
)
@pytest.mark.parametrize("command", [("config", "current-context"), ("get", "pods")])
def test_a_kubeconfig_that_cannot_be_used_says_what_to_set(
    config: str, remedy: str, command: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "config").write_text(config, encoding="utf-8")
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "config"))
    with pytest.raises(HarnessError, match=rf"^{re.escape(remedy)} \(`kubectl {' '.join(command)}` failed: "):
        conditions.kubectl(*command)


@pytest.mark.usefixtures("program")
def test_a_page_that_answers_as_the_api_server_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    class Page(LocalHandler):
        def do_GET(self) -> None:  # noqa: N802 - the name that http.server calls
            self.answer(HTTPStatus.OK, b"<html></html>")

    with LocalServer(Page).serve() as port:
        cluster = {"name": "c", "cluster": {"server": f"http://{LOOPBACK}:{port}"}}
        context = {"name": "c", "context": {"cluster": "c", "user": ""}}
        config = {"clusters": [cluster], "contexts": [context], "current-context": "c"}
        (tmp_path / "config").write_text(json.dumps(config), encoding="utf-8")
        monkeypatch.setenv("KUBECONFIG", str(tmp_path / "config"))
        with pytest.raises(HarnessError, match=r"^A web page answers as the API server; correct the"):
            conditions.kubectl("get", "pods")


def test_a_missing_kubectl_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(HarnessError, match=r"^There is no kubectl on the PATH; install it"):
        conditions.kubectl("get", "pods")
