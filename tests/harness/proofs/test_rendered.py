"""The comparison of rendered stacks: what counts as a difference, and what fails the proof."""

from pathlib import Path

import pytest
import yaml

from harness.common.combinations import Combination
from harness.proofs import rendered


def stack(config: str, hash_: str, user: int) -> str:
    name = f"settings-{hash_}"
    configmap = {
        "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": "n"},
        "data": {"a.yaml": config},
    }
    pod = {"kind": "Pod", "metadata": {"name": "p", "namespace": "n"}, "spec": {"user": user, "from": [name]}}
    return yaml.safe_dump_all([configmap, pod])


def found(before: str, after: str) -> list[str]:
    return list(rendered.differences(rendered.parse(before), rendered.parse(after), ""))


def test_comments_order_and_hashes_are_no_difference() -> None:
    assert found(stack("a: 1\nb: 2", "0123456789", 1), stack("# why\nb: 2\na: 1", "abcdefghij", 1)) == []


def test_each_changed_value_is_found_with_its_place() -> None:
    assert found(stack("a: 1", "0123456789", 1), stack("a: 2", "abcdefghij", 3)) == [
        "ConfigMap n/settings data a.yaml a: 1 -> 2",
        "Pod n/p spec user: 1 -> 3",
    ]


def test_an_object_that_is_gone_is_found() -> None:
    (line,) = found(stack("a: 1", "0123456789", 1), stack("a: 1", "0123456789", 1).split("---")[0])
    assert line.startswith("Pod n/p: {'kind': 'Pod'")
    assert line.endswith("-> nothing")


def test_a_list_of_another_length_or_order_is_found() -> None:
    assert list(rendered.differences([1, 2], [1], "x")) == ["x: [1, 2] -> [1]"]
    assert list(rendered.differences([1, 2], [2, 1], "x")) == ["x 0: 1 -> 2", "x 1: 2 -> 1"]


def test_a_renamed_component_is_rendered_by_its_name_of_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed = []

    def printed(command: list[object], _: str) -> str:
        folder = Path(str(command[-1]))
        listed.extend(yaml.safe_load((folder / "kustomization.yaml").read_text())["components"])
        return "{kind: Secret, metadata: {name: old-name}}"

    again = ["fixed-user", "checkov-reasons", "images"]  # for the pods that Components bring
    (tmp_path / "overlays" / "kind").mkdir(parents=True)
    for component in ("old-name", *again):
        (tmp_path / "components" / component).mkdir(parents=True)
    monkeypatch.setattr(rendered, "read_output", printed)
    renderer = rendered.Renderer("kubectl", tmp_path, {"old-name": "mlflow-auth"})
    assert list(renderer.combination(Combination("kind", ("mlflow-auth",))) or ()) == ["Secret -/mlflow-auth"]
    assert renderer.combination(Combination("kind", ("high-availability",))) is None
    assert [Path(each).name for each in listed] == ["old-name", *again]


def test_a_stack_that_only_one_side_has_is_one_difference(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for side, overlays in (("before", ["kept", "gone"]), ("after", ["kept", "new"])):
        for name in overlays:
            folder = tmp_path / side / "overlays" / name
            folder.mkdir(parents=True)
            (folder / "kustomization.yaml").write_text("kind: Kustomization")
    monkeypatch.setattr(rendered, "read_output", lambda *_: "{kind: Secret, metadata: {name: a}}")
    monkeypatch.setattr(rendered, "combinations", lambda: ())
    before, after = (rendered.Renderer("kubectl", tmp_path / side, {}) for side in ("before", "after"))
    count, found = rendered.compare(before, after)
    assert count == 3
    assert [line.partition(":")[0] for line in sorted(found)] == ["stack gone", "stack new"]


def test_only_what_is_not_intended_fails_the_proof(capsys: pytest.CaptureFixture[str]) -> None:
    lines = {"ConfigMap n/a data run.py: x -> y": 3, "Pod n/p spec user: 1 -> 3": 1}
    assert rendered.report(5, lines, ["run.py"]) == 1
    assert capsys.readouterr().out.splitlines() == [
        "intended, in 3 of 5 stacks: ConfigMap n/a data run.py: x -> y",
        "differs, in 1 of 5 stacks: Pod n/p spec user: 1 -> 3",
        "5 stacks rendered: 1 intended differences, 1 others",
    ]
