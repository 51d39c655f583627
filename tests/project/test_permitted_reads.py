"""docs/permissions.yaml allows exactly what the suites and their libraries read from the Kubernetes API."""

import ast
import itertools
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import yaml
from robot.api import Token, get_tokens

ROOT = Path(__file__).parents[2]
MANIFEST = [
    item for item in yaml.safe_load_all((ROOT / "docs" / "permissions.yaml").read_text()) if item is not None
]
NAMESPACES = [
    item["metadata"]["name"]
    for item in yaml.safe_load_all((ROOT / "kustomize/components/namespaces/namespaces.yaml").read_text())
]
API_VERSION = re.compile(r"v\d\w*|[\w.]+/v\d\w*")
KIND = re.compile(r"([A-Z][a-z]+)+|HTTPRoute")
# Methods of the Kubernetes client that read: subresource and verbs. An exec and a port-forward
# are a GET that becomes a websocket, which the API server also checks as a create.
SUBRESOURCES = {
    "read_namespaced_pod_log": ("pods/log", {"get"}),
    "connect_get_namespaced_pod_proxy_with_path": ("pods/proxy", {"get"}),
    "connect_get_namespaced_pod_exec": ("pods/exec", {"create", "get"}),
    "connect_get_namespaced_pod_portforward": ("pods/portforward", {"create", "get"}),
}
CHANGING = re.compile(r"(create|delete|patch|replace)_namespaced_\w+")
Resource = tuple[str, str]  # API group, resource


def pairs(texts: Sequence[object]) -> Iterator[tuple[str, str]]:
    """Yield the neighbours in a list of values that are an API version and a kind."""
    for first, second in itertools.pairwise(texts):
        if not isinstance(first, str) or not isinstance(second, str):
            continue
        if API_VERSION.fullmatch(first) and KIND.fullmatch(second):
            yield first, second


def kinds_in_python(source: str) -> set[tuple[str, str]]:
    """Return API versions and kinds that stand beside each other in a call, a tuple or a list."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call | ast.Tuple | ast.List):
            items = node.args if isinstance(node, ast.Call) else node.elts
            found |= set(pairs([item.value if isinstance(item, ast.Constant) else None for item in items]))
    return found


def kinds_in_robot(files: Sequence[Path]) -> set[tuple[str, str]]:
    """Return API versions and kinds that stand beside each other in keyword arguments, variables resolved."""
    arguments: list[str] = []
    variables: dict[str, str] = {}
    for file in files:
        tokens = [token for token in get_tokens(file) if token.type in (Token.VARIABLE, Token.ARGUMENT)]
        for token, following in itertools.pairwise(tokens):
            if token.type == Token.VARIABLE:
                variables.setdefault(token.value, following.value)
        arguments += [token.value for token in tokens]
    return set(pairs([variables.get(value, value) for value in arguments]))


def resource_of(api_version: str, kind: str) -> Resource:
    """Return the API group and the resource of a kind."""
    plural = re.sub("([^aeiou])ys$", r"\1ies", f"{kind.lower()}{'es' if kind.endswith('s') else 's'}")
    return api_version.rpartition("/")[0], plural


def sources(*folders: str) -> list[Path]:
    """Return the files of folders, without those that may change the cluster."""
    files = [file for folder in folders for file in sorted((ROOT / folder).rglob("*.*"))]
    return [file for file in files if not {"disruption", "resilience", "__pycache__"} & set(file.parts)]


def read_resources() -> set[Resource]:
    found = kinds_in_robot([file for file in sources("robot", "resources") if file.suffix != ".yaml"])
    for file in sources("libraries"):
        if file.suffix == ".py":
            found |= kinds_in_python(file.read_text(encoding="utf-8"))
    return {resource_of(*pair) for pair in found}


def granted() -> Iterator[tuple[Resource, frozenset[str]]]:
    """Yield resources and verbs of all rules."""
    for role in MANIFEST:
        for rule in role.get("rules", ()):
            for group, resource in itertools.product(rule["apiGroups"], rule["resources"]):
                yield (group, resource), frozenset(rule["verbs"])


def client_methods() -> set[str]:
    text = "\n".join(
        file.read_text(encoding="utf-8") for file in sources("libraries") if file.suffix == ".py"
    )
    return set(re.findall(r"\b\w+_namespaced_\w+", text))


def test_every_kind_that_is_read_is_granted_and_no_other() -> None:
    whole = {resource: verbs for resource, verbs in granted() if "/" not in resource[1]}
    assert set(whole) == read_resources()
    assert set(whole.values()) == {frozenset({"get", "list"})}


def test_subresources_are_granted_as_they_are_used() -> None:
    assert client_methods() == set(SUBRESOURCES)
    parts = {resource[1]: set(verbs) for resource, verbs in granted() if "/" in resource[1]}
    assert parts == dict(SUBRESOURCES.values())


def test_only_the_disruptive_libraries_change_anything() -> None:
    assert not [name for name in client_methods() if CHANGING.fullmatch(name)]


def test_kinds_are_found_in_python_and_in_robot(tmp_path: Path) -> None:
    assert kinds_in_python("f('v1', 'Pod', x); K = (('apps/v1', 'Deployment'),)") == {
        ("v1", "Pod"),
        ("apps/v1", "Deployment"),
    }
    suite = tmp_path / "some.resource"
    suite.write_text(
        "*** Variables ***\n${API}    policy/v1\n*** Keywords ***\nRead\n"
        "    ${x} =    Read Objects    ${API}    PodDisruptionBudget\n"
        "    Read Objects\n    ...    v1\n    ...    Node\n",
        encoding="utf-8",
    )
    assert kinds_in_robot([suite]) == {("policy/v1", "PodDisruptionBudget"), ("v1", "Node")}
    assert resource_of("networking.k8s.io/v1", "NetworkPolicy") == ("networking.k8s.io", "networkpolicies")


def test_the_roles_are_bound_to_the_one_account_in_the_stacks_namespaces() -> None:
    bindings = [item for item in MANIFEST if item["kind"].endswith("Binding")]
    assert {item["metadata"].get("namespace") for item in bindings} == {
        *NAMESPACES,
        None,
    }
    accounts = {str(subject) for item in bindings for subject in item["subjects"]}
    assert len(accounts) == 1
