"""Takes MLflow away for a while, and brings it back whatever happens."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager

from harness.common.errors import HarnessError, uninterrupted
from harness.common.kubectl import Object, is_ready, kubectl
from harness.common.progress import say
from harness.common.waiting import wait_for
from harness.load.measuring import NAMESPACE

WORKLOAD = ("deployment/mlflow", f"--namespace={NAMESPACE}")
PODS = ("pods", f"--namespace={NAMESPACE}", "--selector=app.kubernetes.io/name=mlflow")
LIMIT = 180  # seconds until its pods have ended, and until one is Ready again: several times what it takes


@contextmanager
def mlflow_away() -> Iterator[None]:
    """Keep MLflow without a pod while the `with` lasts; return when one is Ready again.

    Ctrl-C and SIGTERM wait until it is back. Raises HarnessError, which says how to bring it back by hand,
    where that fails, and where it has no pod to begin with.
    """
    replicas = json.loads(kubectl("get", *WORKLOAD, "--output=json"))["spec"]["replicas"]
    if not replicas:
        raise HarnessError("MLflow is away already: its Deployment asks for no pod; scale it up first.")
    back = ("scale", *WORKLOAD, f"--replicas={replicas}")
    say(f"MLflow goes away. Should this program be killed: kubectl {' '.join(back)}")
    try:
        kubectl("scale", *WORKLOAD, "--replicas=0")
        wait_for(lambda: not _pods(), LIMIT, "MLflow's pods do not end")
        yield
    finally:
        with uninterrupted():
            _bring_back(back)


def _bring_back(command: tuple[str, ...]) -> None:
    try:
        kubectl(*command)
        wait_for(lambda: any(map(is_ready, _pods())), LIMIT, "MLflow has no Ready pod")
    except HarnessError as error:
        raise HarnessError(f"MLflow is not back: {error} Try `kubectl {' '.join(command)}`.") from error
    say("MLflow is back.")


def _pods() -> list[Object]:
    pods: list[Object] = json.loads(kubectl("get", *PODS, "--output=json"))["items"]
    return pods
