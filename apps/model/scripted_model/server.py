"""The scripted model's HTTP endpoint: /v1/chat/completions, /v1/models and /health."""

import asyncio
import json
import os
from collections.abc import AsyncIterator

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from scripted_model.script import Completion, RequestError, chunks, complete, whole

LONGEST_DELAY = 600


def application() -> Starlette:
    """Build the app. MODEL_NAME is what /v1/models lists; MODEL_DELAY_SECONDS delays every completion."""
    name = os.environ.get("MODEL_NAME", "scripted")
    delay = _seconds("MODEL_DELAY_SECONDS")

    async def completions(request: Request) -> Response:
        try:
            body = json.loads(await request.body())
            completion = complete(body)
        except ValueError as error:
            return _refusal(RequestError(400, f"The request body is not JSON: {error}"))
        except RequestError as error:
            return _refusal(error)
        await asyncio.sleep(delay + completion.delay_seconds)
        if not body.get("stream"):
            return JSONResponse(whole(completion))
        include_usage = bool((body.get("stream_options") or {}).get("include_usage"))
        return StreamingResponse(
            _events(completion, include_usage=include_usage), media_type="text/event-stream"
        )

    async def models(_: Request) -> Response:
        return JSONResponse(
            {"object": "list", "data": [{"id": name, "object": "model", "created": 0, "owned_by": "script"}]}
        )

    async def health(_: Request) -> Response:
        return JSONResponse({"status": "ok"})

    return Starlette(
        routes=[
            Route("/v1/chat/completions", completions, methods=["POST"]),
            Route("/v1/models", models),
            Route("/health", health),
        ]
    )


async def _events(completion: Completion, *, include_usage: bool) -> AsyncIterator[str]:
    for chunk in chunks(completion, include_usage=include_usage):
        yield f"data: {json.dumps(chunk, ensure_ascii=False)}\n\n"
    yield "data: [DONE]\n\n"


def _refusal(error: RequestError) -> Response:
    return JSONResponse(error.body(), status_code=error.status)


def _seconds(variable: str) -> float:
    value = os.environ.get(variable, "0")
    try:
        seconds = float(value)
    except ValueError:
        seconds = -1
    if not 0 <= seconds <= LONGEST_DELAY:
        raise SystemExit(f"Set {variable} to a number of seconds from 0 to {LONGEST_DELAY}, not {value!r}.")
    return seconds
