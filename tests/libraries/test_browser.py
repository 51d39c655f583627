"""The browser library's own logic: Chromium's logs, reaching hosts by name, reading a drawn tree."""

from __future__ import annotations

import base64
import hashlib
import json
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from robot.api.types import Secret
from selenium.common.exceptions import ElementClickInterceptedException
from selenium.webdriver.common.keys import Keys

from entry.entry_point import EntryPoint, Login
from pages import browser, chromium
from pages.page_log import PageLog, graphql_errors, put_together, split_tolerated
from pages.trees import drawn_lines, draws_trace, text_of, tree_of
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
    log_of_page = PageLog()
    log_of_page.read_performance(log(*events))
    return log_of_page.problems(ORIGIN, reports)


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


def test_a_worker_s_script_has_ended_with_its_status() -> None:
    what, about = sent("1", f"{ORIGIN}/worker.js")
    script = what, about | {"loaderId": ""}
    assert problems(script) == [f"POST {ORIGIN}/worker.js was never answered"]
    headers = "Network.responseReceivedExtraInfo", {"requestId": "1", "statusCode": 200}
    assert problems(script, headers) == []
    headers = "Network.responseReceivedExtraInfo", {"requestId": "1", "statusCode": 404}
    assert problems(script, headers) == [f"POST {ORIGIN}/worker.js was answered 404"]


def test_a_request_that_the_page_cancelled_is_no_problem() -> None:
    assert problems(sent("1", f"{ORIGIN}/a"), failed("1", canceled=True)) == []


def test_what_is_asked_of_others_is_no_problem() -> None:
    assert problems(sent("1", "https://fonts.example/a"), failed("1", canceled=False)) == []
    assert problems(sent("1", f"{ORIGIN}.example/a"), failed("1", canceled=False)) == []


def test_the_end_of_an_unknown_request_is_left_alone() -> None:
    assert problems(answered("1", 500), finished("1")) == []


def test_an_answer_may_come_in_a_later_reading() -> None:
    log_of_page = PageLog()
    log_of_page.read_performance(log(sent("1", f"{ORIGIN}/a")))
    assert log_of_page.requests["1"].is_pending
    log_of_page.read_performance(log(answered("1", 500), finished("1")))
    assert log_of_page.problems(ORIGIN) == [f"POST {ORIGIN}/a was answered 500"]


def test_problems_that_differ_in_their_address_alone_are_put_together() -> None:
    assert put_together(
        [
            f"GET {ORIGIN}/a.js was answered 403",
            "the console logs: x is undefined",
            f"GET {ORIGIN}/b.js was answered 403",
            f"GET {ORIGIN}/c.js was answered 500",
            f"GET {ORIGIN}/d.css was answered 403",
        ]
    ) == [
        f"GET {ORIGIN}/a.js was answered 403 (and 2 more like it)",
        "the console logs: x is undefined",
        f"GET {ORIGIN}/c.js was answered 500",
    ]


def test_what_the_page_reports_is_a_problem() -> None:
    report = sent("1", f"{ORIGIN}/client_errors", postData='{"message": "x is undefined"}')
    events = report, answered("1", 204), finished("1")
    assert problems(*events) == []
    assert problems(*events, reports="/client_errors") == ["the page reports: x is undefined"]
    below = sent("1", f"{ORIGIN}/phoenix/client_errors", postData='{"message": "x"}')
    assert problems(below, *events[1:], reports="/client_errors") == ["the page reports: x"]


@pytest.mark.parametrize(
    ("body", "shown"),
    [("x is undefined", "x is undefined"), ("", "an error without any text"), ("[1]", "[1]")],
)
def test_a_report_of_another_shape_is_a_problem_too(body: str, shown: str) -> None:
    report = sent("1", f"{ORIGIN}/client_errors", postData=body)
    found = problems(report, answered("1", 204), finished("1"), reports="/client_errors")
    assert found == [f"the page reports: {shown}"]


def test_the_errors_of_graphql_are_problems() -> None:
    assert graphql_errors('{"data": {"node": null}}') == []
    assert graphql_errors('{"data": {}, "errors": null}') == []
    assert graphql_errors('{"errors": [{"message": "no such field"}]}') == ["GraphQL answers: no such field"]
    assert graphql_errors('{"errors": ["broken"]}') == ['GraphQL answers: "broken"']
    assert graphql_errors("<html>") == ["GraphQL answers without JSON: <html>"]


