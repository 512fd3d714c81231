"""Figures of a page; and the page in headless Chromium, if installed: sizes of images, errors of the browser."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote

WATCH = """<script>
const errors = []; console.error = (...words) => errors.push(words.join(" "));
addEventListener("error", event => errors.push(event.message || String(event.target.src)), true);
addEventListener("load", () => {
  const sizes = [...document.images].map(i => [i.naturalWidth, i.naturalHeight, i.width, i.height]);
  document.body.dataset.sizes = JSON.stringify({errors, sizes});
});
</script>"""


class RenderedPage(NamedTuple):
    """A page as rendered by a browser.

    Attributes:
        sizes: for each image, its own width and height and its displayed width and height, in pixels.
        errors: messages of failed scripts and images.
        console: console lines in the log of the browser.
    """

    sizes: list[list[int]]
    errors: list[str]
    console: list[str]


def figures_of(html: str) -> list[str]:
    """The figures (SVG text) that a page embeds, in its order."""
    return [unquote(address) for address in re.findall(r"<img src='data:image/svg\+xml,([^']+)'", html)]


def without_varying(page: bytes) -> bytes:
    """A page without what can differ between two that show the same results, such as its date."""
    return re.sub(rb'(?<=<td class="varies">)[^<]*', b"", page)


def browser() -> str | None:
    """Return the path of the browser, or None."""
    return shutil.which("chromium") or shutil.which("google-chrome")


def render_page(html: str, folder: Path) -> RenderedPage:
    """Render a page, with the images that a reader would have to scroll to.

    Args:
        html: the page.
        folder: folder for the browser's own files.
    """
    executable = browser()
    assert executable
    watched = (
        html.replace("<head>", f"<head>{WATCH}").replace(' loading="lazy"', "").replace("<details", "<details open")
    )
    (folder / "watched.html").write_text(watched, "utf-8")
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr", f"--user-data-dir={folder}/p"]
    command = [executable, *options, "--virtual-time-budget=5000", "--dump-dom", f"file://{folder}/watched.html"]
    process = subprocess.run(command, capture_output=True, text=True, timeout=300, check=True)
    attribute = re.search(r'data-sizes="([^"]*)"', process.stdout)
    assert attribute, process.stdout[-500:]
    report = json.loads(attribute[1].replace("&quot;", '"'))
    return RenderedPage(report["sizes"], report["errors"], re.findall(r"^.*CONSOLE.*$", process.stderr, re.MULTILINE))


def print_page(path: Path, folder: Path) -> Path:
    """Print a page to a PDF, as a reader would.

    Args:
        path: the page.
        folder: folder for the PDF and the browser's own files.
    """
    executable = browser()
    assert executable
    options = ["--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder}/p", "--no-pdf-header-footer"]
    pdf = folder / "page.pdf"
    subprocess.run(
        [executable, *options, f"--print-to-pdf={pdf}", f"file://{path}"], capture_output=True, timeout=300, check=True
    )
    return pdf
