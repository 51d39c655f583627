"""MLflow's own check of a login, with two answers changed, so that no login costs a span.

The collector drops spans that MLflow answers with 401, and retries those that it answers with 503. So two
answers to spans are 503 here:

- while the user database is away, where MLflow 3.17.2 answers spans with 401 and everything else with 503;
- for a wrong login: a password changes at the collector and in MLflow at different moments, and the spans
  wait
  for the later one.

All other rejections stay 401, also of spans without a login.
"""

from http import HTTPStatus

from flask import Response, request
from mlflow.server import auth
from werkzeug.datastructures import Authorization

SPANS = "/v1/traces"


def authenticate() -> Authorization | Response:
    """Return the login of the current request, or the response that rejects it."""
    login = request.authorization
    if login is not None:
        auth.store.has_user(login.username)  # raises if the database does not answer; MLflow makes that 503
    result: Authorization | Response = auth.authenticate_request_basic_auth()
    if isinstance(result, Response) and login is not None and request.path == SPANS:
        result.status_code = HTTPStatus.SERVICE_UNAVAILABLE
    return result
