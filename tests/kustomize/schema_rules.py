"""Rules about shape: every object is one that Kubernetes 1.35 knows, with no field it does not know."""
# ruff: noqa: D401 - the first line of a rule states the rule

import functools
import json
from collections.abc import Iterator
from pathlib import Path

import jsonschema
import kubernetes_validate
import yaml

from rendered import Stack, name_of

KUBERNETES = "1.35"
# Of kinds that are not Kubernetes' own: the part that we use.
SCHEMAS = {
    kind: yaml.safe_load(Path(__file__).with_name(f"{kind.lower()}.schema.yaml").read_text(encoding="utf-8"))
    for kind in ("HTTPRoute", "Route")
}


def objects_are_valid(stack: Stack) -> Iterator[str]:
    """Valid by Kubernetes' own schemas, strictly; routes by the part of theirs that we use."""
    for thing in stack.objects:
        problem = _problem(json.dumps(thing))
        if problem:
            yield f"{name_of(thing)} is not valid at {problem}"


@functools.cache  # most objects are in every overlay, and a schema takes a while to load
def _problem(text: str) -> str:
    thing = json.loads(text)
    try:
        if thing["kind"] in SCHEMAS:
            jsonschema.validate(thing, SCHEMAS[thing["kind"]])
        else:
            kubernetes_validate.validate(thing, KUBERNETES, strict=True)
    except jsonschema.ValidationError as error:  # kubernetes_validate's own is one of these
        where = ".".join(str(part) for part in error.absolute_path)
        return f"{where or 'its top'}: {error.message}"
    return ""


RULES = (objects_are_valid,)
