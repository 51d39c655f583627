"""A leaked secret is found in whatever form it leaks; what was not searched is named, the value never."""

from __future__ import annotations

import base64
import html
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from kubernetes.client import ApiException
from robot.api.types import Secret

from kube.client import ClusterError
from kube.model import Object
from kube.objects import Objects
from kube.pods import Pods
from secrecy.places import MARK, MOST_LINES, Places, Texts
from secrecy.search import Search, find_leaks
from secrecy.values import SecretValues, Values, secrets_used_by
from tests.robot_process import run_robot

ROOT = Path(__file__).parents[2]
PASSWORD = 'kY7-x_\u00e4"8\\z+/=<Q'  # noqa: S105 - nobody's
NAME = "Secret kagenti-system/mlflow-admin, key password"
VALUES = SecretValues(searched={NAME: Secret(PASSWORD)})
PUBLIC = ["username", "host", ".crt"]
NAMESPACE = "kagenti-system"

FORMS = {
    "as it is": f"password={PASSWORD}",
    "in a URL": f"http://admin:{quote(PASSWORD, safe='')}@mlflow",
    "in JSON": json.dumps({"password": PASSWORD}, ensure_ascii=False),
    "in JSON of ASCII": json.dumps({"password": PASSWORD}),
    "in XML": f"<msg>{html.escape(PASSWORD, quote=False)}</msg>",
    "in an attribute of XML": f'<msg text="{html.escape(PASSWORD)}"/>',
    "in base64, as a Secret has it": base64.b64encode(PASSWORD.encode()).decode(),
    "in a header": f"Basic {base64.b64encode(f'a:{PASSWORD}'.encode()).decode()}",
    "in another user's header": f"Basic {base64.b64encode(f'ab:{PASSWORD}'.encode()).decode()}",
    "in a third user's header": f"Basic {base64.b64encode(f'abc:{PASSWORD}'.encode()).decode()}",
    "in base64 between other things": base64.b64encode(f"so {PASSWORD} it is".encode()).decode(),
    "in base64 for URLs": base64.urlsafe_b64encode(PASSWORD.encode()).decode(),
}


def texts(**by_place: str) -> Texts:
    return Texts("log", by_place)


@pytest.mark.parametrize("form", FORMS)
def test_a_leaked_value_is_found(form: str) -> None:
    assert find_leaks(texts(log=FORMS[form]), VALUES) == [f"log leaks {NAME}"]


def test_a_message_names_place_and_secret_and_never_the_value() -> None:
    with pytest.raises(AssertionError) as raised:
        Search().texts_should_contain_no_secret(texts(one=PASSWORD, two=FORMS["in JSON"]), VALUES)
    assert str(raised.value) == f"one leaks {NAME}; two leaks {NAME}."


def jwt(**claims: Any) -> str:  # noqa: ANN401 - JSON
    parts = ({"alg": "RS256", "typ": "JWT"}, {"exp": 1_000_000_000, **claims})
    head = ".".join(base64.urlsafe_b64encode(json.dumps(p).encode()).decode().rstrip("=") for p in parts)
    return f"{head}.{'c2lnbmF0dXJl' * 4}"


def test_a_token_that_no_secret_holds_is_found_and_its_owner_named() -> None:
    token = jwt(iss="http://sso/realms/any", sub="1", preferred_username="service-account-mlflow")
    found = find_leaks(texts(log=f'{{"authorization": "Bearer {token}"}} {token}', other=jwt()), VALUES)
    assert found == [
        "log leaks a token of http://sso/realms/any for service-account-mlflow",
        "other leaks a token",
    ]
    unsigned = token.rpartition(".")[0]
    assert find_leaks(texts(log=f"{unsigned}. eyJ.eyJ.x"), VALUES) == []


def test_the_suites_own_logins_are_searched_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "opaque-token-of-ours")
    monkeypatch.delenv("PHOENIX_API_KEY", raising=False)
    variables = ["MLFLOW_TRACKING_TOKEN", "PHOENIX_API_KEY"]
    values = Values(_Objects({"Secret": []})).read_secrets_of_stack([], [NAMESPACE], PUBLIC, variables)
    assert str(values) == "0 values of 0 Secrets; 1 environment variable"
    assert find_leaks(texts(log="opaque-token-of-ours"), values) == [
        "log leaks environment variable MLFLOW_TRACKING_TOKEN"
    ]


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("MLFLOW_TRACKING_URI", "https://admin:opaque%2Fword%40ours@mlflow.example/mlflow"),
        ("MLFLOW_TRACKING_URI", "https://opaque%2Fword%40ours@mlflow.example"),
        ("MLFLOW_TRACKING_URI", "https://admin:opaque/word@ours@mlflow.example"),
        ("https_proxy", "admin:opaque%2Fword%40ours@proxy.example:3128"),
    ],
)
@pytest.mark.parametrize(
    "leak", ["opaque/word@ours", "opaque%2Fword%40ours", base64.b64encode(b"admin:opaque/word@ours").decode()]
)
def test_the_password_of_a_url_is_searched_for_in_every_form(
    variable: str, value: str, leak: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)
    values = Values(_Objects({"Secret": []})).read_secrets_of_stack([], [NAMESPACE], PUBLIC, [variable])
    assert find_leaks(texts(log=f"x {leak} x"), values) == [f"log leaks environment variable {variable}"]
    assert find_leaks(texts(log="https://mlflow.example/mlflow proxy.example:3128 admin"), values) == []


