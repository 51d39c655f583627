"""Stand in for OpenShift on a plain cluster: `stand_in.py up | env | down`, for the cluster of KUBECONFIG.

`up` installs OpenShift's own definition of Routes, policies that impose what SCC restricted-v2 imposes, and
a stand-in for the router. `env` prints how the suites reach that router, NAME=VALUE a line. `down` leaves
nothing. What this proves, and what only a real OpenShift could prove, is said in docs/openshift.md.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import os
import secrets
import shutil
import subprocess
import sys
from pathlib import Path
from string import Template
from typing import Any

import trustme
import yaml

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
CERTIFICATE_FILE = ROOT / "results" / "openshift-stand-in-ca.crt"
NAMESPACE = "openshift-router-stand-in"
DOMAIN = "apps.openshift-stand-in.test"  # of a top-level domain that never resolves (RFC 6761)
# Where OpenShift's definition of a Route comes from; `go` checks the module against this sum.
MODULE = "github.com/openshift/api@v0.0.0-20251015095338-264e80a2b6e7"
MODULE_SUM = "h1:Ot2fbEEPmF3WlPQkyEW/bUCV38GMugH/UmZvxpWceNc="
DEFINITION = "route/v1/zz_generated.crd-manifests/routes.crd.yaml"
PROGRAMS = (HERE / "router.py", ROOT / "kustomize" / "base" / "scripts" / "kube_api.py")
PYTHON_IMAGE = "model"  # one of the images that are built on every machine; only for its Python
RANGES = ("openshift.io/sa.scc.uid-range", "openshift.io/sa.scc.supplemental-groups")
RANGE_SIZE = 10000
LIMIT = "120s"


class StandInError(Exception):
    """The stand-in cannot come up or go down; the message says why."""


def kubectl(*arguments: str, text: str | None = None) -> str:
    """Run kubectl, with `text` as its input, and return what it prints; raise StandInError when it fails."""
    command = ["kubectl", *arguments]
    try:
        done = subprocess.run(command, input=text or "", capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise StandInError("There is no kubectl on the PATH.") from None
    if done.returncode:
        raise StandInError(f"`kubectl {' '.join(arguments)}` failed: {done.stderr.strip()}")
    return done.stdout


def read(*arguments: str) -> dict[str, Any] | None:
    """Return an object of the cluster, None where there is none."""
    found = kubectl("get", *arguments, "--ignore-not-found", "--output=json")
    thing: dict[str, Any] | None = json.loads(found) if found else None
    return thing


def apply(text: str) -> None:
    """Apply manifests as their only owner."""
    kubectl(
        "apply",
        "--server-side",
        "--force-conflicts",
        "--field-manager=openshift-stand-in",
        "--filename=-",
        text=text,
    )


def render(name: str, values: dict[str, str]) -> str:
    """Return a manifest with its ${names} filled in."""
    return Template((HERE / "manifests" / name).read_text(encoding="utf-8")).substitute(values)


def find_go() -> str:
    """Return a Go program: the one on the PATH, or else the one that the embedded cluster was built with."""
    found = shutil.which("go")
    if found:
        return found
    cache = Path(os.environ.get("EMBEDDED_CLUSTER_CACHE") or "/var/cache/embedded-cluster")
    kept = sorted(cache.glob("go/toolchain-*/bin/go"))
    if not kept:
        raise StandInError("Install Go: the definition of Routes is fetched as a Go module.")
    return str(kept[-1])


def route_definition() -> str:
    """Return the CustomResourceDefinition of Routes, as OpenShift publishes it; Go keeps the module.

    Raises StandInError when the module proxy does not give it, or gives another.
    """
    go = find_go()
    environment = {**os.environ, "GOFLAGS": "-mod=mod", "GOTOOLCHAIN": "local", "GOWORK": "off"}
    command = [go, "mod", "download", "-json", MODULE]
    done = subprocess.run(command, cwd=HERE, env=environment, capture_output=True, text=True, check=False)
    answer = json.loads(done.stdout or "{}")
    if done.returncode or "Dir" not in answer:
        why = answer.get("Error") or done.stderr.strip()
        raise StandInError(f"{MODULE} could not be fetched, check GOPROXY: {why}")
    if answer["Sum"] != MODULE_SUM:
        raise StandInError(f"{MODULE} has the sum {answer['Sum']}, but {MODULE_SUM} is what it was.")
    return (Path(answer["Dir"]) / DEFINITION).read_text(encoding="utf-8")


def namespaces() -> list[str]:
    """Return the namespaces that the overlay makes."""
    manifest = ROOT / "kustomize" / "components" / "namespaces" / "namespaces.yaml"
    things = yaml.safe_load_all(manifest.read_text(encoding="utf-8"))
    return [thing["metadata"]["name"] for thing in things]


def uid_ranges(names: list[str], taken: dict[str, str]) -> dict[str, str]:
    """Return a range of users for each namespace, `first/size`: the one it has, or a new one of its own."""
    ranges = dict(taken)
    for name in names:
        while name not in ranges:
            drawn = f"{1_000_000_000 + RANGE_SIZE * secrets.randbelow(80_000)}/{RANGE_SIZE}"
            if drawn not in ranges.values():
                ranges[name] = drawn
    return ranges


def certificates() -> tuple[str, str, str]:
    """Return a new authority's certificate, and the router's certificate (with the authority's) and key."""
    authority = trustme.CA(organization_name="OpenShift stand-in", organization_unit_name="router")
    issued = authority.issue_cert(f"*.{DOMAIN}", common_name=f"*.{DOMAIN}")
    ca = authority.cert_pem.bytes().decode()
    chain = "".join(blob.bytes().decode() for blob in issued.cert_chain_pems)
    return ca, chain + ("" if ca in chain else ca), issued.private_key_pem.bytes().decode()


def config_map(name: str, data: dict[str, str]) -> dict[str, Any]:
    """Return a ConfigMap in the stand-in's namespace."""
    metadata = {"name": name, "namespace": NAMESPACE}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}


