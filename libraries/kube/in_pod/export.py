"""Sends an OTLP export request by gRPC from inside a pod; prints the answer as one line of JSON.

Runs there as `python3 -c`, with the standard library of whichever Python 3 the pod has, and with its module
grpc. The argument is JSON: `url`, of which only scheme, host and port count, `body` (the request, in base64),
and `timeout` in seconds.
"""

from __future__ import annotations

import base64
import importlib
import json
import sys
from typing import Any
from urllib.parse import urlsplit

METHOD = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"


def main() -> None:
    """Send the request that the argument describes."""
    print(json.dumps(export(json.loads(sys.argv[1]))))


def export(asked: dict[str, Any]) -> dict[str, str]:
    """Return `status`, a name such as OK or empty without the module grpc, and `details`, the reason."""
    try:
        grpc = importlib.import_module("grpc")
    except ImportError as error:
        return {"status": "", "details": str(error)}
    url, directly = urlsplit(asked["url"]), [("grpc.enable_http_proxy", 0)]
    if url.scheme == "https":
        channel = grpc.secure_channel(url.netloc, grpc.ssl_channel_credentials(), directly)
    else:
        channel = grpc.insecure_channel(url.netloc, directly)
    with channel:
        try:
            channel.unary_unary(METHOD)(base64.b64decode(asked["body"]), timeout=asked["timeout"])
        except grpc.RpcError as error:
            return {"status": error.code().name, "details": error.details()}
    return {"status": "OK", "details": ""}


if __name__ == "__main__":
    main()
