"""The browser library's own logic: Chromium's logs, reaching hosts by name, reading a drawn tree."""

import base64
import hashlib
import json
from types import SimpleNamespace
from typing import Any

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from robot.api.types import Secret

from entry.entry_point import EntryPoint, Login
from pages import browser
from pages.browser import PageRecord
from traces.model import Span, Trace

ORIGIN = "http://mlflow.localtest.me:8080"
MLFLOW = EntryPoint(ORIGIN, "192.0.2.7:30080")
GIVEN = EntryPoint("https://mlflow.example")


def log(*events: tuple[str, dict[str, Any]]) -> list[dict[str, str]]:
    return [{"message": json.dumps({"message": {"method": what, "params": about}})} for what, about in events]


def sent(key: str, url: str, **more: str) -> tuple[str, dict[str, Any]]:
    request = {"method": "POST", "url": url} | more
    return "Network.requestWillBeSent", {"requestId": key, "loaderId": "1", "request": request}


def answered(key: str, status: int) -> tuple[str, dict[str, Any]]:
    return "Network.responseReceived", {"requestId": key, "response": {"status": status}}


def finished(key: str) -> tuple[str, dict[str, Any]]:
    return "Network.loadingFinished", {"requestId": key}


def failed(key: str, canceled: bool) -> tuple[str, dict[str, Any]]:
    return "Network.loadingFailed", {"requestId": key, "errorText": "net::ERR_FAILED", "canceled": canceled}


def problems(*events: tuple[str, dict[str, Any]], reports: str | None = None) -> list[str]:
    record = PageRecord()
    record.read_performance(log(*events))
    return record.problems(ORIGIN, reports)


@pytest.mark.parametrize("status", [200, 204, 304, 399])
def test_an_answered_request_is_no_problem(status: int) -> None:
    assert problems(sent("1", f"{ORIGIN}/a"), answered("1", status), finished("1")) == []


@pytest.mark.parametrize("status", [400, 403, 404, 500, 503])
def test_an_error_status_is_a_problem(status: int) -> None:
    found = problems(sent("1", f"{ORIGIN}/a"), answered("1", status), finished("1"))
    assert found == [f"POST {ORIGIN}/a was answered {status}"]


def test_a_failed_request_is_a_problem() -> None:
    assert problems(sent("1", f"{ORIGIN}/a"), failed("1", canceled=False)) == [
        f"POST {ORIGIN}/a failed: net::ERR_FAILED"
    ]


def test_a_request_without_an_answer_is_a_problem() -> None:
    assert problems(sent("1", f"{ORIGIN}/a")) == [f"POST {ORIGIN}/a was never answered"]


def test_a_worker_s_script_is_judged_by_its_status_alone() -> None:
    what, about = sent("1", f"{ORIGIN}/worker.js")
    script = what, about | {"loaderId": ""}
    assert problems(script) == [f"POST {ORIGIN}/worker.js was never answered"]
    headers = "Network.responseReceivedExtraInfo", {"requestId": "1", "statusCode": 200}
    assert problems(script, headers) == []
    headers = "Network.responseReceivedExtraInfo", {"requestId": "1", "statusCode": 404}
    assert problems(script, headers) == [f"POST {ORIGIN}/worker.js was answered 404"]


def test_a_request_that_the_page_gave_up_is_no_problem() -> None:
    assert problems(sent("1", f"{ORIGIN}/a"), failed("1", canceled=True)) == []


def test_what_is_asked_of_others_is_no_problem() -> None:
    assert problems(sent("1", "https://fonts.example/a"), failed("1", canceled=False)) == []
    assert problems(sent("1", f"{ORIGIN}.example/a"), failed("1", canceled=False)) == []


def test_the_end_of_an_unknown_request_is_left_alone() -> None:
    assert problems(answered("1", 500), finished("1")) == []


def test_an_answer_may_come_in_a_later_reading() -> None:
    record = PageRecord()
    record.read_performance(log(sent("1", f"{ORIGIN}/a")))
    assert record.requests["1"].pending
    record.read_performance(log(answered("1", 500), finished("1")))
    assert record.problems(ORIGIN) == [f"POST {ORIGIN}/a was answered 500"]


def test_what_the_page_reports_is_a_problem() -> None:
    report = sent("1", f"{ORIGIN}/client_errors", postData='{"message": "x is undefined"}')
    events = report, answered("1", 204), finished("1")
    assert problems(*events) == []
    assert problems(*events, reports="/client_errors") == ["the page reports: x is undefined"]


