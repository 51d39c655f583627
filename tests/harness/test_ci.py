"""Which steps CI runs for which changes, and what it prints of them at its end."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from harness import ci
from harness.ci import Outcome, Step
from harness.common.robot_results import Counts

ALWAYS = Step("tox", 4)
KUSTOMIZE = Step("tox -e kagenti", 5, ("kustomize", "tox.ini"))
STEPS = ci.read_steps(ci.STEPS.read_text(encoding="utf-8"))


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.command)
def test_every_path_of_a_step_is_there(step: Step) -> None:
    assert [path for path in step.paths if not (ci.ROOT / path).exists()] == []


@pytest.mark.parametrize("turn", sorted({ci.turn_of(f"{number:x}", STEPS) for number in range(20)}))
def test_all_steps_of_a_turn_stay_within_an_hour(turn: int) -> None:
    assert sum(step.minutes for step in STEPS if step.has_turn(turn)) <= 60


def test_a_commits_id_says_whose_turn_it_is() -> None:
    steps = [ALWAYS, Step("one", 1, turns=(1,)), Step("two and three", 1, turns=(2, 3))]
    assert [ci.turn_of(commit, steps) for commit in ("0", "1", "2", "f" * 40)] == [1, 2, 3, 1]
    assert ci.turn_of("7", [ALWAYS]) == 1


def test_a_step_waits_for_its_turn() -> None:
    outcomes = ci.run_all([Step("false", 1, turns=(2, 3)), Step("true", 1, turns=(1, 2))], None, turn=1)
    assert [outcome.result for outcome in outcomes] == [
        "not its turn: it runs in turn 2, 3, this is turn 1",
        "passed",
    ]


@pytest.mark.parametrize(
    ("changed", "runs"),
    [
        (None, True),
        ({"kustomize/base/kustomization.yaml"}, True),
        ({"docs/kagenti.md", "tox.ini"}, True),
        ({"docs/kagenti.md", "kustomized", "tests/kustomize/conftest.py"}, False),
        (set(), False),
    ],
)
def test_a_step_with_paths_runs_when_one_of_them_changed_or_nothing_is_known(
    changed: set[str] | None, runs: bool
) -> None:
    assert KUSTOMIZE.concerns(changed) is runs
    assert ALWAYS.concerns(changed)


@pytest.fixture
def repository(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., None]:
    """Return git for a clone whose origin's main has the file `old`; changed files are looked for in it."""
    origin, clone = tmp_path / "origin", tmp_path / "clone"
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    for name in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{name}_NAME", "A Tester")
        monkeypatch.setenv(f"GIT_{name}_EMAIL", "tester@example.org")

    def git(*arguments: str, folder: Path = clone) -> None:
        subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True)

    origin.mkdir()
    git("init", "--initial-branch=main", folder=origin)
    (origin / "old").write_text("old")
    git("add", "old", folder=origin)
    git("commit", "--message=First", folder=origin)
    git("clone", str(origin), str(clone), folder=tmp_path)
    monkeypatch.setattr(ci, "ROOT", clone)
    return git


def commit(git: Callable[..., None], name: str, **where: Path) -> None:
    folder = where.get("folder", ci.ROOT)
    (folder / name).write_text(name)
    git("add", name, **where)
    git("commit", "--message=More", **where)


def test_what_a_branch_changed_is_found_though_main_went_on(
    repository: Callable[..., None], tmp_path: Path
) -> None:
    commit(repository, "others", folder=tmp_path / "origin")
    repository("fetch", "origin")
    commit(repository, "mine")
    repository("mv", "old", "with a space")
    (ci.ROOT / "untracked").touch()
    assert ci.changed_files() == {"mine", "old", "with a space", "untracked"}


@pytest.mark.usefixtures("repository")
def test_nothing_is_known_of_a_commit_that_main_has() -> None:
    assert ci.changed_files() is None


