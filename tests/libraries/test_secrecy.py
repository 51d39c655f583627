"""A password is found in whatever way it is told, and nothing else is taken for one."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

import pytest
from robot.api.types import Secret

from secrecy.search import Search, forms, result_texts, told

PASSWORD = 'kY7-x_\u00e4"8\\z+/=Q'  # noqa: S105 - nobody's
PASSWORDS = {"kagenti-system/mlflow-admin": Secret(PASSWORD)}

WAYS = {
    "as it is": f"password={PASSWORD}",
    "in a URL": f"http://admin:{quote(PASSWORD, safe='')}@mlflow",
    "in JSON": json.dumps({"password": PASSWORD}, ensure_ascii=False),
    "in base64, as a Secret has it": base64.b64encode(PASSWORD.encode()).decode(),
    "in a header": f"Basic {base64.b64encode(f'a:{PASSWORD}'.encode()).decode()}",
    "in another user's header": f"Basic {base64.b64encode(f'ab:{PASSWORD}'.encode()).decode()}",
    "in a third user's header": f"Basic {base64.b64encode(f'abc:{PASSWORD}'.encode()).decode()}",
    "in base64 between other things": base64.b64encode(f"so {PASSWORD} it is".encode()).decode(),
    "in base64 for URLs": base64.urlsafe_b64encode(PASSWORD.encode()).decode(),
}


@pytest.mark.parametrize("way", WAYS)
def test_a_told_password_is_found(way: str) -> None:
    assert told(PASSWORDS, {"a log": WAYS[way]}) == [
        "a log tells the password of Secret kagenti-system/mlflow-admin"
    ]


def test_what_is_found_does_not_say_it_again() -> None:
    assert PASSWORD not in str(Search().places_that_tell(PASSWORDS, {"a log": PASSWORD}))


def test_other_text_tells_nothing() -> None:
    other = f"{PASSWORD[:-1]} {PASSWORD[1:]} {base64.b64encode(b'something else').decode()}"
    assert told(PASSWORDS, {"a log": other, "empty": ""}) == []
    assert forms("short") == set()


def test_log_and_report_are_searched_where_they_are_compressed(tmp_path: Path) -> None:
    long = f"{'a long message ' * 200}{PASSWORD}"
    suite = tmp_path / "tells.robot"
    suite.write_text(
        f"*** Test Cases ***\nOne\n    Log    {long.replace(chr(92), chr(92) * 2)}\n", encoding="utf-8"
    )
    command = [sys.executable, "-m", "robot", "--outputdir", str(tmp_path), str(suite)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    (tmp_path / "other.txt").write_text(PASSWORD)
    texts = result_texts(tmp_path)
    assert set(texts) == {"output.xml", "log.html", "report.html"}
    found = {line.split()[0] for line in told(PASSWORDS, texts)}
    assert found == {"log.html", "output.xml"}
    assert PASSWORD not in (tmp_path / "log.html").read_text(encoding="utf-8"), "it is compressed there"


def test_the_output_so_far_is_read_where_there_is_one(tmp_path: Path) -> None:
    (tmp_path / "output.xml").write_text("<robot>")
    assert Search().results_so_far(str(tmp_path / "output.xml")) == {"output.xml": "<robot>"}
    assert Search().results_so_far("NONE") == {}
