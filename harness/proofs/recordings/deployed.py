"""The deployed stack of the current kubeconfig context, as far as recording and replaying need it.

It is read as the suites read it, with the places and time limits of resources/settings.yaml.
"""

from __future__ import annotations

import sys
from pathlib import Path
from string import Template
from typing import Any

import requests
import yaml

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))
sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "libraries"))

from entry.entry_point import EntryPoint
from entry.gateway import Gateway, GatewayError
from kube.api import ClusterError, Kube
from kube.workloads import Object, Stack, Workloads
from traces.mlflow_reader import MlflowError, MlflowTraces
from traces.phoenix_reader import PhoenixError

ROOT = Path(__file__).resolve().parents[3]
RECORDED = ROOT / "tests" / "recorded"
SETTINGS = ROOT / "resources" / "settings.yaml"
GATEWAY_API = "gateway.networking.k8s.io/v1"


class StackError(Exception):
    """The stack did not do what was asked of it; the message says what."""


ERRORS = (ClusterError, GatewayError, MlflowError, PhoenixError, StackError, requests.RequestException)


class Deployed:
    """Finds the parts of the stack; raises one of ERRORS where one is not there."""

    def __init__(self) -> None:
        """Find the gateway and read the stack."""
        text = SETTINGS.read_text(encoding="utf-8")
        names = yaml.safe_load(text)
        self.settings: dict[str, Any] = yaml.safe_load(Template(text).safe_substitute(names))
        self.limits: dict[str, float] = self.settings["LIMITS"]
        self.project: str = self.settings["PHOENIX_PROJECT"]
        self.kube, self._gateway = Kube(), Gateway()
        namespaces = [self.settings["SYSTEM_NAMESPACE"], self.settings["AGENTS_NAMESPACE"]]
        self._stack: Stack = self.kube.read_stack(namespaces)
        self._routes = [
            route
            for namespace in namespaces
            for route in self.kube.read_objects(GATEWAY_API, "HTTPRoute", namespace)
        ]
        place = self.settings["HTTP_GATEWAY"]
        gateway = self.kube.read_object(GATEWAY_API, "Gateway", place["name"], place["namespace"])
        self._address = self._gateway.find_gateway(gateway, place["listener"], place["port"])

    def workload(self, component: str) -> Object:
        """Return a component's workload."""
        place = self.settings["COMPONENTS"][component]
        found = Workloads().find_workload(self._stack, place["namespace"], place["service"])
        if found is None:
            raise StackError(f"{component} is not deployed.")
        return found

    def pod(self, component: str) -> Object:
        """Return a Ready pod of a component."""
        return Workloads().find_ready_pod(self._stack, self.workload(component))

    def entry(self, component: str) -> EntryPoint:
        """Return where a component is reached from outside."""
        place = self.settings["COMPONENTS"][component]
        route = self._gateway.find_route_to(self._routes, place["namespace"], place["service"])
        if route is None:
            raise StackError(f"No HTTPRoute leads to {component}.")
        return self._gateway.entry_point_of_route(route, self._address)

    def mlflow(self) -> tuple[MlflowTraces, str]:
        """Return a reader of the deployed MLflow and the id of the experiment that the traces go to."""
        reader, name = MlflowTraces(), self.settings["EXPERIMENT_NAME"]
        reader.use_mlflow_at(self.entry("mlflow"))
        experiment = reader.read_experiment(name)
        if experiment is None:
            raise StackError(f"MLflow has no experiment {name}: deploy the stack first.")
        return reader, experiment["id"]
