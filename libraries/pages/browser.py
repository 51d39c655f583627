"""A plugin of SeleniumLibrary: opens Chromium, and reads what pages show and what went wrong behind them."""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urlsplit

from robot.api import logger
from robot.api.deco import keyword, library
from selenium import webdriver
from selenium.common.exceptions import (
    ElementClickInterceptedException,
    ElementNotInteractableException,
    StaleElementReferenceException,
    TimeoutException,
    WebDriverException,
)
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.wait import WebDriverWait
from SeleniumLibrary.base import LibraryComponent  # type: ignore[import-untyped]

from entry.entry_point import EntryPoint, Login
from pages.chromium import SWITCHES, address_switches, trust_switches
from pages.client_certificates import ClientCertificate
from pages.page_log import PageLog, graphql_errors, origin_of, put_together, split_tolerated
from pages.trees import READ_TREE, drawn_lines, draws_trace, text_of, tree_of
from traces.model import Trace

POLL = 0.1  # seconds between two looks
PROGRAM_LIMIT = 3  # seconds that a page may take to show something where one of its scripts failed
SHOWN = 600  # characters of a page in a failure message
# JavaScript: the text of each element that people see. WebDriver's own command walks through all nodes, which
# takes 20 to 100 times as long (0.5 s on Phoenix's page of a span), and meanwhile the page draws nothing.
READ_SHOWN = """return arguments[0]
    .filter(e => e.checkVisibility({checkOpacity: true, checkVisibilityCSS: true}))
    .map(e => e.innerText ?? e.textContent)"""


class BrowserError(Exception):
    """There is no browser, or it does not start; the message says what to do."""

    ROBOT_SUPPRESS_NAME = True