def test_only_errors_of_the_console_are_problems_and_failed_requests_count_once() -> None:
    log_of_page = PageLog()
    log_of_page.read_console(
        [
            {"level": "SEVERE", "source": "javascript", "message": "x is undefined"},
            {"level": "SEVERE", "source": "network", "message": "404"},
            {"level": "WARNING", "source": "console-api", "message": "slow"},
        ]
    )
    assert log_of_page.problems(ORIGIN) == ["the console logs: x is undefined"]


def test_tolerated_problems_are_reported_with_their_reason() -> None:
    bad, known = split_tolerated(
        ["GET /users was answered 404", "x"], {"users was answered 404$": "no users"}
    )
    assert bad == ["x"]
    assert known == ["GET /users was answered 404 (tolerated: no users)"]


def test_another_status_is_not_tolerated() -> None:
    bad, _ = split_tolerated(["GET /users was answered 500"], {"users was answered 404$": "no users"})
    assert bad == ["GET /users was answered 500"]


def test_hosts_are_taken_to_the_gateway_and_nothing_else_is_reached() -> None:
    assert chromium.address_switches([MLFLOW]) == [
        "--host-resolver-rules=MAP mlflow.localtest.me:8080 192.0.2.7:30080, MAP * ~NOTFOUND",
        "--no-proxy-server",
    ]


def test_a_url_that_was_given_is_resolved_as_ever() -> None:
    assert chromium.address_switches([GIVEN]) == []
    assert chromium.address_switches([GIVEN, MLFLOW]) == [
        "--host-resolver-rules=MAP mlflow.localtest.me:8080 192.0.2.7:30080"
    ]


def test_a_host_at_the_router_s_address_is_not_asked_of_a_name_server() -> None:
    entry = EntryPoint("https://mlflow.apps.example.test", address="192.0.2.8:443")
    assert chromium.address_switches([entry, MLFLOW]) == [
        "--host-resolver-rules=MAP mlflow.apps.example.test 192.0.2.8:443, "
        "MAP mlflow.localtest.me:8080 192.0.2.7:30080, MAP * ~NOTFOUND",
        "--no-proxy-server",
    ]


def test_the_browser_trusts_what_requests_trusts_by_its_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    seen = []
    issued = trustme.CA().issue_cert("mlflow.example")
    certificate = x509.load_pem_x509_certificate(issued.cert_chain_pems[0].bytes())

    def verified(entry: EntryPoint) -> bytes:
        seen.append(entry)
        return certificate.public_bytes(Encoding.DER)

    monkeypatch.setattr(chromium, "verified_certificate", verified)
    monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)
    monkeypatch.delenv("CURL_CA_BUNDLE", raising=False)
    assert chromium.trust_switches([GIVEN, MLFLOW]) == []
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path))
    key = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    digest = base64.b64encode(hashlib.sha256(key).digest()).decode()
    assert chromium.trust_switches([GIVEN, MLFLOW]) == [f"--ignore-certificate-errors-spki-list={digest}"]
    assert chromium.trust_switches([MLFLOW]) == []
    monkeypatch.delenv("REQUESTS_CA_BUNDLE")
    monkeypatch.setenv("CURL_CA_BUNDLE", str(tmp_path))
    assert chromium.trust_switches([GIVEN]) == [f"--ignore-certificate-errors-spki-list={digest}"]
    assert seen == [GIVEN, GIVEN]


def test_a_missing_browser_is_reported_in_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
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
    assert tree_of(trace) == expected
    lines = drawn_lines([("root", 10), ("first", 26), ("leaf", 42), ("second", 26)])
    assert text_of(lines) == expected
    assert draws_trace(lines, trace)


def test_a_span_drawn_at_another_depth_makes_another_tree() -> None:
    assert text_of(drawn_lines([("root", 10), ("first", 26), ("leaf", 26)])) == "root\n  first\n  leaf"
    assert text_of(drawn_lines([])) == ""


def test_siblings_of_one_millisecond_are_drawn_in_any_order_and_others_by_their_start() -> None:
    later = 2_000_000
    spans = (
        span("root", None, 0),
        span("first", "root", 1),
        span("leaf", "first", 1),
        span("second", "root", 2),
        span("third", "root", later),
    )
    trace = Trace("t", spans, "x")
    root, first, leaf, second, third = [("root", 0), ("first", 1), ("leaf", 2), ("second", 1), ("third", 1)]
    assert draws_trace([root, first, leaf, second, third], trace)
    assert draws_trace([root, second, first, leaf, third], trace)
    assert not draws_trace([root, first, leaf, third, second], trace)
    assert not draws_trace([root, first, second, leaf, third], trace)
    assert not draws_trace([root, first, leaf, second], trace)
    assert not draws_trace([root, first, leaf, second, third, third], trace)
    assert not draws_trace([leaf, root, first, second, third], trace)
    assert not draws_trace([root, ("first", 2), ("leaf", 1), second, third], trace)
    assert not draws_trace([], trace)


