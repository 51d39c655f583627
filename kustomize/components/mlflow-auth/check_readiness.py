"""Readiness probe of an MLflow that wants a login: `check_readiness.py HOST EXPERIMENT`.

It succeeds when MLflow's databases answer: with 200 or 401. A 401 means that the user database has answered,
and that only the collector's password differs from its Secret. That is no reason to stop all other requests.

Environment: MLFLOW_TRACKING_USERNAME, MLFLOW_TRACKING_PASSWORD. It runs often, so it imports little.
"""

import base64
import os
import sys
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from urllib.parse import quote

PORT = 5000
PATH = "/api/2.0/mlflow/experiments/get-by-name?experiment_name="
LIMIT_SECONDS = 4.0  # shorter than the probe's timeoutSeconds, so that the reason is reported


def main(host: str, experiment: str) -> None:
    """Ask the server in this pod by the name `host`. Raise SystemExit with any other answer."""
    path = PATH + quote(experiment, safe="")
    login = f"{os.environ['MLFLOW_TRACKING_USERNAME']}:{os.environ['MLFLOW_TRACKING_PASSWORD']}"
    headers = {"Host": host, "Authorization": f"Basic {base64.b64encode(login.encode()).decode()}"}
    connection = HTTPConnection("127.0.0.1", PORT, timeout=LIMIT_SECONDS)
    try:
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        body = answer.read(200).decode(errors="replace")
    except (OSError, HTTPException) as error:
        raise SystemExit(f"MLflow does not answer: {error}") from None
    if answer.status not in (HTTPStatus.OK, HTTPStatus.UNAUTHORIZED):
        raise SystemExit(f"MLflow answers GET {path} with {answer.status}: {body}")


if __name__ == "__main__":
    main(*sys.argv[1:])