def images() -> dict[str, str]:
    """Return the images that the router runs: the cluster's own Traefik, and one with Python."""
    gateway = read("deployment", "traefik", "--namespace=traefik")
    if gateway is None:
        raise StandInError("The cluster has no Traefik to play the router; `tox -e cluster -- up` brings it.")
    versions = yaml.safe_load((ROOT / "kustomize/components/images/kustomization.yaml").read_text("utf-8"))
    python = next(image for image in versions["images"] if image["name"] == PYTHON_IMAGE)
    return {
        "traefik_image": gateway["spec"]["template"]["spec"]["containers"][0]["image"],
        "python_image": f"{python['newName']}:{python['newTag']}",
    }


def impose_restricted_v2() -> None:
    """Give each namespace its range of users, and have the policies imposed there."""
    names = namespaces()
    there = {name: read("namespace", name) for name in names}
    taken = {
        name: thing["metadata"]["annotations"][RANGES[0]]
        for name, thing in there.items()
        if thing and RANGES[0] in thing["metadata"].get("annotations", {})
    }
    ranges = uid_ranges(names, taken)
    for name, thing in there.items():
        if thing:
            given = [f"{annotation}={ranges[name]}" for annotation in RANGES]
            kubectl("annotate", "--overwrite", "namespace", name, *given)
    values = {"ranges": json.dumps(ranges), "namespaces": json.dumps(names), "domain": DOMAIN}
    apply(render("admission.yaml", {key: value.replace('"', "'") for key, value in values.items()}))


def issue_certificate() -> None:
    """Make the router's certificate, and the authority that signs it, unless they are there."""
    if read("secret", "router-certificate", f"--namespace={NAMESPACE}"):
        return
    ca, chain, private_key = certificates()
    apply(json.dumps(config_map("default-ingress-cert", {"ca-bundle.crt": ca})))
    encoded = {
        name: base64.b64encode(text.encode()).decode()
        for name, text in {"tls.crt": chain, "tls.key": private_key}.items()
    }
    metadata = {"name": "router-certificate", "namespace": NAMESPACE}
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": "kubernetes.io/tls"}
    apply(json.dumps(secret | {"data": encoded}))