@library(scope="GLOBAL")
class Browser(LibraryComponent):  # type: ignore[misc] # SeleniumLibrary has no types
    """Keywords beside SeleniumLibrary's own. A page has a name, for people who read a failure's message."""

    def __init__(self, ctx: Any) -> None:  # noqa: ANN401 - SeleniumLibrary itself
        """Start without a page."""
        super().__init__(ctx)
        self._page = "the page"
        self._page_log = PageLog()
        self._tolerated: Mapping[str, str] = {}
        self._reports: str | None = None
        self._files: TemporaryDirectory[str] | None = None
        self._certificates: list[ClientCertificate] = []
        self._entries: dict[str, EntryPoint] = {}

    @keyword
    def open_chromium(self, *entries: EntryPoint) -> None:
        """Open Chromium without a window and with an empty profile, able to reach the entry points."""
        browser, driver = shutil.which("chromium"), shutil.which("chromedriver")
        if not browser or not driver:
            raise BrowserError(
                "The pages need Chromium and its driver: apt-get install chromium chromium-driver"
            )
        self._entries = {origin_of(entry.url): entry for entry in entries}
        self._files = TemporaryDirectory(prefix="chromium-", ignore_cleanup_errors=True)
        entries = tuple(map(self._with_client_certificate, entries))
        options = webdriver.ChromeOptions()
        options.binary_location = browser
        for switch in (*SWITCHES, *address_switches(entries), *trust_switches(entries)):
            options.add_argument(switch)
        options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
        options.add_argument(f"--user-data-dir={self._files.name}/profile")
        service = webdriver.ChromeService(driver, env={**os.environ, "TMPDIR": self._files.name})
        try:
            chromium = webdriver.Chrome(options, service)
        except WebDriverException as error:
            reason = " ".join((error.msg or "").split())[:SHOWN]
            raise BrowserError(f"{browser} does not start, try it by hand: {reason}") from error
        self.ctx.register_driver(chromium, None)

    @keyword
    def close_chromium(self) -> None:
        """Close Chromium, where it is open, and remove all that it has written."""
        if self._files is not None:
            self.drivers.close_all()
            while self._certificates:
                self._certificates.pop().close()
            self._files.cleanup()

    def _with_client_certificate(self, entry: EntryPoint) -> EntryPoint:
        """Return an entry point that Chromium reaches without a certificate of its own."""
        if not (self._files and entry.is_secure and entry.tls and entry.tls.certificate):
            return entry
        self._certificates.append(ClientCertificate(entry, Path(self._files.name)))
        return self._certificates[-1].entry

    @keyword
    def visit_page(
        self, page: str, url: str, tolerated: Mapping[str, str], reports: str | None = None
    ) -> None:
        """Load a page afresh. Failure messages call it `page`; its problems are collected from here on.

        `tolerated` maps regular expressions to the reason why such a problem is none. `reports` is the
        end of the path to which the page's script posts errors that it caught, if it does so.
        """
        self.driver.get("about:blank")
        self._log_in(origin_of(url))
        self._read_logs()
        self._page, self._page_log, self._tolerated, self._reports = page, PageLog(), tolerated, reports
        self.driver.get(url)

    def _log_in(self, origin: str) -> None:
        """Let every request of the pages from now on carry the login for their origin, or none.

        A login in the URL would be seen, in the history and in failure messages.
        """
        entry = self._entries.get(origin)
        headers = entry.login_headers if entry else {}  # asked anew for each page: a token may be short-lived
        if headers:
            keep_selenium_quiet()
        self.driver.execute_cdp_cmd("Network.enable", {})
        self.driver.execute_cdp_cmd("Network.setExtraHTTPHeaders", {"headers": headers})

    @keyword
    def submit_login_form(self, login: Login, limit: float) -> None:
        """Fill in a user's name and password where the page asks for them, and press Enter."""
        keep_selenium_quiet()
        missing = ""

        def submitted(_: object) -> bool:
            nonlocal missing
            names, passwords = (
                [element for element in self.find_elements(locator) if element.is_displayed()]
                for locator in ("css:input[type=text], input[type=email]", "css:input[type=password]")
            )
            missing = "a name" if not names else "" if passwords else "a password"
            if not missing:
                for field, text in ((names[0], login.username), (passwords[0], login.password.value)):
                    field.clear()
                    field.send_keys(text)
                passwords[0].send_keys(Keys.ENTER)
            return not missing

        self._wait(submitted, limit, lambda: f"it does not ask for {missing}")

    @keyword
    def wait_until_part_shows(
        self, part: str, locator: str, *texts: str, limit: float, more: str | None = None
    ) -> None:
        """Wait until a part of the page that the locator finds is visible and contains all the texts.

        Failure messages call it `part`. `more` is the locator of the buttons that show what is cut short.
        """
        seen: list[str] = []

        def shows(_: object) -> bool:
            for button in self.find_elements(more) if more else ():
                self._click(button)
            seen[:] = self._read_shown(locator)
            return any(not missing_texts(each, texts) for each in seen)

        def problem() -> str:
            if not seen:
                return f"{part} is not there"
            nearest = min(seen, key=lambda each: len(missing_texts(each, texts)))
            missing = ", ".join(map(repr, missing_texts(nearest, texts)))
            return f"{part} lacks {missing}; it shows: {nearest[:SHOWN]}"

        self._wait(shows, limit, problem)

    @keyword
    def wait_until_part_count_is(self, parts: str, locator: str, count: int, limit: float) -> None:
        """Wait until the locator finds exactly so many parts. Failure messages call them `parts`."""
        seen = 0

        def counted(_: object) -> bool:
            nonlocal seen
            seen = len(self.find_elements(locator))
            return seen == count

        self._wait(counted, limit, lambda: f"there are {seen} {parts}, expected {count}")

    @keyword
    def wait_until_tree_is_drawn(self, part: str, locator: str, trace: Trace, limit: float) -> None:
        """Wait until the lines that the locator finds are the trace's spans: names, order and depth.

        Siblings that start in the same millisecond may be in any order.
        """
        seen = ""

        def drawn(_: object) -> bool:
            nonlocal seen
            lines = drawn_lines(self.driver.execute_script(READ_TREE, self.find_elements(locator)))
            seen = text_of(lines)
            return draws_trace(lines, trace)

        def problem() -> str:
            return f"{part} is\n{seen or 'not drawn'}\nexpected\n{tree_of(trace)}\n"

        self._wait(drawn, limit, problem)

    @keyword
    def click_through_pop_ups(self, part: str, locator: str, *closers: str, limit: float) -> None:
        """Click a part of the page as soon as nothing lies over it. A failure message calls it `part`.

        `closers` are the locators of the buttons that close what may lie over the page.
        """
        reason = ""

        def clicked(_: object) -> bool:
            nonlocal reason
            self.close_pop_ups(*closers)
            elements = self.find_elements(locator)
            reason = "" if elements else "it is not there"
            for element in elements[:1]:
                reason = self._click(element)
            return not reason

        self._wait(clicked, limit, lambda: f"{part} cannot be clicked: {reason}")

    @keyword
    def close_pop_ups(self, *closers: str) -> None:
        """Click the buttons that the locators find; one that is covered closes nothing that is in the way."""
        for closer in closers:
            for button in self.find_elements(closer):
                self._click(button)

    def _click(self, element: WebElement) -> str:
        """Click an element; return why that was not possible, empty where it was."""
        try:
            element.click()
        except (ElementClickInterceptedException, ElementNotInteractableException) as error:
            return (error.msg or "").partition("\n")[0]
        except StaleElementReferenceException:
            return "it was drawn anew"
        return ""

    @keyword
    def page_should_be_sound(self, banners: str, limit: float) -> None:
        """Fail when the page shows an error banner, a request to its origin failed or its script erred.

        Requests to other origins do not count. Waits `limit` seconds at most for requests that are on their
        way.
        """
        origin = origin_of(self.driver.current_url)

        def settled(_: object) -> bool:
            self._read_logs()
            return not any(request.is_pending for request in self._page_log.of_origin(origin).values())

        with contextlib.suppress(TimeoutException):  # then the pending ones are problems
            WebDriverWait(self.driver, limit, POLL).until(settled)
        shown = [f"it shows the error {text!r}" for text in self._read_shown(banners)]
        bad, known = split_tolerated(shown + self._problems(), self._tolerated)
        for line in known:
            logger.info(line)
        if bad:
            raise AssertionError(f"{self._page} at {self.driver.current_url}: {'; '.join(put_together(bad))}")

    def _read_shown(self, locator: str) -> list[str]:
        """Return the text of each visible element that the locator finds, with single spaces."""
        elements = self.find_elements(locator)
        texts = self.driver.execute_script(READ_SHOWN, elements) if elements else []
        return [" ".join(text.split()) for text in texts]

    def _problems(self) -> list[str]:
        """Return what went wrong behind the page so far, tolerated or not."""
        self._read_logs()
        origin = origin_of(self.driver.current_url)
        answers = [
            self.driver.execute_cdp_cmd("Network.getResponseBody", {"requestId": key})["body"]
            for key, request in self._page_log.of_origin(origin).items()
            if urlsplit(request.url).path.endswith("/graphql") and request.end == "finished"
        ]
        errors = [error for answer in answers for error in graphql_errors(answer)]
        return self._page_log.problems(origin, self._reports) + errors

    def _read_logs(self) -> None:
        self._page_log.read_performance(self.driver.get_log("performance"))
        self._page_log.read_console(self.driver.get_log("browser"))

    def _wait(self, met: Callable[[object], bool], limit: float, problem: Callable[[], str]) -> None:
        """Wait until a condition is met; after the limit fail with the problem and what may be behind it.

        Where a script of the page failed there is no waiting for the limit.
        """
        started, is_met = time.monotonic(), False

        def is_over(driver: object) -> bool:
            nonlocal is_met
            is_met = met(driver)
            return is_met or (time.monotonic() > started + PROGRAM_LIMIT and self._lacks_program())

        with contextlib.suppress(TimeoutException):
            WebDriverWait(self.driver, limit, POLL, [StaleElementReferenceException]).until(is_over)
        if is_met:
            return
        waited = min(limit, round(time.monotonic() - started, 2))
        bad, _ = split_tolerated(dict.fromkeys(self._problems()), self._tolerated)
        behind = f". Behind it: {'; '.join(put_together(bad))}" if bad else ""
        raise AssertionError(
            f"{self._page} at {self.driver.current_url}, after {waited:g} s: {problem()}{behind}"
        )

    def _lacks_program(self) -> bool:
        """Return whether a script of the page failed, so that waiting for what it draws is in vain."""
        self._read_logs()
        failed = self._page_log.failed_scripts(origin_of(self.driver.current_url))
        return bool(split_tolerated(failed, self._tolerated)[0])


def keep_selenium_quiet() -> None:
    """Let Selenium not log its requests, as it does at level DEBUG: headers and typed keys would leak."""
    logging.getLogger("selenium.webdriver.remote.remote_connection").setLevel(logging.INFO)


def missing_texts(shown: str, texts: tuple[str, ...]) -> list[str]:
    """Return the texts that are not in what is shown."""
    return [text for text in texts if text not in shown]
