"""Judges which connections between components are open, and names the policies of a wrong one."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from robot.api.deco import keyword, library

from kube.model import Labels, Object
from messages import in_lines
from network.policies import End, PolicyDecision, decide
from network.targets import NO_ADDRESS, Component, Target, targets_of


@dataclass(frozen=True)
class Attempts:
    """What was seen when connections were tried.

    `failures` has for each source's name and each target why each of its addresses was closed, empty where
    it was open. `untried` says of sources from which nothing could be tried why not.
    """

    sources: Mapping[str, End]
    targets: Mapping[str, Target]
    policies: Sequence[Object]
    failures: Mapping[tuple[str, str], Mapping[str, str]]
    untried: Mapping[str, str]

    def closed_addresses(self, source: str, target: str) -> dict[str, str]:
        """Return at which addresses a target is closed to a source, and why.

        Raises AssertionError when nothing could be tried from there, because that proves neither.
        """
        if source in self.untried:
            raise AssertionError(
                f"No connection from {source} can be tried: {self.untried[source]}. "
                f"Network policies about {source} -> {target}: {self.explain(source, target)}."
            )
        return {address: why for address, why in self.failures[source, target].items() if why}

    def open_addresses(self, source: str, target: str) -> list[str]:
        """Return at which addresses a target is open to a source; raises as `closed_addresses` does."""
        closed = self.closed_addresses(source, target)
        return [address for address in self.targets[target].addresses if address not in closed]

    def decisions(self, source: str, target: str) -> Sequence[PolicyDecision]:
        """Return what the policies decide about a connection, at each end that they are about."""
        known = self.targets[target]
        both = decide(self.policies, self.sources[source], known.end, known.port, known.protocol)
        return both if known.has_policies else both[:1]

    def explain(self, source: str, target: str) -> str:
        """Return what the policies decide about a connection, in words."""
        return "; ".join(map(str, self.decisions(source, target)))


@library(scope="GLOBAL")
class Connections:
    """Judges what was seen when connections were tried."""

    @keyword
    def collect_attempts(
        self,
        sources: Sequence[Component],
        targets: Sequence[Target],
        answers: Sequence[Sequence[str] | str],
        policies: Sequence[Object],
    ) -> Attempts:
        """Return what was seen: `answers` is for each source what `Connect From Pods` returned."""
        failures, untried = {}, {}
        for source, answer in zip(sources, answers, strict=True):
            if isinstance(answer, str):
                untried[source.end.name] = answer
                continue
            rest = iter(answer)
            for target in targets:
                failures[source.end.name, str(target)] = {address: next(rest) for address in target.addresses}
        return Attempts(
            {source.end.name: source.end for source in sources},
            {str(target): target for target in targets},
            policies,
            failures,
            untried,
        )

    @keyword
    def check_if_connection_was_tried(self, attempts: Attempts, source: str, target: str) -> bool:
        """Return whether the stack has both ends of a connection."""
        return source in attempts.sources and target in attempts.targets

    @keyword
    def connection_should_be_open(self, attempts: Attempts, source: str, target: str) -> None:
        """Fail unless a target such as `mlflow:5000` is open to a source, at every address it has."""
        closed = attempts.closed_addresses(source, target)
        if closed:
            listed = ", ".join(f"{address} ({why})" for address, why in closed.items())
            raise AssertionError(
                f"The documented flow {source} -> {target} is closed {listed}. "
                f"Network policies: {attempts.explain(source, target)}."
            )

    @keyword
    def connection_should_be_closed(self, attempts: Attempts, source: str, target: str) -> None:
        """Fail when a target is open to a source, at any address."""
        opened = attempts.open_addresses(source, target)
        if opened:
            allowed = all(decision.is_allowed for decision in attempts.decisions(source, target))
            raise AssertionError(
                f"{source} -> {target} is open {', '.join(opened)}, but it is no documented flow. "
                f"Network policies: {attempts.explain(source, target)}."
                f"{'' if allowed else ' This cluster does not enforce them.'}"
            )

    @keyword
    def only_these_connections_should_be_open(
        self, attempts: Attempts, source: str, *documented: str
    ) -> None:
        """Fail when a target that is not among the documented ones is open to a source."""
        wrong = [
            f"{target} {', '.join(opened)}: {attempts.explain(source, target)}"
            for target, known in attempts.targets.items()
            if target not in documented
            and known.end.name != source
            and (opened := attempts.open_addresses(source, target))
        ]
        if wrong:
            what = f"Open connections of {source} that are not documented, {len(wrong)} in all"
            raise AssertionError(in_lines(what, wrong))

    @keyword
    def denied_connections_should_be_closed(self, attempts: Attempts) -> None:
        """Fail with every connection between components that is open though the policies deny it."""
        wrong = [
            f"{source} -> {target} {', '.join(opened)}: {attempts.explain(source, target)}"
            for source in attempts.sources
            for target, known in attempts.targets.items()
            if known.has_policies
            and known.end.name != source
            and not all(decision.is_allowed for decision in attempts.decisions(source, target))
            and (opened := attempts.open_addresses(source, target))
        ]
        if wrong:
            what = f"This cluster does not enforce its network policies: {len(wrong)} that they deny are open"
            raise AssertionError(in_lines(what, wrong))

    @keyword
    def unknown_pods_should_be_denied(
        self, policies: Sequence[Object], namespace: str, namespaces: Mapping[str, Labels]
    ) -> None:
        """Fail unless the policies of a namespace deny all connections of a pod that none was made for."""
        unknown = End("an unknown pod", NO_ADDRESS, namespace, {}, namespaces.get(namespace, {}))
        allowed = [str(each) for each in decide(policies, unknown, unknown, 80) if each.is_allowed]
        if allowed:
            raise AssertionError(f"Namespace {namespace} does not deny by default: {'; '.join(allowed)}.")

    @keyword
    def find_denying_policies(
        self, components: Sequence[Component], policies: Sequence[Object], source: str, target: str, url: str
    ) -> str:
        """Return which policies deny a component's connection to another's URL, empty where none does."""
        known = {component.end.name: component for component in components}
        if source not in known or target not in known:
            return ""
        parts = urlsplit(url)
        asked = parts.port or (443 if parts.scheme == "https" else 80)
        behind = [
            item.port
            for item in targets_of([known[target]])
            if asked in {port for _, port in item.addresses.values()}
        ]
        port = behind[0] if behind else asked
        decisions = decide(policies, known[source].end, known[target].end, port)
        return "; ".join(str(decision) for decision in decisions if not decision.is_allowed)

    @keyword
    def find_denied_needs(
        self, components: Sequence[Component], policies: Sequence[Object], source: str
    ) -> list[str]:
        """Return which policies deny what a component needs, a clause for each.

        It needs each other component whose Service a variable or an argument of its containers names.
        """
        known = {component.end.name: component for component in components}
        if source not in known:
            return []
        texts = list(_texts_of(known[source].pod["spec"]))
        found: dict[str, None] = {}
        for target in targets_of([each for each in components if each.end.name != source]):
            service = known[target.end.name].service
            if service and any(_names(text, service["metadata"]["name"]) for text in texts):
                decisions = decide(policies, known[source].end, target.end, target.port)
                found |= dict.fromkeys(str(each) for each in decisions if not each.is_allowed)
        return list(found)

    @keyword
    def get_addresses_of_services(self, components: Sequence[Component]) -> list[tuple[str, int]]:
        """Return the ports of components' Services, each with the name that pods of other namespaces use."""
        services = [component.service for component in components if component.service]
        return [
            (f"{service['metadata']['name']}.{service['metadata']['namespace']}", port["port"])
            for service in services
            for port in service["spec"].get("ports") or ()
        ]

    @keyword
    def describe_failed_connections(
        self, addresses: Sequence[tuple[str, int]], answers: Sequence[str] | str
    ) -> list[str]:
        """Return which addresses a pod did not reach and why, a clause for each; none where none was tried.

        `answers` are what `Connect From Pods` returned for the pod.
        """
        tried = [] if isinstance(answers, str) else zip(addresses, answers, strict=True)
        return [
            f"from its pod a connection to {host}:{port} fails: {why}" for (host, port), why in tried if why
        ]

    @keyword
    def get_target_named(self, attempts: Attempts, name: str) -> str:
        """Return the target of this name as `name:port`, empty where none was tried."""
        return next((key for key, target in attempts.targets.items() if target.end.name == name), "")

    @keyword
    def get_open_addresses(self, attempts: Attempts, source: str, target: str) -> str:
        """Return at which addresses a target is open to a source, empty where at none."""
        return ", ".join(attempts.open_addresses(source, target))


def _texts_of(spec: Object) -> Iterator[str]:
    """Yield the values of a pod's variables, and what its containers' command lines have."""
    for container in (*spec.get("initContainers", ()), *spec["containers"]):
        yield from (entry["value"] for entry in container.get("env") or () if entry.get("value"))
        yield from (*container.get("command", ()), *container.get("args", ()))


def _names(text: str, service: str) -> bool:
    """Return whether a text has a Service's name as a word: a host name, or the first label of one."""
    return bool(re.search(rf"(?<![\w.-]){re.escape(service)}(?![\w-])", text))
