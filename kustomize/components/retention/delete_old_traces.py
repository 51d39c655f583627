"""Deletes the traces that are older than the last days, in MLflow's experiment and in Phoenix's project.

Environment: KEEP_DAYS, MLFLOW_TRACKING_URI, EXPERIMENT_ID, PHOENIX_URL, PHOENIX_PROJECT. Where MLflow wants a
login: MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, which its client reads.

A trace is as old as its start. Both backends delete by their own API, in steps: no transaction is long.
"""

import math
import os
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import requests
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient

MLFLOW_STEP = 500  # traces that one request deletes
PHOENIX_STEP = timedelta(days=1)  # of traces that one request deletes
LIMIT_SECONDS = 300  # that one request may take


class PhoenixError(Exception):
    """Phoenix answered what it must not."""


def read_days(text: str) -> float:
    """Return how many days to keep. Raise SystemExit for what is no number above 0: it would delete all."""
    try:
        days = float(text)
    except ValueError:
        days = math.nan
    if not 0 < days < math.inf:
        raise SystemExit(f"KEEP_DAYS is {text!r}: set a number of days above 0.")
    return days


def clean_mlflow(before: datetime, environment: Mapping[str, str]) -> str:
    """Delete the experiment's traces that started before a time, and return a sentence about it."""
    experiment, client = environment["EXPERIMENT_ID"], MlflowClient(environment["MLFLOW_TRACKING_URI"])
    latest = math.ceil(before.timestamp() * 1000) - 1  # MLflow deletes what started at this millisecond too
    total = 0
    while deleted := client.delete_traces(experiment, max_timestamp_millis=latest, max_traces=MLFLOW_STEP):
        total += deleted
    return f"{total} traces deleted from experiment {experiment}"


def clean_phoenix(before: datetime, environment: Mapping[str, str]) -> str:
    """Delete the project's traces that started before a time, and return a sentence about it."""
    project = environment["PHOENIX_PROJECT"]
    traces = f"{environment['PHOENIX_URL']}/v1/projects/{quote(project, safe='')}/traces"
    end, steps = before.isoformat(), 0
    while oldest := ask("GET", traces, end_time=end, order="asc", limit=1)["data"]:
        start = datetime.fromisoformat(oldest[0]["start_time"])
        ask(
            "DELETE",
            traces,
            start_time=start.isoformat(),
            end_time=min(start + PHOENIX_STEP, before).isoformat(),
        )
        steps += 1
    return f"the traces of {steps} days deleted from project {project}"


def ask(method: str, url: str, **query: str | int) -> Any:  # noqa: ANN401 - any JSON
    """Return what Phoenix answers; an empty list of data for a project that no span has come to."""
    answer = requests.request(method, url, params=query, timeout=LIMIT_SECONDS)
    if answer.status_code == requests.codes.not_found:
        return {"data": []}
    if not answer.ok:
        raise PhoenixError(f"{method} {url} is answered with {answer.status_code}: {answer.text[:200]}")
    return answer.json() if answer.content else {}


def main() -> None:
    """Clean both. Raise SystemExit with a sentence for each that could not be cleaned."""
    before = datetime.now(UTC) - timedelta(days=read_days(os.environ["KEEP_DAYS"]))
    cleaners: dict[str, Callable[[datetime, Mapping[str, str]], str]] = {
        "MLflow": clean_mlflow,
        "Phoenix": clean_phoenix,
    }
    failures = []
    for name, clean in cleaners.items():
        try:
            print(f"{name}: {clean(before, os.environ)}, older than {before:%Y-%m-%d %H:%M} UTC.", flush=True)
        except (MlflowException, PhoenixError, requests.RequestException) as error:
            failures.append(f"{name} keeps traces older than {before:%Y-%m-%d %H:%M} UTC: {error}")
    if failures:
        raise SystemExit("\n".join(failures))


if __name__ == "__main__":
    main()
