"""MLflow's own check of a login, with two answers changed so that no login costs a span.

What MLflow answers with 401 the collector drops for good, 503 it retries. MLflow 3.17.2 itself answers spans
with 401 while its user database is away: here that is 503, as for all else. And spans with a wrong login are
answered 503: a password changes at the collector and in MLflow at different moments, and the spans wait for
the later one. They are refused all the same. Without a login, and for all else, a refusal stays 401.
"""

from http import HTTPStatus

from flask import Response, request
from mlflow.server import auth
from werkzeug.datastructures import Authorization

SPANS = "/v1/traces"


def authenticate() -> Authorization | Response:
    """Return the login of the request that is being answered, or the answer that refuses it."""
    login = request.authorization
    if login is not None:
        auth.store.has_user(login.username)  # raises what becomes 503 when nobody answers
    answer: Authorization | Response = auth.authenticate_request_basic_auth()
    if isinstance(answer, Response) and login is not None and request.path == SPANS:
        answer.status_code = HTTPStatus.SERVICE_UNAVAILABLE
    return answer