class _Chromium:
    """A driver that remembers the commands of the DevTools protocol."""

    def __init__(self) -> None:
        self.commands: list[tuple[str, dict[str, Any]]] = []

    def execute_cdp_cmd(self, command: str, parameters: dict[str, Any]) -> None:
        self.commands.append((command, parameters))


def test_a_page_is_asked_with_the_login_of_its_origin_and_no_other() -> None:
    driver = _Chromium()
    plugin = browser.Browser(SimpleNamespace(driver=driver))
    login = Login("admin", Secret("what-nobody-may-know"))
    plugin._entries = {ORIGIN: EntryPoint(ORIGIN, login=login)}
    for origin in (ORIGIN, "http://phoenix.localtest.me:8080"):
        plugin._log_in(origin)
    headers = [
        parameters["headers"]
        for command, parameters in driver.commands
        if command == "Network.setExtraHTTPHeaders"
    ]
    assert headers == [login.headers, {}]


class _Element:
    """A visible element of a page, which others may cover."""

    def __init__(self, text: str, *covers: _Element) -> None:
        self.text = text
        self.covers = covers
        self.clicked = False

    def click(self) -> None:
        above = [cover for cover in self.covers if not cover.clicked]
        if above:
            raise ElementClickInterceptedException(f"{self.text} lies below {above[0].text}\nStacktrace: #0")
        self.clicked = True

    def is_displayed(self) -> bool:
        return True


class _Page:
    """A driver that shows one page, which makes no request."""

    current_url = f"{ORIGIN}/#/experiments/1"

    def __init__(self, *texts: str) -> None:
        self.elements = [_Element(text) for text in texts]

    def get_log(self, _: str) -> list[dict[str, str]]:
        return []

    def execute_script(self, script: str, elements: list[_Element]) -> list[str] | list[tuple[str, int]]:
        texts = [element.text for element in elements]
        return texts if script == browser.READ_SHOWN else [(text, 10) for text in texts]


def plugin_at(page: _Page, monkeypatch: pytest.MonkeyPatch) -> browser.Browser:
    monkeypatch.setattr(browser.Browser, "find_elements", lambda *_: page.elements)
    return browser.Browser(SimpleNamespace(driver=page))


def test_a_part_that_lacks_a_text_names_it_and_what_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    plugin = plugin_at(_Page("other row", "weather?\n OK"), monkeypatch)
    plugin.wait_until_part_shows("the row", "css:row", "weather?", "OK", limit=0.01)
    with pytest.raises(AssertionError) as failure:
        plugin.wait_until_part_shows("the row", "css:row", "weather?", "42", limit=0.01)
    assert str(failure.value) == (
        f"the page at {ORIGIN}/#/experiments/1, after 0.01 s: the row lacks '42'; it shows: weather? OK"
    )
    with pytest.raises(AssertionError, match=r"after 0\.01 s: the row is not there"):
        plugin_at(_Page(), monkeypatch).wait_until_part_shows("the row", "css:row", limit=0.01)


FAILED_SCRIPT = log(
    ("Network.requestWillBeSent", {"requestId": "1", "type": "Script", "loaderId": "1", "request": {
        "method": "GET", "url": f"{ORIGIN}/assets/vendor.js"}}),
    answered("1", 403),
    finished("1"),
)  # fmt: skip
HTML_IN_ITS_PLACE = [
    {
        "level": "SEVERE",
        "source": "javascript",
        "message": f"{ORIGIN}/main.js 0:0 Uncaught SyntaxError: Unexpected token '<'",
    }
]


@pytest.mark.parametrize(
    ("logs", "behind"),
    [
        ({"performance": FAILED_SCRIPT}, f"GET {ORIGIN}/assets/vendor.js was answered 403"),
        ({"browser": HTML_IN_ITS_PLACE}, f"the console logs: {ORIGIN}/main.js 0:0 Uncaught SyntaxError"),
    ],
)
def test_what_a_page_without_its_program_draws_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch, logs: dict[str, list[dict[str, str]]], behind: str
) -> None:
    page = _Page()
    monkeypatch.setattr(page, "get_log", lambda kind: logs.pop(kind, []))
    monkeypatch.setattr(browser, "PROGRAM_LIMIT", 0)
    started = time.monotonic()
    with pytest.raises(AssertionError) as failure:
        plugin_at(page, monkeypatch).wait_until_part_shows("the row", "css:row", limit=20)
    assert time.monotonic() < started + 10
    assert f"s: the row is not there. Behind it: {behind}" in str(failure.value)


