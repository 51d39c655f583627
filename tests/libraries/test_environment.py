"""A workload's environment variable is found where Kubernetes finds it, except in Secrets."""

from __future__ import annotations

from typing import Any

import pytest

from kube.api import Kube

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
    [("PLAIN", "1"), ("KEYED", "http://one"), ("BASE", "http://one"), ("MODEL", "second"), ("NONE", None)],
)
def test_the_nearest_and_latest_source_wins(
    variable: str, value: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read(_: Kube, version: str, kind: str, name: str, namespace: str) -> dict[str, Any]:
        assert (version, kind, namespace) == ("v1", "ConfigMap", "n")
        return {"data": MAPS[name]}

    monkeypatch.setattr(Kube, "read_object", read)
    assert Kube().read_environment_variable(WORKLOAD, variable) == value