@pytest.mark.parametrize("value", ["https://mlflow.example/mlflow", "proxy.example:3128", ""])
def test_a_url_without_a_login_has_no_secret(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", value)
    values = Values(_Objects({"Secret": []})).read_secrets_of_stack(
        [], [NAMESPACE], PUBLIC, ["MLFLOW_TRACKING_URI"]
    )
    assert not values.searched


def test_other_text_leaks_nothing() -> None:
    other = f"{PASSWORD[:-1]} {PASSWORD[1:]} {base64.b64encode(b'something else').decode()}"
    assert find_leaks(texts(log=other, empty=""), VALUES) == []


def test_a_message_counts_what_was_searched_and_names_what_was_not() -> None:
    values = SecretValues(
        {NAME: Secret(PASSWORD)},
        public=["Secret n/s, key username"],
        too_short=["Secret n/s, key pin"],
        unread=["Cannot read Secret other: 403 forbidden."],
    )
    searched = Texts("log", {"one": "", "two": ""}, ["the log of three (Cannot read it: 403.)"])
    assert Search().texts_should_contain_no_secret(searched, values) == (
        "Searched 2 logs for tokens and 1 value of 1 Secret; 1 public value left out; shorter than 8 "
        "characters and left out: Secret n/s, key pin; Cannot read Secret other: 403 forbidden. "
        "Not searched: the log of three (Cannot read it: 403.)."
    )


@pytest.mark.parametrize(
    ("by_place", "values"), [({}, VALUES), ({"log": "text"}, SecretValues(too_short=["Secret n/s, key a"]))]
)
def test_a_search_for_nothing_or_in_nothing_fails(by_place: dict[str, str], values: SecretValues) -> None:
    with pytest.raises(AssertionError, match="Nothing was searched"):
        Search().texts_should_contain_no_secret(Texts("log", by_place), values)


def secret(name: str, **data: str | bytes) -> Object:
    encoded = {key: value if isinstance(value, bytes) else value.encode() for key, value in data.items()}
    return {
        "metadata": {"namespace": NAMESPACE, "name": name},
        "data": {key.replace("__", "."): base64.b64encode(value).decode() for key, value in encoded.items()},
    }


class _Objects(Objects):
    """Reads what it is given; an exception in its place is raised."""

    def __init__(self, listed: dict[str, Any], named: dict[str, Any] | None = None) -> None:
        super().__init__()
        self.listed, self.named = listed, named or {}

    def read_objects(
        self, api_version: str, kind: str, namespace: str | None = None, selector: str | None = None
    ) -> list[Object]:
        del api_version, selector
        assert namespace == NAMESPACE
        found = self.listed.get(kind, [])
        if isinstance(found, ClusterError):
            raise found
        return list(found)

    def read_object(self, api_version: str, kind: str, name: str, namespace: str | None = None) -> Object:
        assert (api_version, kind, namespace) == ("v1", "Secret", NAMESPACE)
        found = self.named[name]
        if isinstance(found, ClusterError):
            raise found
        return dict(found)


def rejected(status: int, text: str) -> ClusterError:
    error = ClusterError(text)
    error.__cause__ = ApiException(status=status)
    return error


def user(*names: str) -> Object:
    """Return a pod that has Secrets of these names in its environment."""
    env = [
        {"name": name.upper(), "valueFrom": {"secretKeyRef": {"name": name, "key": "k"}}} for name in names
    ]
    return {
        "metadata": {"namespace": NAMESPACE, "name": "mlflow-0"},
        "spec": {"containers": [{"name": "mlflow", "env": env}]},
    }


def read(listed: list[Object], named: dict[str, Any] | None = None) -> SecretValues:
    values = Values(_Objects({"Secret": listed}, named))
    return values.read_secrets_of_stack([user(*(named or {}))], [NAMESPACE], PUBLIC)


def test_all_values_of_a_secret_are_searched_for_but_public_and_short_ones() -> None:
    found = read(
        [
            secret(
                "mlflow",
                password=PASSWORD,
                token="a-token-of-ours\n",  # noqa: S106 - nobody's
                PGHOST="db.example.org",
                username="administrator",
                pin="1234567",
                ca__crt="-----BEGIN CERTIFICATE-----",
                bundle__pem="-----BEGIN CERTIFICATE-----",
                empty="",
                keystore=b"\xfe\xed\xfe\xed\x00\x01\x02\x03\x04",
            )
        ]
    )
    name = "Secret kagenti-system/mlflow, key"
    assert set(found.searched) == {f"{name} password", f"{name} token", f"{name} keystore"}
    assert found.searched[f"{name} token"].value == "a-token-of-ours"
    assert found.too_short == [f"{name} pin"]
    assert found.public == [f"{name} {key}" for key in ("PGHOST", "username", "ca.crt", "bundle.pem")]
    assert PASSWORD not in f"{found!r} {found}"
    keystore = base64.b64encode(b"a:\xfe\xed\xfe\xed\x00\x01\x02\x03\x04").decode()
    assert find_leaks(texts(log=keystore), found) == [f"log leaks {name} keystore"]


def test_the_logins_of_a_registry_are_searched_for_one_by_one() -> None:
    config = {"auths": {"quay.io": {"username": "robot", "password": PASSWORD, "auth": "cm9ib3Q6cGFzcw=="}}}
    found = read([secret("pull", __dockerconfigjson=json.dumps(config))])
    name = "Secret kagenti-system/pull, key .dockerconfigjson auths quay.io"
    assert set(found.searched) == {f"{name} password", f"{name} auth"}
    assert found.public == [f"{name} username"]


def test_secrets_without_the_label_are_read_where_a_pod_uses_them() -> None:
    forbidden = rejected(403, "Cannot read Secret model-key in namespace kagenti-system: 403 forbidden.")
    missing = rejected(404, "Cannot read Secret optional in namespace kagenti-system: 404 not found.")
    found = read(
        [secret("mlflow", password=PASSWORD)],
        {
            "external-postgres": secret("external-postgres", password="a-password"),  # noqa: S106 - nobody's
            "model-key": forbidden,
            "optional": missing,
        },
    )
    assert set(found.searched) == {
        "Secret kagenti-system/mlflow, key password",
        "Secret kagenti-system/external-postgres, key password",
    }
    assert found.unread == [str(forbidden)]


def test_secrets_that_may_not_be_listed_are_named() -> None:
    forbidden = rejected(403, "Cannot read Secrets in namespace kagenti-system: 403 forbidden.")
    values = Values(_Objects({"Secret": forbidden})).read_secrets_of_stack([], [NAMESPACE], PUBLIC)
    assert (values.searched, values.unread) == ({}, [str(forbidden)])


def test_every_way_in_which_a_pod_uses_a_secret_is_known() -> None:
    spec = {
        "imagePullSecrets": [{"name": "pull"}],
        "initContainers": [{"envFrom": [{"secretRef": {"name": "init"}}]}],
        "containers": [
            {
                "env": [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "key", "key": "password"}}}],
                "envFrom": [{"configMapRef": {"name": "map"}}],
            }
        ],
        "volumes": [
            {"name": "a", "secret": {"secretName": "mounted"}},
            {"name": "b", "projected": {"sources": [{"secret": {"name": "projected"}}, {"configMap": {}}]}},
            {"name": "c", "csi": {"driver": "d", "nodePublishSecretRef": {"name": "csi"}}},
            {"name": "d", "azureFile": {"secretName": "share", "shareName": "s"}},
        ],
    }
    expected = {"pull", "init", "key", "mounted", "projected", "csi", "share"}
    assert secrets_used_by({"metadata": {"name": "p"}, "spec": spec}) == expected
    assert secrets_used_by({"spec": {"template": {"spec": spec}}}) == expected