@pytest.mark.parametrize(
    ("kind", "url", "status"),
    [("Stylesheet", ORIGIN, 404), ("Script", "https://cdn.example", 404), ("Script", ORIGIN, 200)],
)
def test_only_a_script_of_the_page_that_failed_leaves_it_without_its_program(
    kind: str, url: str, status: int
) -> None:
    what, about = sent("1", f"{url}/a")
    page_log = PageLog()
    page_log.read_performance(log((what, about | {"type": kind}), answered("1", status), finished("1")))
    assert page_log.failed_scripts(ORIGIN) == []


def test_what_a_part_cuts_short_is_shown_before_it_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    page = _Page("See more")
    plugin = plugin_at(page, monkeypatch)
    plugin.wait_until_part_shows("the input", "css:input", "See more", limit=0.01, more="css:more")
    assert page.elements[0].clicked


def test_a_part_is_clicked_when_the_pop_ups_over_it_are_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    pop_up = _Element("pop-up")
    covered = _Element("pop-up of the page below", _Element("drawer"))
    part = _Element("part", pop_up)
    page = {"css:got-it": [covered, pop_up], "css:part": [part]}
    monkeypatch.setattr(browser.Browser, "find_elements", lambda _, locator: page[locator])
    plugin = browser.Browser(SimpleNamespace(driver=_Page()))
    plugin.click_through_pop_ups("the part", "css:part", "css:got-it", limit=0.01)
    assert (pop_up.clicked, part.clicked, covered.clicked) == (True, True, False)


def test_a_part_that_cannot_be_clicked_is_reported_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    page = {"css:part": [_Element("part", _Element("drawer"))], "css:none": []}
    monkeypatch.setattr(browser.Browser, "find_elements", lambda _, locator: page[locator])
    plugin = browser.Browser(SimpleNamespace(driver=_Page()))
    with pytest.raises(AssertionError, match=r"the part cannot be clicked: part lies below drawer$"):
        plugin.click_through_pop_ups("the part", "css:part", limit=0.01)
    with pytest.raises(AssertionError, match=r"the part cannot be clicked: it is not there$"):
        plugin.click_through_pop_ups("the part", "css:none", limit=0.01)


def test_parts_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    plugin = plugin_at(_Page("one", "two"), monkeypatch)
    plugin.wait_until_part_count_is("turns", "css:turn", 2, limit=0.01)
    with pytest.raises(AssertionError, match="there are 2 turns, expected 3"):
        plugin.wait_until_part_count_is("turns", "css:turn", 3, limit=0.01)


def test_another_tree_than_the_traces_is_shown_beside_it(monkeypatch: pytest.MonkeyPatch) -> None:
    trace = Trace("t", (span("root", None, 0), span("leaf", "root", 1)), "mlflow")
    plugin = plugin_at(_Page("root", "leaf"), monkeypatch)
    with pytest.raises(AssertionError, match=r"the tree is\nroot\nleaf\nexpected\nroot\n  leaf\n"):
        plugin.wait_until_tree_is_drawn("the tree", "css:line", trace, limit=0.01)


class _Field:
    """A visible field of a form."""

    def __init__(self) -> None:
        """Start with what a browser may have filled in."""
        self.text = "old"

    def is_displayed(self) -> bool:
        """Return that people see it."""
        return True

    def clear(self) -> None:
        """Empty it."""
        self.text = ""

    def send_keys(self, keys: str) -> None:
        """Type."""
        self.text += keys


def test_a_person_fills_in_the_login_form(monkeypatch: pytest.MonkeyPatch) -> None:
    name, password = _Field(), _Field()
    plugin = plugin_at(_Page(), monkeypatch)
    monkeypatch.setattr(
        plugin, "find_elements", lambda locator: [password] if "password" in locator else [name]
    )
    plugin.submit_login_form(Login("person", Secret("word")), 1)
    assert (name.text, password.text) == ("person", f"word{Keys.ENTER}")


def test_a_page_without_a_login_form_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    plugin = plugin_at(_Page(), monkeypatch)
    monkeypatch.setattr(plugin, "find_elements", lambda _: [])
    with pytest.raises(AssertionError, match="it does not ask for a name"):
        plugin.submit_login_form(Login("person", Secret("word")), 0.2)
