"""Plays OpenShift on a plain cluster: Routes, the router that serves them, and the SCC restricted-v2.

Routes have OpenShift's own definition; Traefik plays the router. What this proves, and what only a real
OpenShift could prove, is in docs/openshift.md.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from pathlib import Path

import trustme

from harness.cluster.settings import VERSIONS
from harness.common.cache import cache_folder
from harness.common.combinations import KUSTOMIZE, ROOT
from harness.common.errors import HarnessError
from harness.common.go import Go
from harness.common.kubectl import (
    Object,
    find,
    kubectl,
    wait_until_namespaces_are_gone,
    wait_until_rolled_out,
    wait_until_served,
    wait_until_withdrawn,
)
from harness.images.catalog import image_entries
from harness.stand_ins.openshift import admission
from harness.stand_ins.openshift.manifests import DOMAIN, NAMESPACE, apply, render
from harness.stand_ins.stand_in import StandIn

HERE = Path(__file__).parent
CERTIFICATE_FILE = ROOT / "results" / "openshift-stand-in-ca.crt"
ROUTES, API_SERVICE = "routes.route.openshift.io", "v1.route.openshift.io"
# Where OpenShift's definition of a Route comes from; `go` checks the module against this sum.
MODULE = "github.com/openshift/api@v0.0.0-20251015095338-264e80a2b6e7"
MODULE_SUM = "h1:Ot2fbEEPmF3WlPQkyEW/bUCV38GMugH/UmZvxpWceNc="
DEFINITION = "route/v1/zz_generated.crd-manifests/routes.crd.yaml"
PROGRAMS = (HERE / "router.py", KUSTOMIZE / "base" / "scripts" / "kube_api.py")
PYTHON_IMAGE = "model"  # one of the images that are built on every machine; only for its Python
DOWNLOAD_LIMIT = 300  # seconds
ROLLOUT_LIMIT = 120.0  # seconds


def up() -> None:
    """Bring all of it up and wait until it is in effect; leave alone what is up already.

    Raises HarnessError on a cluster that serves Routes of its own, and when something does not come up.
    """
    wait_until_namespaces_are_gone(kubectl, *admission.namespaces())
    if find(kubectl, "apiservice", API_SERVICE) and not find(kubectl, "namespace", NAMESPACE):
        raise HarnessError("This cluster serves Routes already: nothing needs to stand in for OpenShift.")
    definition = route_definition()
    scripts = {program.name: program.read_text(encoding="utf-8") for program in PROGRAMS}
    digest = hashlib.sha256("".join(scripts.values()).encode()).hexdigest()[:12]
    router = render("router.yaml", {"namespace": NAMESPACE, "scripts_digest": digest, **images()})
    apply(router.partition("\n---\n")[0])  # its namespace first: that shows what is the stand-in's
    apply(definition)
    wait_until_served(kubectl, ROUTES)
    admission.impose()
    admission.wait_until_imposed()
    apply(json.dumps(config_map("router-scripts", scripts)))
    issue_certificate()
    apply(router)
    place = ("deployment/router-stand-in", f"--namespace={NAMESPACE}")
    wait_until_rolled_out(kubectl, *place, limit=ROLLOUT_LIMIT)


def down() -> None:
    """Remove all of it, every Route too, and wait until it is no longer in effect.

    Raises HarnessError where the Routes are not the stand-in's, and when something does not go.
    """
    if find(kubectl, "namespace", NAMESPACE) is None and find(kubectl, "crd", ROUTES):
        raise HarnessError("The Routes of this cluster are not the stand-in's: they stay.")
    admission.lift()
    for kind in ("clusterrolebinding", "clusterrole"):
        kubectl("delete", kind, "openshift-router-stand-in", "--ignore-not-found")
    kubectl("delete", "crd", ROUTES, "--ignore-not-found")
    wait_until_withdrawn(kubectl, ROUTES)
    limit = f"--timeout={ROLLOUT_LIMIT:.0f}s"
    kubectl("wait", "--for=delete", f"apiservice/{API_SERVICE}", limit)  # see `up`
    # Last, because it shows what is the stand-in's: an interrupted `down` can be run again.
    kubectl("delete", "namespace", NAMESPACE, "--ignore-not-found")
    CERTIFICATE_FILE.unlink(missing_ok=True)


def environment() -> dict[str, str]:
    """Return the variables by which the suites reach the router; the authority's certificate is in a file.

    Raises HarnessError when the stand-in is not up.
    """
    service = find(kubectl, "service", "router-stand-in", f"--namespace={NAMESPACE}")
    authority = find(kubectl, "configmap", "default-ingress-cert", f"--namespace={NAMESPACE}")
    if service is None or authority is None:
        raise HarnessError("The stand-in is not up: `python -m harness.stand_ins.openshift up` brings it.")
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


def route_definition() -> str:
    """Return the CustomResourceDefinition of Routes, as OpenShift publishes it; Go keeps the module.

    Raises HarnessError when the module proxy does not give it, or gives another.
    """
    cache = cache_folder()
    go = Go(VERSIONS["go"], cache)
    go.install(cache / "log" / "go.log")
    environment = os.environ | go.environment | {"GOFLAGS": "-mod=mod"}
    done = subprocess.run(
        [str(go.program), "mod", "download", "-json", MODULE],
        cwd=HERE,
        env=environment,
        capture_output=True,
        text=True,
        timeout=DOWNLOAD_LIMIT,
        check=False,
    )
    answer = json.loads(done.stdout or "{}")
    if done.returncode or "Dir" not in answer:
        why = answer.get("Error") or done.stderr.strip()
        raise HarnessError(f"{MODULE} could not be downloaded, check GOPROXY: {why}")
    if answer["Sum"] != MODULE_SUM:
        raise HarnessError(f"{MODULE} has the sum {answer['Sum']}, expected {MODULE_SUM}.")
    return (Path(answer["Dir"]) / DEFINITION).read_text(encoding="utf-8")


def images() -> dict[str, str]:
    """Return the images that the router runs: the cluster's own Traefik, and one with Python."""
    gateway = find(kubectl, "deployment", "traefik", "--namespace=traefik")
    if gateway is None:
        raise HarnessError("The cluster has no Traefik to play the router; `tox -e cluster -- up` brings it.")
    python = next(image for image in image_entries("images") if image["name"] == PYTHON_IMAGE)
    return {
        "traefik_image": gateway["spec"]["template"]["spec"]["containers"][0]["image"],
        "python_image": f"{python['newName']}:{python['newTag']}",
    }


