"""A plugin of SeleniumLibrary: Chromium at the gateway, what pages show and what went wrong behind them."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import logging
import os
import re
import shutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from robot.api import logger
from robot.api.deco import keyword, library
from selenium import webdriver
from selenium.common.exceptions import StaleElementReferenceException, TimeoutException, WebDriverException
from selenium.webdriver.support.wait import WebDriverWait
from SeleniumLibrary.base import LibraryComponent  # type: ignore[import-untyped]

from entry.certificates import verified_certificate
from entry.entry_point import EntryPoint
from traces.model import Span, Trace

SWITCHES = (
    "--headless=new",
    "--no-sandbox",  # Chromium's own sandbox does not work for root
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--window-size=1600,1000",
)
POLL = 0.1
SEEN = 600  # characters of a page that a failure message quotes
# Each element's text and how far right it is drawn, which tells the depth in a tree.
READ_TREE = "return arguments[0].map(e => [e.innerText.trim(), Math.round(e.getBoundingClientRect().x)])"


class BrowserError(Exception):
    """There is no browser, or it does not start; the message says what to do."""

    ROBOT_SUPPRESS_NAME = True


@dataclass
class Request:
    """One request of a page: what was asked, with what body, and how it ended (None: not yet).

    Of a worker's own script Chromium tells the page the status, but never that it has ended.
    """

    method: str
    url: str
    body: str = ""
    worker: bool = False
    status: int | None = None
    end: str | None = None

    @property
    def pending(self) -> bool:
        """Whether it is on its way."""
        return self.end is None and not (self.worker and self.status)

    @property
    def problem(self) -> str | None:
        """What went wrong, None where nothing did. A request that the page itself gave up is no failure."""
        if self.status is not None and self.status >= 400:  # noqa: PLR2004 - RFC 9110: from here on errors
            return f"{self.method} {self.url} was answered {self.status}"
        if self.pending:
            return f"{self.method} {self.url} was never answered"
        return (
            None
            if self.end in (None, "finished", "given up")
            else f"{self.method} {self.url} failed: {self.end}"
        )


@dataclass
class PageRecord:
    """What Chromium's logs tell of one page: its requests by their ids, and its console's errors."""

    requests: dict[str, Request] = field(default_factory=dict)
    console: list[str] = field(default_factory=list)

    def read_performance(self, entries: Iterable[Mapping[str, Any]]) -> None:
        """Take in entries of the performance log: https://chromedevtools.github.io/devtools-protocol/tot/Network/."""
        for entry in entries:
            event = json.loads(entry["message"])["message"]
            what, about = event["method"], event["params"]
            if what == "Network.requestWillBeSent":
                sent, worker = about["request"], not about.get("loaderId")
                self.requests[about["requestId"]] = Request(
                    sent["method"], sent["url"], sent.get("postData", ""), worker
                )
                continue
            request = self.requests.get(about.get("requestId", ""))
            if request is None:
                continue
            if what == "Network.responseReceived":
                request.status = about["response"]["status"]
            elif what == "Network.responseReceivedExtraInfo":
                request.status = about["statusCode"]
            elif what == "Network.loadingFinished":
                request.end = "finished"
            elif what == "Network.loadingFailed":
                request.end = "given up" if about.get("canceled") else about["errorText"]

    def read_console(self, entries: Iterable[Mapping[str, Any]]) -> None:
        """Take in entries of the browser log, but not failed requests: the performance log tells more."""
        self.console += [
            f"the console says: {entry['message']}"
            for entry in entries
            if entry["level"] == "SEVERE" and entry["source"] != "network"
        ]

    def of_origin(self, origin: str) -> dict[str, Request]:
        """Return the page's requests to one origin (scheme://host:port)."""
        return {key: request for key, request in self.requests.items() if origin_of(request.url) == origin}

    def problems(self, origin: str, reports: str | None = None) -> list[str]:
        """Return the failed requests to the origin, what the page reported to it, and the console's errors.

        `reports` is the path to which the page's script posts errors that it caught, JSON with a `message`.
        """
        requests = self.of_origin(origin).values()
        reported = [
            f"the page reports: {json.loads(request.body)['message']}"
            for request in requests
            if reports and urlsplit(request.url).path == reports
        ]
        return [request.problem for request in requests if request.problem] + reported + self.console


