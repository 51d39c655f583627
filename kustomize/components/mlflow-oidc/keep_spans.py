"""The app of mlflow-oidc-auth with two answers changed, so that no login costs a span.

The collector drops spans that MLflow answers with 401, and retries those that it answers with 503. MLflow
also answers 401 while it cannot ask its user database or fetch the identity provider's keys, and the
collector's token may expire on its way. So spans that carry a login are rejected with 503 here, and wait. So
are spans for an experiment that is not there, which it rejects with 403.
"""

from collections.abc import Awaitable, Callable, MutableMapping
from http import HTTPStatus
from typing import Any

from mlflow_oidc_auth.app import app

from lossless_store import find_missing_experiment

__all__ = ["app"]

SPANS, EXPERIMENT = "/v1/traces", b"x-mlflow-experiment-id"

Message = MutableMapping[str, Any]
Send = Callable[[Message], Awaitable[None]]
Receive = Callable[[], Awaitable[Message]]
App = Callable[[Message, Receive, Send], Awaitable[None]]


class KeepSpans:
    """ASGI middleware: spans with a login that is not accepted are answered with 503."""

    def __init__(self, inner: App) -> None:
        """Wrap an application."""
        self.inner = inner

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Pass one request on."""
        if not has_spans_and_login(scope):
            await self.inner(scope, receive, send)
            return

        experiment = dict(scope["headers"]).get(EXPERIMENT, b"").decode("latin-1")

        async def send_changed(message: Message) -> None:
            status = message.get("status")
            if status == HTTPStatus.UNAUTHORIZED or (
                status == HTTPStatus.FORBIDDEN and find_missing_experiment(experiment)
            ):
                message["status"] = int(HTTPStatus.SERVICE_UNAVAILABLE)
            await send(message)

        await self.inner(scope, receive, send_changed)


def has_spans_and_login(scope: Message) -> bool:
    """Return whether a request brings spans, and a login with them."""
    if scope["type"] != "http" or scope["path"] != SPANS:
        return False
    return any(name == b"authorization" for name, _ in scope["headers"])


app.add_middleware(KeepSpans)
