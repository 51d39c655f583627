"""Readiness of an MLflow that wants a login: `ask_mlflow.py HOST PATH` exits 0 when its databases answer.

That is 200, and 401 too: the user database has answered, and a password of the collector's that was changed
in MLflow is no reason to keep everybody out.

Environment: MLFLOW_TRACKING_USERNAME, MLFLOW_TRACKING_PASSWORD. It runs every few seconds: it imports little.
"""

import base64
import os
import sys
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException

PORT = 5000
PATIENCE_SECONDS = 4.0  # less than the probe's own limit, so that the reason is told


def main(host: str, path: str) -> None:
    """Ask the server in this pod by the name `host`; say in one sentence what it answers instead."""
    login = f"{os.environ['MLFLOW_TRACKING_USERNAME']}:{os.environ['MLFLOW_TRACKING_PASSWORD']}"
    headers = {"Host": host, "Authorization": f"Basic {base64.b64encode(login.encode()).decode()}"}
    connection = HTTPConnection("127.0.0.1", PORT, timeout=PATIENCE_SECONDS)
    try:
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        said = answer.read(200).decode(errors="replace")
    except (OSError, HTTPException) as error:
        raise SystemExit(f"MLflow does not answer: {error}") from None
    if answer.status not in (HTTPStatus.OK, HTTPStatus.UNAUTHORIZED):
        raise SystemExit(f"MLflow answers GET {path} with {answer.status}: {said}")


if __name__ == "__main__":
    main(*sys.argv[1:])
