"""A Service without a route is reached through the API server, with the kubeconfig's login."""

from __future__ import annotations

from typing import Any

import pytest
import requests
from kubernetes import client

from entry.entry_point import EntryError, EntryPoint, Tls
from entry.http_requests import send_request
from entry.service_proxy import ServiceProxy, make_entry_point

SERVICE = {"name": "weather-service", "namespace": "team2"}
URL = "https://192.0.2.1:6443/api/v1/namespaces/team2/services/weather-service:8080/proxy"


def configured(**settings: Any) -> client.Configuration:  # noqa: ANN401 - the client's own
    configuration = client.Configuration()
    configuration.host = "https://192.0.2.1:6443"
    for name, value in settings.items():
        setattr(configuration, name, value)
    return configuration


def test_a_certificate_of_the_kubeconfig_is_shown() -> None:
    configuration = configured(ssl_ca_cert="/ca", cert_file="/cert", key_file="/key")
    entry = make_entry_point(configuration, SERVICE, 8080)
    assert entry == EntryPoint(URL, tls=Tls("/ca", ("/cert", "/key")))


@pytest.mark.parametrize("key", ["authorization", "BearerToken"])
def test_a_token_of_the_kubeconfig_is_sent_and_not_shown(key: str) -> None:
    entry = make_entry_point(configured(api_key={key: "Bearer top-secret-token"}), SERVICE, 8080)
    assert entry.login
    assert entry.login_headers == {"Authorization": "Bearer top-secret-token"}
    assert "top-secret" not in repr(entry) + str(entry) + repr(entry.login_headers)


def test_a_kubeconfig_that_trusts_anybody_is_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: dict[str, Any] = {}
    monkeypatch.setattr(requests, "request", lambda *_, **options: sent.update(options))
    send_request(make_entry_point(configured(verify_ssl=False), SERVICE, 8080), "GET", "/", 1)
    assert sent["verify"] is False


def test_a_service_without_a_port_is_named() -> None:
    with pytest.raises(EntryError, match="Service team2/weather-service has no port"):
        ServiceProxy().get_entry_point_of_service({"metadata": SERVICE, "spec": {}})