class _Pods(Pods):
    """Has logs and lists of command lines by container; an exception in their place is raised."""

    def __init__(self, **found: Any) -> None:  # noqa: ANN401 - lines, a text or an error
        super().__init__()
        self.found = found

    def read_log(
        self,
        pod: Object,
        container: str,
        lines: int | None = 6,
        previous: bool = False,
        since_seconds: int | None = None,
    ) -> list[str]:
        del pod, since_seconds
        assert lines == MOST_LINES
        found = self.found[f"{container}_before" if previous else container]
        if isinstance(found, ClusterError):
            raise found
        return list(found)

    def run_in_pod(self, pod: Object, container: str, command: Sequence[str], line: str = "") -> str:
        del pod, line
        assert command[:2] == ("sh", "-c")
        found = self.found[container]
        if isinstance(found, ClusterError):
            raise found
        return str(found)


def pod(*containers: str, restarted: str = "") -> Object:
    statuses = [
        {"name": name, "restartCount": int(name == restarted), "state": {"running": {}}}
        for name in containers
    ]
    return {
        "metadata": {"name": "p", "namespace": NAMESPACE},
        "spec": {"containers": [{"name": name} for name in containers]},
        "status": {"containerStatuses": statuses},
    }


def test_a_log_that_cannot_be_read_does_not_count_as_searched() -> None:
    pods = _Pods(one=["a", "b"], two=ClusterError("Cannot read the log: 403 forbidden."))
    logs = Places(_Objects({}), pods).read_logs_of_pods([pod("one", "two")])
    assert logs.by_place == {"the log of one in pod p": "a\nb"}
    assert logs.unread == ["the log of two in pod p (Cannot read the log: 403 forbidden.)"]


