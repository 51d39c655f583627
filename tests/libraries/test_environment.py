"""A workload's environment variable is found where Kubernetes finds it, except in Secrets."""

from __future__ import annotations

from typing import Any

import pytest

from kube.objects import Objects

MAPS = {"one": {"MODEL": "first", "BASE": "http://one"}, "two": {"MODEL": "second"}}
WORKLOAD: dict[str, Any] = {
    "metadata": {"namespace": "n"},
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
    ],
)
def test_the_nearest_and_latest_source_wins(
    variable: str, value: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read(_: Objects, version: str, kind: str, name: str, namespace: str) -> dict[str, Any]:
        assert (version, kind, namespace) == ("v1", "ConfigMap", "n")
        return {"data": MAPS[name]}

    monkeypatch.setattr(Objects, "read_object", read)
    assert Objects().read_environment_variable(WORKLOAD, variable) == value
