"""MLflow's own check of a login, with three answers changed, so that no login costs a span.

The collector drops spans that MLflow answers with 401 or 403, and retries those that it answers with 503. So
three answers to spans are 503 here:

- while the user database is away, where MLflow 3.17.2 answers spans with 401 and everything else with 503;
- for a wrong login: a password changes at the collector and in MLflow at different moments, and the spans
  wait for the later one;
- for an experiment that is not there, where MLflow answers 403. So whoever has a login can learn which ids
  exist.

All other rejections stay 401, also of spans without a login.
"""

from http import HTTPStatus

from flask import Response, request
from mlflow.server import auth
from werkzeug.datastructures import Authorization

from lossless_store import find_missing_experiment

SPANS, EXPERIMENT = "/v1/traces", "x-mlflow-experiment-id"


def authenticate() -> Authorization | Response:
    """Return the login of the current request, or the response that rejects it."""
    login = request.authorization
    if login is not None:
        auth.store.has_user(login.username)  # raises if the database does not answer; MLflow makes that 503
    result: Authorization | Response = auth.authenticate_request_basic_auth()
    if login is None or request.path != SPANS:
        return result
    if isinstance(result, Response):
        result.status_code = HTTPStatus.SERVICE_UNAVAILABLE
    elif missing := find_missing_experiment(request.headers.get(EXPERIMENT, "")):
        return Response(missing, HTTPStatus.SERVICE_UNAVAILABLE)
    return result