def test_the_log_before_a_restart_is_read_and_the_start_of_a_long_one_named() -> None:
    pods = _Pods(one=["a"] * MOST_LINES, one_before=["secret"])
    logs = Places(_Objects({}), pods).read_logs_of_pods([pod("one", restarted="one")])
    assert logs.by_place["the log of one in pod p before its restart"] == "secret"
    assert logs.unread == ["the log of one in pod p before its last 20000 lines"]


def test_command_lines_that_were_not_listed_do_not_count_as_searched() -> None:
    pods = _Pods(
        lists=f"mlflow\0server\0sh\0-c\0cat; true {MARK}\0",
        no_cat="sh: 1: cat: not found",
        no_shell="",
        forbidden=ClusterError("Cannot run a program: 403 forbidden."),
    )
    listed = Places(_Objects({}), pods).read_command_lines_of_pods(
        [pod("lists", "no_cat", "no_shell", "forbidden")]
    )
    assert list(listed.by_place) == ["a command line in lists of pod p"]
    assert listed.unread == [
        "no_cat of pod p (it has no shell, or no cat)",
        "no_shell of pod p (it has no shell, or no cat)",
        "forbidden of pod p (Cannot run a program: 403 forbidden.)",
    ]


def test_objects_that_may_not_be_read_are_named() -> None:
    objects = _Objects({"Pod": [pod("one")], "ConfigMap": ClusterError("Cannot read ConfigMaps: 403.")})
    found = Places(objects, _Pods()).read_objects_of_namespaces([NAMESPACE])
    assert list(found.by_place) == ["Pod kagenti-system/p"]
    assert found.unread == ["ConfigMaps in namespace kagenti-system (Cannot read ConfigMaps: 403.)"]


SUITE = """
*** Settings ***
Resource          {resource}
Variables         values.py
Suite Teardown    Output Should Contain No Value Of    ${{VALUES}}

*** Test Cases ***
Leak
    Log    {logged}
"""
VARIABLES = """
from robot.api.types import Secret
from secrecy.values import SecretValues

VALUES = SecretValues({{ {name!r}: Secret({value!r}) }})
"""


@pytest.mark.parametrize(
    ("logged", "options", "failed", "said"),
    [
        (PASSWORD, (), 1, f"output.xml leaks {NAME}."),
        (PASSWORD, ("--output", "output.json"), 1, f"output.json leaks {NAME}."),
        (PASSWORD, ("--output", "NONE", "--debugfile", "debug.txt"), 1, f"debug.txt leaks {NAME}."),
        ("nothing", (), 0, "Searched 1 file for tokens and 1 value of 1 Secret."),
        (PASSWORD, ("--output", "NONE"), 0, "Nothing was searched: Robot Framework writes no output file."),
    ],
)
def test_a_leak_into_the_output_of_the_run_fails_it(
    logged: str, options: tuple[str, ...], failed: int, said: str, tmp_path: Path
) -> None:
    """The leak is the last thing that is logged, so it waits in Robot Framework's buffer."""
    resource = ROOT / "resources" / "secrecy.resource"
    escaped = logged.replace("\\", "\\\\").replace("=", "\\=")
    (tmp_path / "leak.robot").write_text(SUITE.format(resource=resource, logged=escaped), encoding="utf-8")
    (tmp_path / "values.py").write_text(VARIABLES.format(name=NAME, value=PASSWORD), encoding="utf-8")
    arguments = ["--log", "NONE", "--pythonpath", str(ROOT / "libraries"), *options]
    result = run_robot([*arguments, str(tmp_path / "leak.robot")], tmp_path)
    assert result.returncode == failed, result.stdout + result.stderr
    report = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert said in (result.stdout if failed else report)
