"""kubectl in the current context, and the conditions that whoever makes objects for others waits for."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from typing import Any

from harness.common.commands import OUTPUT_LIMIT, read_output
from harness.common.errors import HarnessError
from harness.common.waiting import wait_for

_NO_KUBECONFIG = "There is no kubeconfig with a current context; set KUBECONFIG."
# What to do, by what kubectl says where no cluster can be asked.
REMEDIES = {
    "current-context is not set": _NO_KUBECONFIG,
    "localhost:8080 was refused": _NO_KUBECONFIG,
    "error loading config file": "The kubeconfig is malformed; correct it, or set KUBECONFIG.",
    "invalid character '<' looking for": "A web page answers as the API server; correct the kubeconfig.",
    "kubectl: No such file or directory": "There is no kubectl on the PATH; install it.",
}
SHOWN = 100  # characters of a command line in a message: a patch may be long
LIMIT = 120.0  # seconds that a condition may take: several times what the slowest took on two busy cores
TO_ANSWER = 10.0  # seconds that kubectl may take beside what it waits for

Object = dict[str, Any]
Kubectl = Callable[..., str]  # takes kubectl's arguments and `text`, its input; returns what it prints


def kubectl(*arguments: str, text: str = "", limit: float = OUTPUT_LIMIT) -> str:
    """Run kubectl in the current context, with `text` as its input, and return what it prints.

    Raises HarnessError with its last line when it fails, or takes longer than `limit` seconds.
    """
    failure = f"`kubectl {' '.join(arguments)[:SHOWN]}` failed"
    try:
        return read_output(["kubectl", *arguments], failure, text=text, limit=limit)
    except HarnessError as error:
        for sign, remedy in REMEDIES.items():
            if sign in str(error):
                raise HarnessError(f"{remedy} ({error})") from error
        raise


def current_context() -> str:
    """Return the name of the current context. Raises HarnessError where there is none."""
    return kubectl("config", "current-context").strip()


def find(run: Kubectl, *arguments: str) -> Object | None:
    """Return what `kubectl get` finds, None where there is nothing of this name."""
    found = run("get", *arguments, "--ignore-not-found", "--output=json")
    thing: Object | None = json.loads(found) if found else None
    return thing


def resource_of(thing: Object) -> str:
    """Return what kubectl calls an object's kind, with its group: `Deployment.v1.apps`."""
    group, _, version = thing["apiVersion"].rpartition("/")
    return f"{thing['kind']}.{version}.{group}" if group else str(thing["kind"])


def is_ready(pod: Object) -> bool:
    """Return whether a pod is Ready, and stays."""
    conditions = {each["type"]: each["status"] for each in pod.get("status", {}).get("conditions") or ()}
    return conditions.get("Ready") == "True" and "deletionTimestamp" not in pod["metadata"]


def wait_until_namespaces_are_gone(run: Kubectl, *names: str) -> None:
    """Wait for those of the namespaces that are being deleted: nothing can be made in one until it is gone.

    Raises HarnessError for one that does not go.
    """
    for name in names:
        namespace = find(run, "namespace", name)
        if namespace and "deletionTimestamp" in namespace["metadata"]:
            run("wait", "--for=delete", f"namespace/{name}", f"--timeout={LIMIT:.0f}s")


def ensure_namespace(run: Kubectl, name: str) -> None:
    """Make a namespace, in such a way that `kubectl apply` can own it later; keep the one that is there.

    Raises HarnessError when the API server rejects it.
    """
    wait_until_namespaces_are_gone(run, name)
    if not find(run, "namespace", name):
        run("create", "namespace", name, "--save-config")


def wait_until_rolled_out(run: Kubectl, *workload: str, limit: float) -> None:
    """Wait until a workload is rolled out; it is what kubectl takes for it: `deployment/x --namespace=y`.

    Raises HarnessError where it is not after `limit` seconds.
    """
    run("rollout", "status", *workload, f"--timeout={limit:.0f}s", limit=limit + TO_ANSWER)


def wait_until_served(run: Kubectl, *resources: str) -> None:
    """Wait until the API server serves resources with their groups: `routes.route.openshift.io`.

    The condition Established is not enough. It says that a CustomResourceDefinition was accepted, and comes
    before discovery lists the resource, without which `kubectl apply` knows no such kind.
    Raises HarnessError for one that is not served.
    """
    for resource in resources:
        wait_for(partial(_is_served, run, resource), LIMIT, f"{resource} is not served")


def wait_until_withdrawn(run: Kubectl, resource: str) -> None:
    """Wait until discovery lists a resource no more, after its definition was deleted.

    Raises HarnessError for one that stays.
    """
    wait_for(lambda: _is_listed(run, resource) is False, LIMIT, f"{resource} is still served")


def _is_served(run: Kubectl, resource: str) -> bool:
    try:
        run("get", resource, "--all-namespaces", "--output=name")
    except HarnessError:
        return False
    return _is_listed(run, resource) is True


def _is_listed(run: Kubectl, resource: str) -> bool | None:
    """Return whether discovery lists a resource; None when discovery does not answer as a whole."""
    group = resource.partition(".")[2]
    try:
        # This reads discovery anew, and replaces what kubectl keeps of it on disk.
        return resource in run("api-resources", f"--api-group={group}", "--output=name").split()
    except HarnessError:
        return None
