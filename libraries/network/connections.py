"""Judges which ways between parts of the stack are open, and names the NetworkPolicies of a wrong one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from robot.api.deco import keyword, library

from kube.model import Labels, Object
from network.policies import End, Judgement, judge

NAME_LABEL = "kubernetes.io/metadata.name"  # every namespace has it
LOOK_UP = 0  # in place of a port: only look the name up


@dataclass(frozen=True)
class Part:
    """A component of the stack: one of its pods, and its Service. A visitor has none."""

    end: End
    pod: Object
    service: Object | None

    @property
    def place(self) -> tuple[Object, str]:
        """The pod and its main container."""
        return self.pod, self.pod["spec"]["containers"][0]["name"]


@dataclass(frozen=True)
class Target:
    """What can be reached at one port, and by which addresses: how it is reached -> host and port there.

    `port` is the one that policies see, a pod's own. What the stack's policies are not about is not `judged`.
    """

    end: End
    port: int
    ways: Mapping[str, tuple[str, int]]
    protocol: str = "TCP"
    judged: bool = True

    def __str__(self) -> str:
        """Return it as the suites name it."""
        return f"{self.end.name}:{self.port}"


@dataclass(frozen=True)
class Ways:
    """What was seen: for each source's name and each target why each way was not open, empty where it was.

    `untried` says of sources from which nothing could be tried why not.
    """

    sources: Mapping[str, End]
    targets: Mapping[str, Target]
    policies: Sequence[Object]
    seen: Mapping[tuple[str, str], Mapping[str, str]]
    untried: Mapping[str, str]

    def closed(self, source: str, target: str) -> dict[str, str]:
        """Return how a source did not reach a target and why, nothing when it did by every way.

        Raises AssertionError when nothing could be tried from there, because that proves neither.
        """
        if source in self.untried:
            raise AssertionError(
                f"Nothing can be tried from {source}: {self.untried[source]}. "
                f"Of its way to {target}: {self.explain(source, target)}."
            )
        return {how: why for how, why in self.seen[source, target].items() if why}

    def reaches(self, source: str, target: str) -> list[str]:
        """Return how a source reached a target, nothing when it did not; raises as `closed` does."""
        closed = self.closed(source, target)
        return [how for how in self.targets[target].ways if how not in closed]

    def judgements(self, source: str, target: str) -> list[Judgement]:
        """Return what the policies say about a way, at each end that they are about."""
        known = self.targets[target]
        both = judge(self.policies, self.sources[source], known.end, known.port, known.protocol)
        return both if known.judged else both[:1]

    def explain(self, source: str, target: str) -> str:
        """Return what the policies say about a way, in words."""
        return "; ".join(map(str, self.judgements(source, target)))


@library(scope="GLOBAL")
class Connections:
    """Makes the list of ways to try, and judges what came of it."""

    @keyword
    def part_of_the_stack(
        self, name: str, pod: Object, service: Object | None, namespaces: Mapping[str, Labels]
    ) -> Part:
        """Return a component as an end of connections; `namespaces` has the labels of each.

        A pod that has no address yet gets one that is nobody's.
        """
        namespace = pod["metadata"]["namespace"]
        end = End(
            name,
            pod["status"].get("podIP", "0.0.0.0"),  # noqa: S104
            namespace,
            pod["metadata"].get("labels", {}),
            namespaces.get(namespace, {NAME_LABEL: namespace}),
            {port["name"]: port["containerPort"] for port in _ports(pod) if "name" in port},
        )
        return Part(end, pod, service)

    @keyword
    def targets_at_parts(self, parts: Sequence[Part]) -> list[Target]:
        """Return the TCP ports of parts as targets, each at its pod, and by the Service that leads there."""
        return [
            _target_at_port(part, port)
            for part in parts
            for port in _ports(part.pod)
            if port.get("protocol", "TCP") == "TCP"
        ]

    @keyword
    def parts_named(self, parts: Sequence[Part], names: Sequence[str]) -> list[Part]:
        """Return the parts with one of these names."""
        return [part for part in parts if part.end.name in names]

    @keyword
    def target_at_service(self, name: str, service: Object, port: int) -> Target:
        """Return a Service whose pods are no end that labels select (the API server) as a target."""
        address = service["spec"]["clusterIP"]
        return Target(End(name, address), port, {f"at {address}": (address, port)}, judged=False)

    @keyword
    def target_by_name(
        self,
        name: str,
        service: Object,
        namespaces: Mapping[str, Labels],
        port: int,
        looked_up: str,
    ) -> Target:
        """Return cluster DNS behind a Service as a target: it is reached when it finds a name."""
        namespace = service["metadata"]["namespace"]
        labels = namespaces.get(namespace, {NAME_LABEL: namespace})
        end = End(name, service["spec"]["clusterIP"], namespace, service["spec"].get("selector", {}), labels)
        return Target(end, port, {f"for the name {looked_up}": (looked_up, LOOK_UP)}, "UDP", judged=False)

    @keyword
    def target_outside(self, name: str, places: Sequence[tuple[str, int]]) -> Target:
        """Return addresses outside of the cluster, each with its port, as one target."""
        address, port = places[0]
        ways = {f"at {host}:{number}": (host, number) for host, number in places}
        return Target(End(name, address), port, ways, judged=False)

    @keyword
    def addresses_to_try(self, targets: Sequence[Target]) -> list[tuple[str, int]]:
        """Return every way of every target, in order: host and port, port 0 to look a name up."""
        return [place for target in targets for place in target.ways.values()]

    @keyword
    def ways_that_were_seen(
        self,
        sources: Sequence[Part],
        targets: Sequence[Target],
        answers: Sequence[Sequence[str] | str],
        policies: Sequence[Object],
    ) -> Ways:
        """Return what came of trying: `answers` is for each source what `Connect From Pods` returned."""
        seen, untried = {}, {}
        for source, answer in zip(sources, answers, strict=True):
            if isinstance(answer, str):
                untried[source.end.name] = answer
                continue
            rest = iter(answer)
            for target in targets:
                seen[source.end.name, str(target)] = {how: next(rest) for how in target.ways}
        return Ways(
            {source.end.name: source.end for source in sources},
            {str(target): target for target in targets},
            policies,
            seen,
            untried,
        )

    @keyword
    def was_tried(self, ways: Ways, source: str, target: str) -> bool:
        """Say whether a stack has both ends of a way."""
        return source in ways.sources and target in ways.targets

    @keyword
    def way_should_be_open(self, ways: Ways, source: str, target: str) -> None:
        """Fail unless a target such as `mlflow:5000` is reached from a source, by every address it has."""
        closed = ways.closed(source, target)
        if closed:
            told = ", ".join(f"{how} ({why})" for how, why in closed.items())
            raise AssertionError(
                f"{source} does not reach {target} {told}, which is a documented flow: "
                f"{ways.explain(source, target)}."
            )

    @keyword
    def way_should_be_closed(self, ways: Ways, source: str, target: str) -> None:
        """Fail when a target is reached from a source, by any address."""
        reached = ways.reaches(source, target)
        if reached:
            allowed = all(judgement.is_open for judgement in ways.judgements(source, target))
            raise AssertionError(
                f"{source} reaches {target} {', '.join(reached)}, which is no documented flow: "
                f"{ways.explain(source, target)}."
                f"{'' if allowed else ' This cluster does not enforce its policies.'}"
            )

    @keyword
    def only_these_ways_should_be_open(self, ways: Ways, source: str, *documented: str) -> None:
        """Fail when a source reaches a part of the stack that is not among the documented targets."""
        wrong = [
            f"- {target} {', '.join(ways.reaches(source, target))}: {ways.explain(source, target)}"
            for target, known in ways.targets.items()
            if target not in documented and known.end.name != source and ways.reaches(source, target)
        ]
        if wrong:
            listed = "\n".join(wrong)
            raise AssertionError(f"{source} reaches what no documented flow leads to:\n{listed}")

    @keyword
    def other_pods_should_be_denied(
        self, policies: Sequence[Object], namespace: str, namespaces: Mapping[str, Labels]
    ) -> None:
        """Fail unless a pod that no policy was made for reaches nobody and is reached by nobody."""
        unknown = End("any other pod", "0.0.0.0", namespace, {}, namespaces.get(namespace, {}))  # noqa: S104
        told = [str(each) for each in judge(policies, unknown, unknown, 80) if each.is_open]
        if told:
            raise AssertionError(f"Namespace {namespace} does not deny by default: {'; '.join(told)}.")

    @keyword
    def what_closes_the_way(
        self, parts: Sequence[Part], policies: Sequence[Object], source: str, target: str, url: str
    ) -> str:
        """Return which policies close a part's way to another at the port of a URL, empty where none does."""
        ends = {part.end.name: part for part in parts}
        if source not in ends or target not in ends:
            return ""
        asked = urlsplit(url).port or 80
        leading = [
            item.port
            for item in self.targets_at_parts([ends[target]])
            if asked in {port for _, port in item.ways.values()}
        ]
        port = leading[0] if leading else asked
        judged = judge(policies, ends[source].end, ends[target].end, port)
        return "; ".join(str(judgement) for judgement in judged if not judgement.is_open)

    @keyword
    def target_named(self, ways: Ways, name: str) -> str:
        """Return the target of this name as `name:port`, empty where none was tried."""
        return next((key for key, target in ways.targets.items() if target.end.name == name), "")

    @keyword
    def how_it_is_reached(self, ways: Ways, source: str, target: str) -> str:
        """Return how a source reached a target, empty when it did not."""
        return ", ".join(ways.reaches(source, target))


def _target_at_port(part: Part, port: Object) -> Target:
    number, service = port["containerPort"], part.service
    ways = {"at its pod": (part.end.address, number)}
    if service and service["spec"].get("clusterIP") not in {None, "None"}:
        for entry in service["spec"]["ports"]:
            if entry.get("targetPort", entry["port"]) in {number, port.get("name")}:
                how = f"by Service {service['metadata']['name']}, port {entry['port']}"
                ways[how] = (service["spec"]["clusterIP"], entry["port"])
    return Target(part.end, number, ways)


def _ports(pod: Object) -> list[Object]:
    return [port for container in pod["spec"]["containers"] for port in container.get("ports", ())]
