"""What `.ci/run` runs: the steps of .ci/steps.toml that a submission concerns, and a table at the end.

Steps with turns run on a submission whose turn is one of theirs: the commit's id says which turn it is, also
in a shallow clone.
"""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import time
import tomllib
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from harness.common.errors import HarnessError, reports_errors
from harness.common.progress import duration, say
from harness.common.robot_results import Counts, count_tests, read_suite

ROOT = Path(__file__).parents[1]
STEPS = ROOT / ".ci" / "steps.toml"
RESULTS = ROOT / "results"
BASE = "origin/main"  # what a submission is compared with
LIMIT = 85 * 60  # seconds for all steps; whoever runs `.ci/run` may end it after 90 minutes, without a table


@dataclass(frozen=True)
class Step:
    """One command line, the paths that it concerns (none: everything), and its turns (none: every one)."""

    command: str
    minutes: int
    paths: tuple[str, ...] = ()
    turns: tuple[int, ...] = ()

    def concerns(self, changed: Iterable[str] | None) -> bool:
        """Return whether the step runs for these changed files (None: not known)."""
        if changed is None or not self.paths:
            return True
        return any(file == path or file.startswith(f"{path}/") for file in changed for path in self.paths)

    def has_turn(self, turn: int) -> bool:
        """Return whether the step runs in this turn."""
        return not self.turns or turn in self.turns


@dataclass(frozen=True)
class Outcome:
    """What became of a step, in words; whether it passed (None: it did not run); its seconds and tests."""

    step: Step
    result: str
    passed: bool | None = None
    seconds: float = 0.0
    counts: Counts = field(default_factory=Counts)


def read_steps(text: str) -> list[Step]:
    """Return the steps of .ci/steps.toml, in order."""
    return [
        Step(entry["command"], entry["minutes"], tuple(entry.get("paths", ())), tuple(entry.get("turns", ())))
        for entry in tomllib.loads(text)["step"]
    ]


def turn_of(commit: str, steps: Iterable[Step]) -> int:
    """Return whose turn it is with a commit's id (hex digits): 1 to the last turn of the steps."""
    return int(commit, 16) % max((turn for step in steps for turn in step.turns), default=1) + 1


def git(*arguments: str) -> list[str] | None:
    """Return what git prints, split at NUL or at line ends; None when it fails."""
    done = subprocess.run(["git", *arguments], cwd=ROOT, check=False, capture_output=True, text=True)
    return None if done.returncode else done.stdout.replace("\0", "\n").splitlines()


def changed_files() -> set[str] | None:
    """Return the files that changed since this branch left origin's main, committed or not.

    None, and then everything runs, where that is not known: there is no origin/main, the clone does not
    reach back far enough, or origin/main has this very commit already.
    """
    left, here = git("merge-base", "HEAD", BASE), git("rev-parse", "HEAD")
    if not left or left == here:
        return None
    differing = git("diff", "--name-only", "--no-renames", "-z", left[0], "--")
    untracked = git("ls-files", "--others", "--exclude-standard", "-z")
    return None if differing is None or untracked is None else {*differing, *untracked}


def count_written_since(since: float) -> Counts:
    """Return the sums of the result files of e2e and pytest that were written since a time (Unix seconds)."""
    counts = Counts()
    output = RESULTS / "output.xml"
    if output.exists() and output.stat().st_mtime >= since:
        with suppress(HarnessError):  # of a step that was ended: it has failed anyway
            counts += count_tests(read_suite(output))
    for file in RESULTS.glob("pytest-*.xml"):
        if file.stat().st_mtime >= since:
            for suite in ET.parse(file).getroot().iter("testsuite"):  # noqa: S314 - our own pytest wrote it
                tests, skipped = int(suite.get("tests", 0)), int(suite.get("skipped", 0))
                failed = int(suite.get("failures", 0)) + int(suite.get("errors", 0))
                counts += Counts(tests - failed - skipped, failed, skipped)
    return counts


def run(step: Step, limit: float) -> Outcome:
    """Run a step's command, which prints to our own output; end it after `limit` seconds.

    A step without test results counts as one test; so does one that fails without a failed test (lint).
    """
    say(f"\n=== {step.command}")
    started, clock = time.time(), time.monotonic()
    command = shlex.split(step.command)
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, start_new_session=True)
    try:
        passed = process.wait(limit) == 0
        result = "passed" if passed else "failed"
    except subprocess.TimeoutExpired:
        passed, result = False, "ended: the time for all steps is over"
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait()
    counts = count_written_since(started)
    if not passed and not counts.failed:
        counts += Counts(failed=1)
    elif counts == Counts():
        counts = Counts(passed=1)
    return Outcome(step, result, passed, time.monotonic() - clock, counts)


def run_all(
    steps: Sequence[Step], changed: Iterable[str] | None, limit: float = LIMIT, turn: int = 1
) -> list[Outcome]:
    """Run the steps that these changes concern and whose turn it is, up to the first that fails.

    Return what became of each.
    """
    outcomes: list[Outcome] = []
    deadline = time.monotonic() + limit
    for step in steps:
        if not step.concerns(changed):
            outcomes.append(Outcome(step, "not needed: nothing that it concerns changed"))
        elif not step.has_turn(turn):
            turns = ", ".join(map(str, step.turns))
            outcomes.append(Outcome(step, f"not its turn: it runs in turn {turns}, this is turn {turn}"))
        elif any(outcome.passed is False for outcome in outcomes):
            outcomes.append(Outcome(step, "not run: a step before it failed"))
        else:
            outcomes.append(run(step, max(deadline - time.monotonic(), 0)))
    return outcomes


def table(outcomes: Sequence[Outcome]) -> str:
    """Return a line for each step: how long it took, its command, what became of it, and its tests."""
    width = max(len(outcome.step.command) for outcome in outcomes)
    lines = []
    for each in outcomes:
        took, tests = ("-", "") if each.passed is None else (duration(each.seconds), f": {each.counts}")
        lines.append(f"{took:>12}  {each.step.command:<{width}}  {each.result}{tests}")
    total = sum(outcome.seconds for outcome in outcomes)
    return "\n".join([*lines, f"{duration(total):>12}  all"])


@reports_errors
def main() -> int:
    """Run the steps; print a table of them and, last, one line that counts their tests."""
    changed = changed_files()
    if changed is None:
        say(f"What changed since {BASE} is not known: every step runs.")
    else:
        say(f"{len(changed)} files changed since this branch left {BASE}.")
    steps = read_steps(STEPS.read_text(encoding="utf-8"))
    commit = git("rev-parse", "HEAD") or ["0"]
    outcomes = run_all(steps, changed, turn=turn_of(commit[0], steps))
    counts = sum((outcome.counts for outcome in outcomes), Counts())
    say(f"\n{table(outcomes)}\n{counts}")
    return 1 if any(outcome.passed is False for outcome in outcomes) else 0


if __name__ == "__main__":
    sys.exit(main())