def test_only_errors_of_the_console_are_problems_and_failed_requests_count_once() -> None:
    record = PageRecord()
    record.read_console(
        [
            {"level": "SEVERE", "source": "javascript", "message": "x is undefined"},
            {"level": "SEVERE", "source": "network", "message": "404"},
            {"level": "WARNING", "source": "console-api", "message": "slow"},
        ]
    )
    assert record.problems(ORIGIN) == ["the console says: x is undefined"]


def test_tolerated_problems_are_told_with_their_reason() -> None:
    bad, known = browser.sort_out(
        ["GET /users was answered 404", "x"], {"users was answered 404$": "no users"}
    )
    assert bad == ["x"]
    assert known == ["GET /users was answered 404 (tolerated: no users)"]


def test_another_status_is_not_tolerated() -> None:
    bad, _ = browser.sort_out(["GET /users was answered 500"], {"users was answered 404$": "no users"})
    assert bad == ["GET /users was answered 500"]


def test_hosts_are_taken_to_the_gateway_and_nothing_else_is_reached() -> None:
    assert browser.switches([MLFLOW]) == [
        "--host-resolver-rules=MAP mlflow.localtest.me:8080 192.0.2.7:30080, MAP * ~NOTFOUND",
        "--no-proxy-server",
    ]


def test_a_url_that_was_given_is_resolved_as_ever() -> None:
    assert browser.switches([GIVEN]) == []
    assert browser.switches([GIVEN, MLFLOW]) == [
        "--host-resolver-rules=MAP mlflow.localtest.me:8080 192.0.2.7:30080"
    ]


def test_a_host_at_the_router_s_address_is_not_asked_of_a_name_server() -> None:
    entry = EntryPoint("https://mlflow.apps.example.test", address="192.0.2.8:443")
    assert browser.switches([entry, MLFLOW]) == [
        "--host-resolver-rules=MAP mlflow.apps.example.test 192.0.2.8:443, "
        "MAP mlflow.localtest.me:8080 192.0.2.7:30080, MAP * ~NOTFOUND",
        "--no-proxy-server",
    ]


def test_the_browser_trusts_what_requests_is_told_to_trust(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    issued = trustme.CA().issue_cert("mlflow.example")
    certificate = x509.load_pem_x509_certificate(issued.cert_chain_pems[0].bytes())

    def verified(entry: EntryPoint) -> bytes:
        seen.append(entry)
        return certificate.public_bytes(Encoding.DER)

    monkeypatch.setattr(browser, "verified_certificate", verified)
    monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)
    assert browser.trust([GIVEN, MLFLOW]) == []
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/ca.crt")
    key = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    digest = base64.b64encode(hashlib.sha256(key).digest()).decode()
    assert browser.trust([GIVEN, MLFLOW]) == [f"--ignore-certificate-errors-spki-list={digest}"]
    assert browser.trust([MLFLOW]) == []
    assert seen == [GIVEN]


def test_a_missing_browser_is_told_in_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(browser.BrowserError, match="apt-get install chromium chromium-driver"):
        browser.Browser(None).open_chromium(MLFLOW)


def span(name: str, parent: str | None, start: int) -> Span:
    return Span("t", name, parent, name, None, start, start + 1, "OK")


def test_a_tree_is_its_names_in_order_each_below_its_parent() -> None:
    trace = Trace(
        "t",
        (
            span("second", "root", 3),
            span("leaf", "first", 2),
            span("first", "root", 1),
            span("root", None, 0),
        ),
        "x",
    )
    expected = "root\n  first\n    leaf\n  second"
    assert browser.tree_of(trace) == expected
    assert browser.drawn_tree([("root", 10), ("first", 26), ("leaf", 42), ("second", 26)]) == expected


def test_a_span_drawn_at_another_depth_makes_another_tree() -> None:
    assert browser.drawn_tree([("root", 10), ("first", 26), ("leaf", 26)]) == "root\n  first\n  leaf"
    assert browser.drawn_tree([]) == ""


class _Chromium:
    """A driver that remembers what it was told by CDP."""

    def __init__(self) -> None:
        self.told: list[tuple[str, dict[str, Any]]] = []

    def execute_cdp_cmd(self, command: str, parameters: dict[str, Any]) -> None:
        self.told.append((command, parameters))


def test_a_page_is_asked_with_the_login_of_its_origin_and_no_other() -> None:
    driver = _Chromium()
    plugin = browser.Browser(SimpleNamespace(driver=driver))
    login = Login("admin", Secret("what-nobody-may-know"))
    plugin._logins = {ORIGIN: EntryPoint(ORIGIN, login=login).login_headers}
    for origin in (ORIGIN, "http://phoenix.localtest.me:8080"):
        plugin._log_in(origin)
    headers = [told["headers"] for command, told in driver.told if command == "Network.setExtraHTTPHeaders"]
    assert headers == [{"Authorization": login.header}, {}]
