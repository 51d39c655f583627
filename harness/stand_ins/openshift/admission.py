"""Plays OpenShift's admission: the SCC restricted-v2, ranges of users, and the host of a Route without one.

Admission policies of Kubernetes impose it. They take effect some time after they are made, and so does their
removal, so both are tried with objects in a dry run until they have.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable

import yaml

from harness.common.combinations import KUSTOMIZE
from harness.common.errors import HarnessError
from harness.common.kubectl import Object, find, kubectl
from harness.common.waiting import wait_for
from harness.stand_ins.openshift.manifests import DOMAIN, NAMESPACE, apply, render

NAMESPACES = KUSTOMIZE / "components" / "namespaces" / "namespaces.yaml"
RANGES = ("openshift.io/sa.scc.uid-range", "openshift.io/sa.scc.supplemental-groups")
RANGE_SIZE = 10000
SCC = "openshift.io/scc"  # the annotation that names the SCC under which a pod was admitted
PROBE = "openshift-stand-in-probe"  # the name of all that is only made in dry runs
LIMIT = 120.0  # seconds; the slowest takes some more than the five in which a schema is read again


def impose() -> None:
    """Give each namespace its range of users, and make the policies.

    Raises HarnessError when the API server rejects them.
    """
    names = namespaces()
    there = {name: _annotations(thing) for name in names if (thing := find(kubectl, "namespace", name))}
    taken = {name: present[RANGES[0]] for name, present in there.items() if RANGES[0] in present}
    ranges = uid_ranges([*names, PROBE], taken)
    for name in there:
        given = [f"{annotation}={ranges[name]}" for annotation in RANGES]
        kubectl("annotate", "--overwrite", "namespace", name, *given)
    values = {"ranges": json.dumps(ranges), "namespaces": json.dumps(names), "domain": DOMAIN}
    apply(render("admission.yaml", {key: value.replace('"', "'") for key, value in values.items()}))


def lift() -> None:
    """Remove the policies and wait until pods are admitted without them; then remove the ranges.

    Raises HarnessError when something does not go.
    """
    policies = render("admission.yaml", {"ranges": "{}", "namespaces": "[]", "domain": DOMAIN})
    for thing in yaml.safe_load_all(policies):
        kubectl("delete", thing["kind"].lower(), thing["metadata"]["name"], "--ignore-not-found")
    own = find(kubectl, "namespace", NAMESPACE)
    if own and "deletionTimestamp" not in own["metadata"]:
        _wait_until_solved(lifted_problem)
    for name in namespaces():
        if find(kubectl, "namespace", name):
            kubectl("annotate", "namespace", name, *(f"{annotation}-" for annotation in RANGES))


def wait_until_imposed() -> None:
    """Wait until the policies are in effect. Raises HarnessError with what is missing when they are not."""
    _wait_until_solved(admission_problem)


def namespaces() -> list[str]:
    """Return the namespaces in which pods are admitted by the SCC: the overlay's, and the router's own."""
    things = yaml.safe_load_all(NAMESPACES.read_text(encoding="utf-8"))
    return [*(thing["metadata"]["name"] for thing in things), NAMESPACE]


def uid_ranges(names: list[str], taken: dict[str, str]) -> dict[str, str]:
    """Return a range of users for each namespace, `first/size`: the one it has, or a new one of its own."""
    ranges = dict(taken)
    for name in names:
        while name not in ranges:
            drawn = f"{1_000_000_000 + RANGE_SIZE * secrets.randbelow(80_000)}/{RANGE_SIZE}"
            if drawn not in ranges.values():
                ranges[name] = drawn
    return ranges


def admission_problem() -> str:
    """Return what the API server does not do yet, though OpenShift's does, as a sentence; empty for nothing.

    A policy that changes objects of a new kind waits for its schema too, which the API server reads every
    five seconds (typeConverterManager of k8s.io/apiserver). Until then it rejects the kind with status 503.
    """
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": PROBE}}
    route = {
        "apiVersion": "route.openshift.io/v1",
        "kind": "Route",
        "metadata": {"name": PROBE, "namespace": NAMESPACE},
        "spec": {"to": {"kind": "Service", "name": PROBE}},
    }
    try:
        if RANGES[0] not in _annotations(_dry_run(namespace)):
            return "A new namespace gets no range of users."
        if SCC not in _annotations(_dry_run(_pod())):
            return f"A pod in {NAMESPACE} is admitted without an SCC."
        if not _dry_run(route)["spec"].get("host"):
            return "A Route without a host gets none."
    except HarnessError as error:
        return str(error)
    try:
        _dry_run(_pod(user=1))
    except HarnessError as denied:
        return "" if "must be in the range" in str(denied) else str(denied)
    return f"A pod in {NAMESPACE} may choose a user outside of its range."


def lifted_problem() -> str:
    """Return why pods are not admitted as on a plain cluster, as a sentence; empty when they are."""
    try:
        admitted = _annotations(_dry_run(_pod()))
    except HarnessError as error:
        return str(error)
    return f"A pod in {NAMESPACE} is admitted under an SCC." if SCC in admitted else ""


def _wait_until_solved(problem: Callable[[], str]) -> None:
    last = [""]

    def solved() -> bool:
        last[0] = problem()
        return not last[0]

    try:
        wait_for(solved, LIMIT, "The admission policies did not take effect")
    except HarnessError as late:
        raise HarnessError(f"{late} {last[0]}") from None


def _dry_run(thing: Object) -> Object:
    """Return what the API server would make of an object; raise HarnessError when it rejects it."""
    options = ("--dry-run=server", "--output=json", "--filename=-")
    made: Object = json.loads(kubectl("create", *options, text=json.dumps(thing)))
    return made


def _pod(user: int | None = None) -> Object:
    """Return a pod that Pod Security `restricted` admits; the SCC chooses its user, unless one is given."""
    security = {
        "runAsNonRoot": True,
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "seccompProfile": {"type": "RuntimeDefault"},
        **({} if user is None else {"runAsUser": user}),
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": PROBE, "namespace": NAMESPACE},
        "spec": {"containers": [{"name": PROBE, "image": PROBE, "securityContext": security}]},
    }


def _annotations(thing: Object) -> dict[str, str]:
    found: dict[str, str] = thing["metadata"].get("annotations", {})
    return found