def test_nothing_is_known_without_a_main_to_compare_with(
    repository: Callable[..., None], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    commit(repository, "mine")
    repository("remote", "remove", "origin")
    assert ci.changed_files() is None
    monkeypatch.setattr(ci, "ROOT", tmp_path)  # no repository at all
    assert ci.changed_files() is None


def test_nothing_is_known_of_a_clone_without_its_history(
    repository: Callable[..., None], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    repository("switch", "--create", "branch")
    commit(repository, "mine")
    repository("push", "origin", "branch")
    url = (tmp_path / "origin").as_uri()
    repository("clone", "--depth=1", "--no-single-branch", "--branch=branch", url, "shallow", folder=tmp_path)
    commit(repository, "others", folder=tmp_path / "origin")
    monkeypatch.setattr(ci, "ROOT", tmp_path / "shallow")
    assert ci.changed_files() is None


@pytest.fixture
def results(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Return the folder, empty, in which results are looked for."""
    monkeypatch.setattr(ci, "RESULTS", tmp_path)
    return tmp_path


def python(program: str, *paths: str) -> Step:
    return Step(f'{sys.executable} -c "{program}"', 1, paths)


def test_tests_of_pytest_and_robot_framework_are_counted(results: Path) -> None:
    suite = results / "test_three.py"
    suite.write_text(
        "import pytest\n"
        "def test_passes(): pass\n"
        "def test_fails(): assert False\n"
        "def test_skips(): pytest.skip()\n"
    )
    robot = results / "two.robot"
    robot.write_text("*** Test Cases ***\nPasses\n    No Operation\nSkips\n    Skip\n")
    for command in (
        ["pytest", "-p", "no:cacheprovider", f"--junit-xml={results}/pytest-unit.xml", str(suite)],
        ["robot", "--outputdir", str(results), "--report=NONE", "--log=NONE", str(robot)],
    ):
        subprocess.run([sys.executable, "-m", *command], capture_output=True, check=False)
    assert ci.count_written_since(0) == Counts(passed=2, failed=1, skipped=2)
    assert ci.count_written_since((results / "output.xml").stat().st_mtime + 60) == Counts()
    (results / "output.xml").write_text("<robot><suite>")  # of a step that was ended
    assert ci.count_written_since(0) == Counts(passed=1, failed=1, skipped=1)


@pytest.mark.usefixtures("results")
def test_steps_run_until_one_fails() -> None:
    unconcerned = python("print(2)", "kustomize")
    steps = [python("print(0)"), unconcerned, python("raise SystemExit(3)"), python("print(1)")]
    outcomes = ci.run_all(steps, {"README.md"})
    assert [(outcome.passed, outcome.counts) for outcome in outcomes] == [
        (True, Counts(passed=1)),
        (None, Counts()),
        (False, Counts(failed=1)),
        (None, Counts()),
    ]
    assert [outcome.step for outcome in outcomes] == steps


@pytest.mark.usefixtures("results")
def test_a_step_is_ended_when_the_time_is_over() -> None:
    (outcome,) = ci.run_all([python("import time; time.sleep(60)")], None, limit=0.2)
    assert (outcome.passed, outcome.counts) == (False, Counts(failed=1))
    assert outcome.result == "ended: the time for all steps is over"
    assert outcome.seconds < 30


def test_the_table_has_every_step_with_its_time_and_its_tests() -> None:
    outcomes = [
        Outcome(ALWAYS, "passed", passed=True, seconds=151, counts=Counts(800, 0, 3)),
        Outcome(KUSTOMIZE, "not needed: nothing that it concerns changed"),
    ]
    assert ci.table(outcomes).splitlines() == [
        "  2 min 31 s  tox             passed: 800 passed, 0 failed, 3 skipped",
        "           -  tox -e kagenti  not needed: nothing that it concerns changed",
        "  2 min 31 s  all",
    ]


@pytest.mark.parametrize(("passed", "code"), [(True, 0), (False, 1)])
def test_the_last_line_counts_the_tests_of_all_steps(
    passed: bool, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    outcomes = [
        Outcome(ALWAYS, "passed", passed=True, seconds=61, counts=Counts(800, 0, 3)),
        Outcome(KUSTOMIZE, "?", passed=passed, seconds=2, counts=Counts(50, 0 if passed else 1, 34)),
    ]
    monkeypatch.setattr(ci, "run_all", lambda *_, **__: outcomes)
    assert ci.main() == code
    assert capsys.readouterr().out.splitlines()[-1] == f"850 passed, {1 - passed} failed, 37 skipped"
