"""Spans with a login that mlflow-oidc-auth rejects are retried, all other rejections stay final."""

import asyncio
import importlib
import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

LOGIN = [(b"authorization", b"Bearer any")]
GONE = (b"x-mlflow-experiment-id", b"77")


@pytest.fixture
def keep_spans(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Return the module; the plugin's app only takes middleware."""
    monkeypatch.setitem(sys.modules, "mlflow_oidc_auth", SimpleNamespace())
    monkeypatch.setitem(
        sys.modules,
        "mlflow_oidc_auth.app",
        SimpleNamespace(app=SimpleNamespace(add_middleware=lambda _: None)),
    )
    missing = SimpleNamespace(find_missing_experiment=lambda id_: "it is gone" if id_ == "77" else "")
    monkeypatch.setitem(sys.modules, "lossless_store", missing)
    monkeypatch.delitem(sys.modules, "keep_spans", raising=False)
    return importlib.import_module("keep_spans")


def ask(keep_spans: ModuleType, path: str, headers: list[tuple[bytes, bytes]], status: int) -> int:
    """Return the status that a client gets where the plugin answers with `status`."""
    sent: list[dict[str, Any]] = []

    async def answer(_scope: object, _receive: object, send: Any) -> None:  # noqa: ANN401 - ASGI
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b""}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    scope = {"type": "http", "path": path, "headers": headers}
    asyncio.run(keep_spans.KeepSpans(answer)(scope, receive, send))
    assert [message["type"] for message in sent] == ["http.response.start", "http.response.body"]
    return int(sent[0]["status"])


@pytest.mark.parametrize(
    ("path", "headers", "answered", "expected"),
    [
        ("/v1/traces", LOGIN, 401, 503),
        ("/v1/traces", [], 401, 401),
        ("/v1/traces", LOGIN, 403, 403),
        ("/v1/traces", [*LOGIN, GONE], 403, 503),
        ("/v1/traces", [GONE], 403, 403),
        ("/api/2.0/mlflow/experiments/search", [*LOGIN, GONE], 403, 403),
        ("/v1/traces", LOGIN, 200, 200),
        ("/v1/traces/", LOGIN, 401, 401),
        ("/api/2.0/mlflow/experiments/search", LOGIN, 401, 401),
    ],
)
def test_only_spans_with_a_login_wait(
    keep_spans: ModuleType, path: str, headers: list[tuple[bytes, bytes]], answered: int, expected: int
) -> None:
    assert ask(keep_spans, path, headers, answered) == expected


def test_what_is_no_request_passes(keep_spans: ModuleType) -> None:
    passed: list[str] = []

    async def app(scope: dict[str, Any], *_: object) -> None:
        passed.append(scope["type"])

    asyncio.run(keep_spans.KeepSpans(app)({"type": "lifespan"}, None, None))
    assert passed == ["lifespan"]
