"""A workload's environment variable is found where Kubernetes finds it, except in Secrets."""

from __future__ import annotations

from typing import Any

import pytest

from kube.client import ClusterError
from kube.environment import Environment, Variable
from kube.objects import Objects

MAPS = {"one": {"MODEL": "first", "BASE": "http://one"}, "two": {"MODEL": "second"}}
WORKLOAD: dict[str, Any] = {
    "metadata": {"name": "w", "namespace": "n"},
    "spec": {
        "template": {
            "spec": {
                "containers": [
                    {
                        "env": [
                            {"name": "PLAIN", "value": "1"},
                            {
                                "name": "KEYED",
                                "valueFrom": {"configMapKeyRef": {"name": "one", "key": "BASE"}},
                            },
                            {"name": "TWICE", "value": "earlier"},
                            {"name": "TWICE", "value": "later"},
                            # Entries of envFrom, and later ones, are not put in.
                            {"name": "REFERS", "value": "$(PLAIN) of $(KEYED), $(BASE) and $(LATER) for $$1"},
                            {"name": "LATER", "value": "2"},
                            {
                                "name": "NAMESPACE",
                                "valueFrom": {"fieldRef": {"fieldPath": "metadata.namespace"}},
                            },
                            {"name": "SECRET", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}},
                        ],
                        "envFrom": [
                            {"configMapRef": {"name": "one"}},
                            {"configMapRef": {"name": "two"}},
                            {"configMapRef": {"name": "two"}, "prefix": "MY_"},
                            {"secretRef": {"name": "hidden"}},
                        ],
                    }
                ]
            }
        }
    },
}


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("PLAIN", "1"),
        ("KEYED", "http://one"),
        ("BASE", "http://one"),
        ("MODEL", "second"),
        ("MY_MODEL", "second"),
        ("NONE", None),
        ("TWICE", "later"),
        ("REFERS", "1 of http://one, $(BASE) and $(LATER) for $1"),
        ("NAMESPACE", "n"),
        ("TOKEN", ""),
        ("SECRET", ""),
        ("MLFLOW_PORT", ""),
    ],
)
def test_the_nearest_and_latest_source_wins(
    variable: str, value: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read(_: Objects, version: str, kind: str, name: str, namespace: str) -> dict[str, Any]:
        assert (version, namespace) == ("v1", "n")
        if kind == "Secret":
            return {"data": {"TOKEN": "c2VjcmV0"}}
        return {"data": MAPS[name]}

    monkeypatch.setattr(Objects, "read_object", read)
    assert Environment(Objects()).read_environment_variable(WORKLOAD, variable) == value


CONFIG = {"base.yaml": "receivers: {}", "more.yaml": "exporters: {}"}


def mounting(volume: dict[str, Any], *mounts: dict[str, str]) -> dict[str, Any]:
    container = {"volumeMounts": [{"name": "config", **mount} for mount in mounts]}
    spec = {"containers": [container], "volumes": [{"name": "config", **volume}, {"name": "other"}]}
    return {"metadata": {"namespace": "n"}, "spec": {"template": {"spec": spec}}}


WHOLE = {"configMap": {"name": "collector"}}
PROJECTED = {
    "projected": {
        "sources": [
            {"secret": {"name": "hidden"}},
            {
                "configMap": {
                    "name": "collector",
                    "items": [{"key": "base.yaml", "path": "conf/relay.yaml"}, {"key": "no", "path": "no"}],
                }
            },
            {"configMap": {"name": "gone", "optional": True}},
        ]
    }
}


@pytest.mark.parametrize(
    ("workload", "paths"),
    [
        (mounting(WHOLE, {"mountPath": "/etc/otel"}), {"/etc/otel/base.yaml", "/etc/otel/more.yaml"}),
        (mounting(WHOLE, {"mountPath": "/conf/relay.yaml", "subPath": "base.yaml"}), {"/conf/relay.yaml"}),
        (
            mounting(
                WHOLE,
                {"mountPath": "/one.yaml", "subPath": "base.yaml"},
                {"mountPath": "/two.yaml", "subPath": "more.yaml"},
            ),
            {"/one.yaml", "/two.yaml"},
        ),
        (mounting(PROJECTED, {"mountPath": "/etc/"}), {"/etc/conf/relay.yaml"}),
        (mounting(PROJECTED, {"mountPath": "/etc/otel", "subPath": "conf"}), {"/etc/otel/relay.yaml"}),
        (mounting(PROJECTED, {"mountPath": "/etc/otel", "subPath": "con"}), set()),
        (mounting({"emptyDir": {}}, {"mountPath": "/cache"}), set()),
    ],
)
def test_files_of_config_maps_are_found_where_a_mount_shows_them(
    workload: dict[str, Any], paths: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def read(_: Objects, version: str, kind: str, name: str, namespace: str) -> dict[str, Any]:
        assert (version, kind, namespace) == ("v1", "ConfigMap", "n")
        if name == "gone":
            answer = ApiError(404)
            raise ClusterError("Cannot read ConfigMap gone: 404.") from answer
        return {"data": CONFIG}

    monkeypatch.setattr(Objects, "read_object", read)
    assert set(Objects().read_mounted_files(workload)) == paths


class ApiError(Exception):
    """What the Kubernetes client raises."""

    def __init__(self, status: int) -> None:
        """Take the HTTP status."""
        super().__init__(status)
        self.status = status


@pytest.mark.parametrize(
    ("variable", "why"),
    [
        ("SECRET", "it is key k of Secret s"),
        ("TOKEN", "Secret hidden may have it, and may not be read"),
        ("MLFLOW_SERVICE_HOST", "Secret hidden may have it, and may not be read"),
    ],
)
def test_a_variable_that_is_not_known_is_not_taken_for_one_that_is_not_there(
    variable: str, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read(_: Objects, __: str, kind: str, name: str, ___: str) -> dict[str, Any]:
        if kind == "Secret":
            forbidden = ApiError(403)
            raise ClusterError("Cannot read Secret hidden: 403.") from forbidden
        return {"data": MAPS[name]}

    monkeypatch.setattr(Objects, "read_object", read)
    assert Environment(Objects()).find_variable(WORKLOAD, variable) == Variable(unread=why)
    with pytest.raises(AssertionError, match=f"^Variable {variable} of w is not read, {why}\\.$"):
        Environment(Objects()).read_known_variables(WORKLOAD, [variable])


def test_a_file_that_is_mounted_over_a_volume_s_own_hides_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Objects, "read_object", lambda *_: {"data": CONFIG})
    workload = mounting(WHOLE, {"mountPath": "/etc/base.yaml", "subPath": "more.yaml"}, {"mountPath": "/etc"})
    assert Objects().read_mounted_files(workload)["/etc/base.yaml"] == CONFIG["more.yaml"]


def test_variables_read_together_take_one_reading_of_each_map(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    read: list[str] = []

    def read_object(_: Objects, __: str, kind: str, name: str, ___: str) -> dict[str, Any]:
        read.append(name)
        if kind == "Secret":
            gone = ApiError(404)
            raise ClusterError("Cannot read Secret hidden: 404.") from gone
        return {"data": MAPS[name]}

    monkeypatch.setattr(Objects, "read_object", read_object)
    found = Environment(Objects()).read_known_variables(WORKLOAD, ["MODEL", "BASE", "MY_MODEL", "NONE"])
    assert found == {"MODEL": "second", "BASE": "http://one", "MY_MODEL": "second", "NONE": None}
    assert sorted(read) == ["hidden", "one", "two"]