def origin_of(url: str) -> str:
    """Return a URL's origin, as `http://mlflow.localtest.me:8080`."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def switches(entries: Iterable[EntryPoint]) -> list[str]:
    """Return Chromium's command line switches for reaching the entry points.

    Host names are taken to the gateway without asking a name server. Where that is so for all of them, the
    browser reaches nothing else: what a page asks of the internet (fonts, a newer version) decides no test.
    """
    entries = list(entries)
    rules = [f"MAP {urlsplit(entry.url).netloc} {entry.address}" for entry in entries if entry.address]
    if len(rules) < len(entries):
        return [f"--host-resolver-rules={', '.join(rules)}"] if rules else []
    return [f"--host-resolver-rules={', '.join([*rules, 'MAP * ~NOTFOUND'])}", "--no-proxy-server"]


def trust(entries: Iterable[EntryPoint]) -> list[str]:
    """Return the switch that makes Chromium trust what REQUESTS_CA_BUNDLE makes requests trust.

    Chromium reads no such file. So each certificate is verified here first, and then Chromium is told its
    key (the SHA-256 of its SubjectPublicKeyInfo). Raises RequestError for one that is not to be trusted.
    """
    secure = [entry for entry in entries if entry.url.startswith("https:")]
    if not secure or not os.environ.get("REQUESTS_CA_BUNDLE"):
        return []
    keys = {
        x509.load_der_x509_certificate(verified_certificate(entry))
        .public_key()
        .public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        for entry in secure
    }
    hashes = sorted(base64.b64encode(hashlib.sha256(key).digest()).decode() for key in keys)
    return [f"--ignore-certificate-errors-spki-list={','.join(hashes)}"]


def sort_out(problems: Iterable[str], tolerated: Mapping[str, str]) -> tuple[list[str], list[str]]:
    """Return (problems, tolerated ones with the reason); `tolerated` has regular expressions and reasons."""
    bad, known = [], []
    for problem in problems:
        reason = next((why for pattern, why in tolerated.items() if re.search(pattern, problem)), None)
        if reason is None:
            bad.append(problem)
        else:
            known.append(f"{problem} (tolerated: {reason})")
    return bad, known


def tree_of(trace: Trace) -> str:
    """Return the names of a trace's spans, one a line, indented by depth, siblings by their start."""

    def lines(span: Span, depth: int) -> Iterable[str]:
        yield "  " * depth + span.name
        for child in trace.children(span):
            yield from lines(child, depth + 1)

    return "\n".join(line for root in trace.roots for line in lines(root, 0))


def drawn_tree(elements: Iterable[tuple[str, int]]) -> str:
    """Return the same text for (name, pixels from the left) of the lines drawn."""
    drawn = list(elements)
    depths = {left: depth for depth, left in enumerate(sorted({left for _, left in drawn}))}
    return "\n".join("  " * depths[left] + name for name, left in drawn)