def issue_certificate() -> None:
    """Make the router's certificate, and the authority that signs it, unless they are there."""
    if find(kubectl, "secret", "router-certificate", f"--namespace={NAMESPACE}"):
        return
    ca, chain, private_key = certificates()
    apply(json.dumps(config_map("default-ingress-cert", {"ca-bundle.crt": ca})))
    metadata = {"name": "router-certificate", "namespace": NAMESPACE}
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": "kubernetes.io/tls"}
    apply(json.dumps(secret | {"stringData": {"tls.crt": chain, "tls.key": private_key}}))


def certificates() -> tuple[str, str, str]:
    """Return a new authority's certificate, and the router's certificate (with the authority's) and key."""
    authority = trustme.CA(organization_name="OpenShift stand-in", organization_unit_name="router")
    issued = authority.issue_cert(f"*.{DOMAIN}", common_name=f"*.{DOMAIN}")
    ca = authority.cert_pem.bytes().decode()
    chain = "".join(blob.bytes().decode() for blob in issued.cert_chain_pems)
    return ca, chain + ("" if ca in chain else ca), issued.private_key_pem.bytes().decode()


def config_map(name: str, data: dict[str, str]) -> Object:
    """Return a ConfigMap in the stand-in's namespace."""
    metadata = {"name": name, "namespace": NAMESPACE}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}


STAND_IN = StandIn("openshift", up, down, environment)