def up() -> None:
    """Bring all of it up and wait until the router runs; leave alone what is up already.

    Raises StandInError on a cluster that serves Routes of its own, and when something does not come up.
    """
    if read("apiservice", "v1.route.openshift.io") and not read("namespace", NAMESPACE):
        raise StandInError("This cluster serves Routes already: nothing needs to stand in for OpenShift.")
    definition = route_definition()
    scripts = {program.name: program.read_text(encoding="utf-8") for program in PROGRAMS}
    digest = hashlib.sha256("".join(scripts.values()).encode()).hexdigest()[:12]
    router = render("router.yaml", {"namespace": NAMESPACE, "scripts_digest": digest, **images()})
    apply(router.partition("\n---\n")[0])  # its namespace first: that tells what is the stand-in's
    apply(definition)
    kubectl("wait", "--for=condition=Established", "crd/routes.route.openshift.io", f"--timeout={LIMIT}")
    impose_restricted_v2()
    apply(json.dumps(config_map("router-scripts", scripts)))
    issue_certificate()
    apply(router)
    place = ("deployment/router-stand-in", f"--namespace={NAMESPACE}")
    kubectl("rollout", "status", *place, f"--timeout={LIMIT}")


def environment() -> dict[str, str]:
    """Return the variables by which the suites reach the router; the authority's certificate is in a file.

    Raises StandInError when the stand-in is not up.
    """
    service = read("service", "router-stand-in", f"--namespace={NAMESPACE}")
    authority = read("configmap", "default-ingress-cert", f"--namespace={NAMESPACE}")
    if service is None or authority is None:
        raise StandInError("The stand-in for OpenShift is not up; run `stand_in.py up`.")
    CERTIFICATE_FILE.parent.mkdir(exist_ok=True)
    CERTIFICATE_FILE.write_text(authority["data"]["ca-bundle.crt"], encoding="utf-8")
    (node, *_) = json.loads(kubectl("get", "nodes", "--output=json"))["items"]
    address = next(each["address"] for each in node["status"]["addresses"] if each["type"] == "InternalIP")
    ports = {port["name"]: port["nodePort"] for port in service["spec"]["ports"]}
    return {
        "ROUTER_ADDRESS": f"{address}:{ports['https']}",
        "ROUTER_HTTP_ADDRESS": f"{address}:{ports['http']}",
        "REQUESTS_CA_BUNDLE": str(CERTIFICATE_FILE),
    }


def down() -> None:
    """Remove all of it, every Route too."""
    if read("namespace", NAMESPACE) is None and read("crd", "routes.route.openshift.io"):
        raise StandInError("The Routes of this cluster are not the stand-in's; they stay.")
    policies = render("admission.yaml", {"ranges": "{}", "namespaces": "[]", "domain": DOMAIN})
    for thing in yaml.safe_load_all(policies):
        kubectl("delete", thing["kind"].lower(), thing["metadata"]["name"], "--ignore-not-found")
    for kind in ("clusterrolebinding", "clusterrole"):
        kubectl("delete", kind, "openshift-router-stand-in", "--ignore-not-found")
    kubectl("delete", "crd", "routes.route.openshift.io", "--ignore-not-found")
    for name in namespaces():
        if read("namespace", name):
            kubectl("annotate", "namespace", name, *(f"{annotation}-" for annotation in RANGES))
    kubectl("delete", "namespace", NAMESPACE, "--ignore-not-found")
    CERTIFICATE_FILE.unlink(missing_ok=True)


def main() -> int:
    """Run a command line; return the exit code."""
    parser = argparse.ArgumentParser(prog="stand_in.py", description=__doc__)
    parser.add_argument("command", choices=("up", "env", "down"))
    command = parser.parse_args().command
    try:
        if command == "up":
            up()
        elif command == "down":
            down()
        else:
            for name, value in environment().items():
                print(f"{name}={value}")
    except StandInError as failure:
        print(f"stand_in.py: {failure}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
