"""`python -m learn` says in one sentence what is wrong, and runs the task that asks and writes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from robot.api import ExecutionResult

from learn.__main__ import main
from tests.robot_process import run_robot

ROOT = Path(__file__).parents[2]
GOOD = ["--question", "What is new?", "--out", "new.yaml"]


def learn(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command in a folder, without any cluster."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "KUBECONFIG": str(folder / "none")}
    command = [sys.executable, "-m", "learn", *arguments]
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False
    )


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "The following arguments are required: --question, --out."),
        ([*GOOD, "--question", " "], "A question is empty: ask something that the agent answers."),
        ([*GOOD, "--times", "1"], "Each question is asked 2 times at least, as only that shows what varies."),
        ([*GOOD, "--times", "often"], "Argument --times: invalid int value: 'often'."),
        ([*GOOD, "--out", "new.txt"], "--out new.txt is no YAML file: name it new.txt.yaml."),
        ([*GOOD, "--out", "none/new.yaml"], "There is no folder none to write new.yaml to."),
        (
            [*GOOD, "--out", "mine.yaml"],
            "The file mine.yaml is there already: name another one, or add --overwrite.",
        ),
        ([*GOOD, "--variable", "AGENT_SERVICE"], "--variable AGENT_SERVICE is not NAME:VALUE."),
        ([*GOOD, "--variablefile", "none.yaml"], "There is no variable file none.yaml."),
        ([*GOOD, "--ask", "why"], "Unrecognized arguments: --ask why."),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_wrong_command_line_is_answered_in_one_sentence(
    tmp_path: Path,
    arguments: list[str],
    sentence: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "mine.yaml").write_text("mine", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["learn", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert capsys.readouterr() == ("", f"{sentence} See python -m learn --help.\n")
    assert (tmp_path / "mine.yaml").read_text(encoding="utf-8") == "mine"


def test_ctrl_c_while_the_command_is_imported_is_one_sentence(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", "import learn; raise KeyboardInterrupt"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (-signal.SIGINT, "Interrupted; nothing was written.\n")


def test_a_file_that_cannot_be_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = f"{'x' * 300}.yaml"
    monkeypatch.setattr(sys, "argv", ["learn", "--question", "What is new?", "--out", out])
    assert main() == 1
    assert capsys.readouterr() == ("", f"{out} cannot be used as needed: File name too long.\n")


def test_what_the_task_cannot_do_is_said_and_leaves_no_file(tmp_path: Path) -> None:
    done = learn(tmp_path, *GOOD)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        f"No cluster to verify: there is no kubeconfig ({tmp_path / 'none'}); set KUBECONFIG, or make a "
        "cluster with `tox -e cluster -- up`.\n"
    )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("file", "sentence"),
    [
        (
            "AGENT_SERVCE: x",
            "AGENT_SERVCE is no setting (did you mean AGENT_SERVICE?). See resources/settings.yaml",
        ),
        (
            "- CITY",
            "Processing variable file '{file}' failed: YAML variable file must be a mapping, got list",
        ),
    ],
)
def test_nothing_is_asked_with_wrong_settings(tmp_path: Path, file: str, sentence: str) -> None:
    mine = tmp_path / "mine.yaml"
    mine.write_text(file, encoding="utf-8")
    done = learn(tmp_path, *GOOD, "--variablefile", str(mine))
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines()[-1] == f"Correct the settings: {sentence.format(file=mine)}."
    assert list(tmp_path.iterdir()) == [mine]


KEYWORDS = """
Read Collector Metrics Or None
    RETURN    ${None}

Ask In New Context
    [Arguments]    ${text}
    Log    Asked: ${text}    console=${True}
    RETURN    ${{agent.client.Question($text, 'c', 'sunny', $FAILURE, 0.0, 1.0)}}

Get Deployed Backends
    RETURN    ${BACKENDS}

Wait For Whole Trace In MLflow
    [Arguments]    ${question}    ${before}    ${has_all}
    RETURN    ${{traces.model.Trace('a' * 32, (), 'mlflow')}}

Wait For Whole Trace In Phoenix
    [Arguments]    ${question}    ${before}    ${like}
    RETURN    ${{traces.model.Trace('a' * 32, (), 'phoenix')}}

Get Component Service
    [Arguments]    ${component}
    RETURN    ${{{'service': 'my-agent'}}}

Write Learned Contract
    [Arguments]    ${path}    ${service}    ${question}    ${answered}    ${overwrite}
    RETURN    ${service} ${question} ${{[(asked.text, found.backend) for asked, found in $answered]}}
"""


def run_task(folder: Path, backends: list[str], failure: str = "") -> tuple[str, str]:
    """Run the task with made-up answers; return its status and message."""
    text = (ROOT / "learn" / "learn.robot").read_text(encoding="utf-8")
    suite = folder / "suite.robot"
    suite.write_text(text.replace("../", f"{ROOT}/") + KEYWORDS, encoding="utf-8")
    variables = folder / "variables.py"
    known = {
        "QUESTIONS": ["What is new in {city}?", "Why?"],
        "TIMES": 2,
        "OUT": "new.yaml",
        "OVERWRITE": False,
        "CITIES": ["Paris", "Rome"],
        "BACKENDS": backends,
        "FAILURE": failure,
    }
    variables.write_text("".join(f"{name} = {value!r}\n" for name, value in known.items()), encoding="utf-8")
    options = ["--log", "NONE", "--report", "NONE", "--variablefile", "variables.py"]
    run_robot([*options, "suite.robot"], folder)
    (task,) = ExecutionResult(folder / "output.xml").suite.tests
    return task.status, task.message


@pytest.mark.parametrize("backends", [["mlflow"], ["phoenix"], ["mlflow", "phoenix"]])
def test_each_question_is_asked_again_and_read_from_every_backend(
    tmp_path: Path, backends: list[str]
) -> None:
    asked = ["What is new in Paris?", "Why?", "What is new in Rome?", "Why?"]
    pairs = [(text, backend) for text in asked for backend in backends]
    assert run_task(tmp_path, backends) == ("PASS", f"my-agent What is new in {{city}}? {pairs}")


def test_without_a_backend_there_is_nothing_to_learn_from(tmp_path: Path) -> None:
    said = "There is no trace to learn from: neither MLflow nor Phoenix is deployed."
    assert run_task(tmp_path, []) == ("FAIL", said)


def test_a_question_without_an_answer_teaches_nothing(tmp_path: Path) -> None:
    status, message = run_task(tmp_path, ["mlflow"], failure="HTTP status 503")
    assert (status, message) == ("FAIL", "The agent did not answer What is new in Paris?: HTTP status 503")
