"""Ask your agent questions, read their traces, and write a first contract of what they have in common.

    python -m learn --question "What is the weather in Paris?" --out my-agent.yaml

It finds agent, collector and backends as the suites do, and takes the same variables:

    python -m learn --question "..." --out my-agent.yaml --variable AGENT_SERVICE:my-agent

Each question is asked several times, each time in a context of its own, because only what does not vary can
be a rule. `{city}` in a question is another city each time. The contract is a beginning: read it, and delete
what your agent does not promise.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any, NoReturn

from robot.api.interfaces import ListenerV3
from robot.run import run

SUITE = Path(__file__).with_name("learn.robot")
LEAST = 2  # times that each question is asked: once shows nothing of what varies


class Parser(argparse.ArgumentParser):
    """Says what is wrong with a command line in one sentence."""

    def error(self, message: str) -> NoReturn:
        """End with the sentence."""
        self.exit(2, f"{message[:1].upper()}{message[1:]}. See python -m learn --help.\n")


class TaskResult(ListenerV3):
    """Keeps how the task ended."""

    is_good = False
    said = "The task did not run; what Robot Framework printed says why."

    def end_test(self, _: Any, result: Any) -> None:  # noqa: ANN401 - Robot's classes have no types
        """Keep whether the task passed, and its message."""
        self.is_good, self.said = result.passed, result.message


def parse_arguments() -> argparse.Namespace:
    """Read the command line; end with one sentence where it cannot be used."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = Parser(prog="python -m learn", description=__doc__, formatter_class=raw)
    add = parser.add_argument
    add("--question", action="append", required=True, help="what to ask; may be given several times")
    add(
        "--out", type=Path, required=True, metavar="FILE", help="the contract to write, such as my-agent.yaml"
    )
    add("--overwrite", action="store_true", help="write it also where the file is there")
    add(
        "--times",
        type=int,
        default=LEAST,
        help=f"how often to ask each question (default and least: {LEAST})",
    )
    add("--variable", action="append", default=[], metavar="NAME:VALUE", help="as robot's")
    add("--variablefile", action="append", default=[], metavar="FILE", help="as robot's")
    arguments = parser.parse_args()
    problem = find_problem(arguments)
    if problem:
        parser.error(problem)
    return arguments


def find_problem(arguments: argparse.Namespace) -> str:
    """Return what is wrong with a command line, empty where nothing is."""
    if not all(question.strip() for question in arguments.question):
        return "a question is empty: ask something that the agent answers"
    if arguments.times < LEAST:
        return f"each question is asked {LEAST} times at least, as only that shows what varies"
    for variable in arguments.variable:
        if ":" not in variable.strip(":"):
            return f"--variable {variable} is not NAME:VALUE"
    for file in map(Path, arguments.variablefile):
        if file.suffix and not file.is_file():
            return f"there is no variable file {file}"
    return find_problem_of_file(arguments.out, overwrite=arguments.overwrite)


def find_problem_of_file(out: Path, *, overwrite: bool) -> str:
    """Return why a contract cannot be written to a file, empty where it can."""
    if out.suffix not in {".yaml", ".yml"}:
        return f"--out {out} is no YAML file: name it {out.name}.yaml"
    if not out.parent.is_dir():
        return f"there is no folder {out.parent} to write {out.name} to"
    if out.exists() and not overwrite:
        return f"the file {out} is there already: name another one, or add --overwrite"
    return ""


def learn(arguments: argparse.Namespace) -> TaskResult:
    """Run the task and return how it ended."""
    known = {
        "QUESTIONS": arguments.question,
        "TIMES": arguments.times,
        "OUT": str(arguments.out),
        "OVERWRITE": arguments.overwrite,
    }
    result = TaskResult()
    with tempfile.TemporaryDirectory() as folder:
        variables = Path(folder) / "variables.json"
        variables.write_text(json.dumps(known), encoding="utf-8")
        run(
            str(SUITE),
            variable=arguments.variable,
            variablefile=[*arguments.variablefile, str(variables)],
            listener=result,
            outputdir=folder,
            console="none",
            output=None,
            log=None,
            report=None,
        )
    return result


def main() -> int:
    """Write the contract that the command line asks for; return the exit code."""
    try:
        result = learn(parse_arguments())
    except OSError as error:
        place = error.filename or "This machine"
        print(f"{place} cannot be used as needed: {error.strerror or error}.", file=sys.stderr)
        return 1
    print(result.said, file=sys.stdout if result.is_good else sys.stderr)
    return 0 if result.is_good else 1


if __name__ == "__main__":
    sys.exit(main())