@library(scope="GLOBAL")
class Browser(LibraryComponent):  # type: ignore[misc] # SeleniumLibrary has no types
    """Keywords beside SeleniumLibrary's own. A page has a name, for people who read a failure's message."""

    def __init__(self, ctx: Any) -> None:  # noqa: ANN401 - SeleniumLibrary itself
        """Start without a page."""
        super().__init__(ctx)
        self._page = "the page"
        self._record = PageRecord()
        self._tolerated: Mapping[str, str] = {}
        self._reports: str | None = None
        self._files: TemporaryDirectory[str] | None = None
        self._logins: dict[str, dict[str, str]] = {}

    @keyword
    def open_chromium(self, *entries: EntryPoint) -> None:
        """Open Chromium without a window and with an empty profile, able to reach the entry points."""
        browser, driver = shutil.which("chromium"), shutil.which("chromedriver")
        if not browser or not driver:
            raise BrowserError(
                "The pages need Chromium and its driver: apt-get install chromium chromium-driver"
            )
        self._logins = {origin_of(entry.url): entry.login_headers for entry in entries}
        options = webdriver.ChromeOptions()
        options.binary_location = browser
        for switch in (*SWITCHES, *switches(entries), *trust(entries)):
            options.add_argument(switch)
        options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
        self._files = TemporaryDirectory(prefix="chromium-", ignore_cleanup_errors=True)
        options.add_argument(f"--user-data-dir={self._files.name}/profile")
        service = webdriver.ChromeService(driver, env={**os.environ, "TMPDIR": self._files.name})
        try:
            chromium = webdriver.Chrome(options, service)
        except WebDriverException as error:
            said = " ".join((error.msg or "").split())[:SEEN]
            raise BrowserError(f"{browser} does not start, try it by hand: {said}") from error
        self.ctx.register_driver(chromium, None)

    @keyword
    def close_chromium(self) -> None:
        """Close Chromium, where it is open, and remove all that it has written."""
        if self._files is not None:
            self.drivers.close_all()
            self._files.cleanup()

    @keyword
    def visit_page(
        self, page: str, url: str, tolerated: Mapping[str, str], reports: str | None = None
    ) -> None:
        """Load a page afresh. Failure messages call it `page`; its problems are collected from here on.

        `tolerated` maps regular expressions to the reason why such a problem is none. `reports` is the path
        of the page's origin to which its script posts errors that it caught, if it does so.
        """
        self.driver.get("about:blank")
        self._log_in(origin_of(url))
        self._read_logs()
        self._page, self._record, self._tolerated, self._reports = page, PageRecord(), tolerated, reports
        self.driver.get(url)

    def _log_in(self, origin: str) -> None:
        """Let every request of the pages from now on carry the login for their origin, or none.

        A login in the URL would be seen, in the history and in failure messages.
        """
        headers = self._logins.get(origin, {})
        if (
            headers
        ):  # at level DEBUG, Selenium tells every command and every request of a page with its headers
            logging.getLogger("selenium.webdriver.remote.remote_connection").setLevel(logging.INFO)
        self.driver.execute_cdp_cmd("Network.enable", {})
        self.driver.execute_cdp_cmd("Network.setExtraHTTPHeaders", {"headers": headers})

    @keyword
    def wait_until_shown(self, part: str, locator: str, *texts: str, limit: float) -> None:
        """Wait until the part of the page that the locator finds is visible and contains all the texts."""
        seen: list[str] = []

        def shown(_: object) -> bool:
            seen[:] = [
                " ".join(element.text.split())
                for element in self.find_elements(locator)
                if element.is_displayed()
            ]
            return any(all(text in each for text in texts) for each in seen)

        expected = f"shows {', '.join(map(repr, texts))}" if texts else "is shown"
        self._wait(shown, limit, lambda: f"{part} {expected}", lambda: " | ".join(seen) or "no such part")

    @keyword
    def wait_until_counted(self, parts: str, locator: str, count: int, limit: float) -> None:
        """Wait until the locator finds exactly so many elements."""
        seen = 0

        def counted(_: object) -> bool:
            nonlocal seen
            seen = len(self.find_elements(locator))
            return seen == count

        self._wait(counted, limit, lambda: f"there are {count} {parts}", lambda: str(seen))

    @keyword
    def wait_until_tree_is(self, part: str, locator: str, trace: Trace, limit: float) -> None:
        """Wait until the lines that the locator finds are the trace's spans: names, order and depth."""
        expected, seen = tree_of(trace), ""

        def drawn(_: object) -> bool:
            nonlocal seen
            seen = drawn_tree(self.driver.execute_script(READ_TREE, self.find_elements(locator)))
            return seen == expected

        self._wait(
            drawn, limit, lambda: f"{part} is\n{expected}\n", lambda: f"\n{seen}" if seen else "no tree"
        )

    @keyword
    def page_should_be_sound(self, banners: str, limit: float) -> None:
        """Fail when the page shows an error banner, a request to its origin failed or its script erred.

        What the page asked of other origins is no matter. Waits `limit` seconds at most for requests that are
        on their way.
        """
        origin = origin_of(self.driver.current_url)

        def settled(_: object) -> bool:
            self._read_logs()
            return not any(request.pending for request in self._record.of_origin(origin).values())

        with contextlib.suppress(TimeoutException):  # then the pending ones are problems
            WebDriverWait(self.driver, limit, POLL).until(settled)
        shown = [element.text for element in self.find_elements(banners) if element.is_displayed()]
        bad, known = sort_out(
            [f"it shows the error {text!r}" for text in shown] + self._problems(), self._tolerated
        )
        for line in known:
            logger.info(line)
        if bad:
            raise AssertionError(f"{self._page} at {self.driver.current_url}: {'; '.join(bad)}")

    def _problems(self) -> list[str]:
        """Return what went wrong behind the page so far, tolerated or not."""
        self._read_logs()
        origin = origin_of(self.driver.current_url)
        return self._record.problems(origin, self._reports) + self._graphql_errors(origin)

    def _graphql_errors(self, origin: str) -> list[str]:
        """Return the errors in GraphQL's answers, which come with HTTP status 200."""
        errors = []
        for key, request in self._record.of_origin(origin).items():
            if urlsplit(request.url).path.endswith("/graphql") and request.end == "finished":
                answer = self.driver.execute_cdp_cmd("Network.getResponseBody", {"requestId": key})["body"]
                said = json.loads(answer)
                errors += [f"GraphQL says: {error['message']}" for error in said.get("errors") or ()]
        return errors

    def _read_logs(self) -> None:
        self._record.read_performance(self.driver.get_log("performance"))
        self._record.read_console(self.driver.get_log("browser"))

    def _wait(
        self,
        met: Callable[[object], bool],
        limit: float,
        expected: Callable[[], str],
        seen: Callable[[], str],
    ) -> None:
        try:
            WebDriverWait(self.driver, limit, POLL, [StaleElementReferenceException]).until(met)
        except TimeoutException:
            bad, _ = sort_out(dict.fromkeys(self._problems()), self._tolerated)
            behind = f". Behind it: {'; '.join(bad)}" if bad else ""
            raise AssertionError(
                f"{self._page} at {self.driver.current_url}: expected within {limit:g} s that {expected()}; "
                f"seen: {seen()[:SEEN]}{behind}"
            ) from None


browser = Browser  # SeleniumLibrary takes from a plugin's file the class that is named as the file
