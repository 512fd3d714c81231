"""A page in headless Chromium, where a machine has it: what it looks like from inside, and what the browser says."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

WATCH = """<script>
const errors = []; console.error = (...words) => errors.push(words.join(" "));
addEventListener("error", event => errors.push(event.message || String(event.target.src)), true);
addEventListener("load", () => {
  const seen = [...document.images].map(i => [i.naturalWidth, i.naturalHeight, i.width, i.height]);
  document.body.dataset.seen = JSON.stringify({errors, seen});
});
</script>"""


class RenderedPage(NamedTuple):
    """A page as a browser showed it.

    Attributes:
        sizes: of each picture in pixels: its own width and height, and those at which it is shown.
        errors: what scripts and pictures raised.
        console: lines that the browser wrote about the page.
    """

    sizes: list[list[int]]
    errors: list[str]
    console: list[str]


def browser() -> str | None:
    """The browser to look with, or None."""
    return shutil.which("chromium") or shutil.which("google-chrome")


def shown(html: str, folder: Path) -> RenderedPage:
    """Open a page and look at it.

    Args:
        html: the page.
        folder: for the browser's own files.
    """
    found = browser()
    assert found
    (folder / "watched.html").write_text(html.replace("<head>", f"<head>{WATCH}"), "utf-8")
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr", f"--user-data-dir={folder}/p"]
    command = [found, *options, "--virtual-time-budget=5000", "--dump-dom", f"file://{folder}/watched.html"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=True)
    seen = re.search(r'data-seen="([^"]*)"', done.stdout)
    assert seen, done.stdout[-500:]
    reported = json.loads(seen[1].replace("&quot;", '"'))
    return RenderedPage(reported["seen"], reported["errors"], re.findall(r"^.*CONSOLE.*$", done.stderr, re.MULTILINE))
