"""A page of another origin in a real browser: what it tries against a listener, and what it got."""

from __future__ import annotations

import http.server
import json
import threading
from typing import TYPE_CHECKING, Any

from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service

from tests.viewer_ui.ui_browser import FLAGS, _program

if TYPE_CHECKING:
    from pathlib import Path

# Names that lead here: of a site that is somebody else's, and of one that now leads to the engine.
EVIL, REBOUND = "evil.example", "rebound.example"

# Everything a page can do with an address of another origin without its user. Answers with what it
# could read: [way, what], nothing where it read nothing.
_ATTACK = """
const [targets, credentials, done] = [arguments[0], arguments[1], arguments[arguments.length - 1]];
const read = [];
const bounded = (promise) => Promise.race([promise, new Promise((go) => setTimeout(go, 4000))]);
const ask = async (name, url, options) => {
  try {
    const answer = await fetch(url, {credentials, signal: AbortSignal.timeout(4000), ...options});
    const text = await answer.text();
    if (answer.type !== "opaque" && answer.ok) read.push([name, url, answer.status, text.slice(0, 60)]);
  } catch (refused) {}
};
const element = (tag, url) => bounded(new Promise((go) => {
  const made = document.createElement(tag);
  made.onerror = () => go();
  made.onload = () => {
    if (tag === "img") read.push([tag, url, made.naturalWidth, ""]);
    if (tag === "iframe") try {
      if (made.contentDocument) read.push([tag, url, 0, made.contentDocument.body.innerText]);
    } catch (refused) {}
    go();
  };
  made.src = url;
  document.body.append(made);
}));
const post = (url, enctype, name, value) => {
  const [frame, form, field] = ["iframe", "form", "textarea"].map((each) => document.createElement(each));
  frame.name = "f" + Math.random();
  Object.assign(form, {method: "post", action: url, enctype, target: frame.name});
  Object.assign(field, {name, value});
  form.append(field);
  document.body.append(frame, form);
  form.submit();
  return new Promise((go) => setTimeout(go, 150));
};
(async () => {
  const globals = new Set(Object.keys(window));
  for (const {url, body} of targets) {
    const json = {method: "POST", body, headers: {"Content-Type": "application/json"}};
    const half = Math.max(body.lastIndexOf("="), 0);
    await Promise.all([
      ask("get", url, {}),
      ask("get, no-cors", url, {mode: "no-cors"}),
      ask("get, a header", url, {headers: {"X-Requested-With": "page"}}),
      ask("post, text", url, {method: "POST", body}),
      ask("post, text, no-cors", url, {method: "POST", body, mode: "no-cors"}),
      ask("post, form, no-cors", url, {method: "POST", body: new URLSearchParams({query: "up"}), mode: "no-cors"}),
      ask("post, no type, no-cors", url, {method: "POST", body: new Blob([body]), mode: "no-cors"}),
      ask("post, json", url, json),
      ask("post, json, no-cors", url, {...json, mode: "no-cors"}),
      ask("delete", url, {method: "DELETE"}),
      element("img", url),
      element("script", url),
      element("iframe", url),
      post(url, "text/plain", body.slice(0, half), body.slice(half + 1)),
      post(url, "application/x-www-form-urlencoded", "query", "up"),
    ]);
    navigator.sendBeacon(url, new Blob([body], {type: "text/plain"}));
    try { navigator.sendBeacon(url, new Blob([body], {type: "application/json"})); } catch (refused) {}
  }
  const made = Object.keys(window).filter((name) => !globals.has(name) && isNaN(name));
  if (made.length) read.push(["script", "", 0, made.join()]);
  done(JSON.stringify(read));
})();
"""
# A form that takes the whole window with it, as a link would.
_LEAVE = """
const form = document.createElement("form"), field = document.createElement("textarea");
const [url, enctype, name, value] = arguments;
Object.assign(form, {method: "post", action: url, enctype});
Object.assign(field, {name, value});
form.append(field);
document.body.append(form);
form.submit();
"""
_SAME = """
const [path, done] = arguments;
// The browser would ask its user for a password, who is not there.
fetch(path, {credentials: "omit", signal: AbortSignal.timeout(8000)}).then(async (a) => done([a.status, (await a.text()).slice(0, 60)]), (e) => done([0, ""]));
"""


class _Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = b"<!doctype html><title>hostile</title><body>"
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        return


class Hostile:
    """A site and a browser that is on it.

    Args:
        profile: A folder of the browser's own.
    """

    def __init__(self, profile: Path) -> None:
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Page)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.port = self._server.server_address[1]
        options = Options()
        options.binary_location = _program("chromium")
        names = f"MAP {EVIL} 127.0.0.1,MAP {REBOUND} 127.0.0.1"
        for flag in (
            *FLAGS,
            f"--user-data-dir={profile}",
            f"--host-resolver-rules={names}",
            # The page may do what it wants to certificates: it is the listener that must hold.
            "--ignore-certificate-errors",
            # Newer browsers would ask before a page reaches this machine; older ones do not.
            "--disable-features=LocalNetworkAccessChecks,PrivateNetworkAccessSendPreflights",
        ):
            options.add_argument(flag)
        self.driver = webdriver.Chrome(options=options, service=Service(_program("chromedriver")))
        self.driver.set_script_timeout(120)
        self.driver.set_page_load_timeout(20)

    def close(self) -> None:
        """End both."""
        self.driver.quit()
        self._server.shutdown()
        self._server.server_close()

    def visit(self, host: str) -> None:
        """Open the hostile page under a name."""
        self.driver.get(f"http://{host}:{self.port}/")

    def attack(
        self, host: str, targets: list[dict[str, str]], credentials: str
    ) -> list[tuple[str, str, int, str]]:
        """Have a page of a host try everything; return what it read: way, URL, status, text."""
        self.visit(host)
        return json.loads(self.driver.execute_async_script(_ATTACK, targets, credentials))

    def leave(self, host: str, url: str, enctype: str, body: str) -> str:
        """Post a form by leaving the page; return what the window then shows."""
        self.visit(host)
        name, _, value = body.rpartition("=")
        self.driver.execute_script(_LEAVE, url, enctype, name, value)
        self.driver.implicitly_wait(2)
        return str(self.driver.execute_script("return document.body.innerText"))

    def log_in(self, url: str, user: str, password: str) -> None:
        """Log in as a person does, so that the browser remembers it."""
        scheme, _, rest = url.partition("://")
        self.driver.get(f"{scheme}://{user}:{password}@{rest}")

    def rebound(self, origin: str, path: str) -> Any:
        """Open an engine under a name that leads to it, and ask it as a page of its own would."""
        self.driver.get(origin)
        return self.driver.execute_async_script(_SAME, path)
