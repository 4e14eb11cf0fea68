"""A headless Chromium as the tests and the screenshots use it."""

from __future__ import annotations

import shutil
import time
from typing import TYPE_CHECKING, Any

from selenium import webdriver
from selenium.common.exceptions import JavascriptException, StaleElementReferenceException
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from selenium.webdriver.remote.webelement import WebElement

WAIT_S = 15.0
FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
)
OVERFLOW = """
const main = document.querySelector("main");
return Math.max(document.documentElement.scrollWidth - innerWidth, main.scrollWidth - main.clientWidth);
"""


class BrowserMissingError(RuntimeError):
    """Chromium or its driver is not installed."""


def _program(name: str) -> str:
    path = shutil.which(name)
    if path is None:
        msg = f"{name} is not installed; the viewer's tests need it: apt-get install chromium chromium-driver"
        raise BrowserMissingError(msg)
    return path


class Browser:
    """One browser window; every wait is bounded and names what did not come."""

    def __init__(self, profile: Path) -> None:
        options = Options()
        options.binary_location = _program("chromium")
        for flag in (*FLAGS, f"--user-data-dir={profile}"):
            options.add_argument(flag)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        self.driver = webdriver.Chrome(options=options, service=Service(_program("chromedriver")))

    def close(self) -> None:
        """Ends the browser."""
        self.driver.quit()

    def size(self, width: int, height: int) -> None:
        """Sets the size of the page itself, in CSS pixels."""
        self.command(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )

    def command(self, name: str, **arguments: Any) -> Any:
        """A command of the Chrome DevTools protocol."""
        return self.driver.execute_cdp_cmd(name, arguments)

    def script(self, source: str, *arguments: Any) -> Any:
        """The value that a script returns in the page."""
        return self.driver.execute_script(source, *arguments)

    def open(self, url: str) -> None:
        """Loads a page and waits for its frame."""
        self.driver.get(url)
        self.until(lambda: self.all("main"), "the frame of the page")

    def all(self, css: str) -> list[WebElement]:
        """The elements a selector matches now."""
        return self.driver.find_elements(By.CSS_SELECTOR, css)

    def one(self, css: str, text: str = "") -> WebElement:
        """The first element that matches and holds the text, waited for."""
        found: list[WebElement] = []

        def look() -> bool:
            try:
                found[:] = [
                    each for each in self.all(css) if not text or plain(text) in plain(each.text)
                ]
            except StaleElementReferenceException:  # a live page redrew it between the two looks
                return False
            return bool(found)

        self.until(look, f"{css} with {text!r}")
        return found[0]

    def texts(self, css: str) -> list[str]:
        """The text of each element, thin spaces made ordinary, read in one go."""
        source = "return [...document.querySelectorAll(arguments[0])].map((each) => each.innerText)"
        return [plain(each) for each in self.script(source, css)]

    def until(self, ready: Callable[[], Any], what: str) -> None:
        """Waits for a condition; the message tells what was waited for and what was there."""
        end = time.monotonic() + WAIT_S
        while True:
            try:
                if ready():
                    return
            except JavascriptException:
                pass
            if time.monotonic() > end:
                shown = self.script("return document.body.innerText")[:600]
                msg = f"waited {WAIT_S:.0f} s for {what}; the page at {self.driver.current_url} shows:\n{shown}\n{self.problems()}"
                raise AssertionError(msg)
            time.sleep(0.05)

    def press(self, *keys: str) -> None:
        """Sends keys to whatever has the focus."""
        for key in keys:
            ActionChains(self.driver).send_keys(key).perform()

    def drag(self, css: str, start: tuple[float, float], end: tuple[float, float]) -> None:
        """Drags over an element between two points given as shares of its size."""
        element = self.one(css)
        width, height = element.size["width"], element.size["height"]

        def offset(point: tuple[float, float]) -> tuple[int, int]:
            return round((point[0] - 0.5) * width), round((point[1] - 0.5) * height)

        chain = (
            ActionChains(self.driver)
            .move_to_element_with_offset(element, *offset(start))
            .click_and_hold()
        )
        chain.move_to_element_with_offset(element, *offset(end)).release().perform()

    def problems(self) -> list[str]:
        """What the page has complained of since the last call."""
        return [
            entry["message"]
            for entry in self.driver.get_log("browser")
            if entry["level"] in {"SEVERE", "WARNING"}
        ]

    def overflow(self) -> int:
        """How many pixels the page is wider than the window; 0 is right."""
        return int(self.script(OVERFLOW))


def plain(text: str) -> str:
    """Text with the thin spaces of units made ordinary."""
    return text.replace("\u202f", " ").strip()
