"""The Secret of an exporter's login is found by what the authenticator's settings name."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.collector import Exporter
from pipeline.exporter_logins import ExporterLogins

EXPORTER = Exporter("otlp_http/mlflow", "traces/mlflow", "http://mlflow:5000/v1/traces", {}, "login/mlflow")
COLLECTOR: dict[str, Any] = {
    "spec": {
        "template": {
            "spec": {
                "containers": [
                    {
                        "name": "c",
                        "env": [
                            {"name": "PLAIN", "value": "x"},
                            {"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "token", "key": "t"}}},
                        ],
                        "volumeMounts": [
                            {"name": "config", "mountPath": "/etc/config"},
                            {"name": "login", "mountPath": "/etc/login/"},
                        ],
                    }
                ],
                "volumes": [
                    {"name": "config", "configMap": {"name": "config"}},
                    {"name": "login", "secret": {"secretName": "mlflow-team2"}},
                ],
            }
        }
    }
}


@pytest.mark.parametrize(
    ("settings", "secret"),
    [
        ({"client_auth": {"username": "u", "password_file": "/etc/login/password"}}, "mlflow-team2"),
        ({"client_id_file": "/etc/login/id", "token_url": "${file:/etc/config/url}"}, "mlflow-team2"),
        ({"client_secret": "${file:/etc/login/secret}"}, "mlflow-team2"),
        ({"token": "${env:TOKEN}"}, "token"),
        ({"token": "${TOKEN}"}, "token"),
        ({"token": "${env:PLAIN}"}, ""),
        ({"password_file": "/etc/login-of-another/password"}, ""),
        ({"client_auth": {"username": "u", "password": "p"}}, ""),
        (None, ""),
    ],
)
def test_files_and_variables_lead_to_their_secret(settings: dict[str, Any] | None, secret: str) -> None:
    configuration = {"extensions": {"login/mlflow": settings}}
    assert ExporterLogins().find_secret_of_exporter(configuration, EXPORTER, COLLECTOR) == secret


def test_an_exporter_without_a_login_has_no_secret() -> None:
    exporter = Exporter("otlp_http/mlflow", "traces/mlflow", "http://mlflow:5000/v1/traces", {})
    assert not ExporterLogins().find_secret_of_exporter({}, exporter, COLLECTOR)
