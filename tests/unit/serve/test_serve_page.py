"""The page of `hemabalance serve` in headless Chromium: files, corrections, the CSV, keys only, and 500 images."""

import asyncio
import io
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from helpers.archives import write_folder
from helpers.browser import browser
from helpers.devtools import Tab, open_tab
from helpers.image_files import encode
from helpers.model_folders import SHAPE, ModelFolder
from hemabalance import Classifier
from hemabalance.serve.answers import Answers
from hemabalance.serve.server import serving

pytestmark = pytest.mark.skipif(browser() is None, reason="Chromium, which opens the page, is not installed")

READY = "document.getElementById('files')?.disabled === false"
DONE = "document.getElementById('bar').hidden && document.getElementById('status').textContent.includes(' done in ')"
FOCUSED = "(e => e.id || e.className || e.tagName)(document.activeElement)"
OUTLINE = """(e => {
  const style = getComputedStyle(e.type === "file" ? e.nextElementSibling : e);
  return style.outlineStyle === "none" ? 0 : parseFloat(style.outlineWidth);
})(document.activeElement)"""
BLANK = encode(np.full((*SHAPE, 3), (250, 240, 200), np.uint8), "PNG")


@pytest.fixture(scope="module")
def answers(network: ModelFolder) -> Answers:
    return Answers.open(network.folder, device="cpu", threads=1)


@asynccontextmanager
async def page(answers: Answers, folder: Path) -> AsyncIterator[Tab]:
    """The open page; at the end, no script failed and nothing was asked of another address."""
    async with serving(answers, 0) as address, open_tab(folder / "browser") as tab:
        await tab.open(address, READY)
        yield tab
        assert tab.errors == []
        assert [asked for asked in tab.requests if not asked.startswith(address)] == []


def in_page(answers: Answers, folder: Path, test: Callable[[Tab], Awaitable[None]]) -> None:
    async def run() -> None:
        async with page(answers, folder) as tab:
            await test(tab)

    asyncio.run(run())


async def texts(tab: Tab, selector: str) -> list[str]:
    """The texts of elements that are not hidden."""
    found = f"[...document.querySelectorAll('{selector}')].filter(e => e.offsetParent).map(e => e.textContent.trim())"
    values: list[str] = await tab.evaluate(found)
    return values


async def tab_to(tab: Tab, name: str, *, back: bool = False) -> list[str]:
    """Press Tab until an element has the focus; the elements that had it. Each shows it."""
    stops: list[str] = []
    while not stops or stops[-1] != name:
        assert len(stops) < 60, stops
        await tab.press("Tab", shift=back)
        stops.append(await tab.evaluate(FOCUSED))
        assert await tab.evaluate(OUTLINE) >= 1, f"no visible focus: {stops}"
    return stops


def test_keys_alone_choose_correct_and_download(network: ModelFolder, answers: Answers, tmp_path: Path) -> None:
    names = sorted(network.photographs)[:3]
    files = {name: network.photographs[name] for name in names} | {
        "blank, grey.png": BLANK,
        "torn.jpg": b"\xff\xd8\xff",
    }
    folder = write_folder(tmp_path / "images", files)
    paths = [folder / name for name in files]
    expected = Classifier.load(network.folder, threads=1).predict([str(path) for path in paths])

    async def test(tab: Tab) -> None:
        assert "For research only; not a medical device." in await tab.evaluate("document.body.innerText")
        assert await tab_to(tab, "folder") == ["files", "folder"]
        await tab_to(tab, "files", back=True)
        await tab.choose_by_key("Enter", paths)
        await tab.wait_for(DONE)
        status = await tab.evaluate("document.getElementById('status').textContent")
        assert status.startswith("5 images done in ")
        assert "1 cannot be read" in status
        predicted = [name.replace("_", " ") for name in expected["predicted"][:4]]
        assert await texts(tab, "#rows strong") == [*predicted[:3], f"[{predicted[3]}]", "cannot be read"]
        assert await texts(tab, "#rows .file") == [path.name for path in paths]
        assert "unlike the training images" in await texts(tab, "#rows .flag")
        assert all(float(text.split()[-1]) <= 1 for text in (await texts(tab, "#rows .similarity"))[:4])
        assert await tab_to(tab, "zoom") == ["folder", "show", "order", "download", "remove", "zoom"]
        await tab.press("Enter")
        assert await tab.evaluate("document.getElementById('enlarged').open")
        assert names[0] in (await texts(tab, "#enlarged-title"))[0]
        await tab.press("ArrowRight")
        assert names[1] in (await texts(tab, "#enlarged-title"))[0]
        await tab.press("Escape")
        assert await tab.evaluate("document.activeElement === document.querySelector('.zoom')")
        await tab.press("Tab", "p")  # the first row's select, and the first letter of a class
        await tab.wait_for("document.querySelectorAll('tr.corrected').length === 1")
        assert await tab.evaluate("document.activeElement.value") == "platelet"
        assert [name for name, label in await tab.named_controls() if not label] == []
        await tab_to(tab, "download", back=True)
        await tab.press("Enter")
        while not tab.downloads:
            await asyncio.sleep(0.05)

    in_page(answers, tmp_path, test)
    text = (tmp_path / "browser" / "downloads" / "predictions.csv").read_text("utf-8")
    table = pd.read_csv(io.StringIO(text), keep_default_na=False, dtype=str)
    own = expected.assign(path=list(files)).drop(columns=["taken_for", "colour_distance"])
    own.insert(5, "corrected", ["platelet", "", "", "", ""])
    written = own.to_csv(index=False, float_format="%.7g", lineterminator="\n")
    wanted = pd.read_csv(io.StringIO(written), keep_default_na=False, dtype=str)
    numbers = [name for name in wanted if name == "confidence" or name.startswith("p_")]
    pd.testing.assert_frame_equal(table.drop(columns=numbers), wanted.drop(columns=numbers))
    np.testing.assert_allclose(
        table[numbers].replace("", "nan").to_numpy(float), wanted[numbers].replace("", "nan").to_numpy(float), rtol=1e-5
    )


def test_500_images_of_a_folder_with_a_broken_file(network: ModelFolder, answers: Answers, tmp_path: Path) -> None:
    photographs = sorted(network.photographs.items())
    files = {
        f"slide {k % 5}/{k:03}_{name}": data for k in range(499) for name, data in [photographs[k % len(photographs)]]
    }
    files |= {"slide 2/broken.png": b"\x89PNG\r\n\x1a\n no image", "notes.txt": b"none", "slide 1/.hidden.png": BLANK}
    folder = write_folder(tmp_path / "blood", files)

    async def test(tab: Tab) -> None:
        await tab.evaluate(
            "window.seen = []; new MutationObserver(() => seen.push(document.getElementById('status').textContent))"
            ".observe(document.getElementById('status'), {childList: true})"
        )
        await tab_to(tab, "folder")
        await tab.choose_by_key("Enter", [folder])
        await tab.wait_for("document.getElementById('rows').children.length >= 64")
        await tab_to(tab, "stop")
        await tab.press("Enter")
        await tab.wait_for("document.getElementById('stop').textContent === 'Continue'")
        await tab.wait_for("document.getElementById('status').textContent.endsWith(', stopped')")
        assert await tab.evaluate("document.getElementById('rows').children.length") < 500
        await tab.press("Enter")
        await tab.wait_for(DONE)
        seen = await tab.evaluate("seen")
        assert any("32 of 500 images, about " in text for text in seen)
        assert len({text for text in seen if " of 500 images" in text}) >= 10
        assert "500 images done in" in seen[-1]
        assert seen[-1].endswith("1 cannot be read, 2 other files left out.")
        paths = await texts(tab, "#rows .file")
        assert paths == sorted(f"blood/{name}" for name in files if name not in ("notes.txt", "slide 1/.hidden.png"))
        await tab.evaluate("document.getElementById('show').focus()")
        await tab.press(*["ArrowDown"] * 4)  # to `cannot be read`; letters are forgotten after a second
        await tab.wait_for("document.getElementById('shown').textContent === '1 of 500 images shown'")
        assert await texts(tab, "#rows .file") == ["blood/slide 2/broken.png"]
        await tab_to(tab, "order")
        await tab.press("l")  # `least confident first`
        await tab.evaluate("document.getElementById('show').focus()")
        await tab.press(*["ArrowUp"] * 4)
        await tab.wait_for("document.getElementById('shown').textContent === ''")
        shares = [float(text.split()[1]) for text in await texts(tab, "#rows .confidence") if text]
        assert shares == sorted(shares)
        await tab_to(tab, "remove")
        await tab.press("Enter")
        await tab.wait_for("document.getElementById('results').hidden")
        assert await tab.evaluate(FOCUSED) == "files"

    in_page(answers, tmp_path, test)


def test_folders_and_files_are_dropped(network: ModelFolder, answers: Answers, tmp_path: Path) -> None:
    (first, data), (second, other) = sorted(network.photographs.items())[:2]
    folder = write_folder(tmp_path / "slide", {f"deep/er/{first}": data, "notes.txt": b"none"})
    alone = write_folder(tmp_path / "alone", {second: other}) / second

    async def test(tab: Tab) -> None:
        await tab.drop("#drop", [folder, alone])
        await tab.wait_for(DONE)
        assert sorted(await texts(tab, "#rows .file")) == sorted([f"slide/deep/er/{first}", second])
        assert "1 other file left out" in await tab.evaluate("document.getElementById('status').textContent")
        assert await tab.evaluate("document.getElementById('drop').className") == ""

    in_page(answers, tmp_path, test)


def test_when_the_program_ends_the_rest_waits_until_it_is_back(
    network: ModelFolder, answers: Answers, tmp_path: Path
) -> None:
    paths = [write_folder(tmp_path / "images", network.photographs) / name for name in network.photographs]

    async def run() -> None:
        async with open_tab(tmp_path / "browser") as tab:
            async with serving(answers, 0) as address:
                await tab.open(address, READY)
            await tab_to(tab, "files")
            await tab.choose_by_key(" ", paths)
            problem = await tab.wait_for("document.getElementById('problem').textContent")
            assert problem.startswith("The program does not answer.")
            assert await texts(tab, "#stop") == ["Continue"]
            async with serving(answers, int(address.rstrip("/").rpartition(":")[2])):
                await tab.evaluate("document.getElementById('stop').focus()")
                await tab.press("Enter")
                await tab.wait_for(DONE)
                assert len(await texts(tab, "#rows .file")) == len(paths)
                assert await texts(tab, "#problem") == []

    asyncio.run(run())


PAIRS = [
    ("text", "page", 7), ("quiet", "page", 4.5), ("quiet", "panel", 4.5), ("text", "marked", 7),
    ("warned", "warning", 4.5), ("wrong", "page", 4.5), ("wrong", "marked", 4.5), ("on-accent", "accent", 4.5),
    ("accent", "page", 3), ("edge", "page", 3),
]  # fmt: skip
"""Foreground, background and the least contrast (WCAG 2.2: 4.5 for text, 3 for controls; 7 is AAA)."""


def luminance(colour: str) -> float:
    levels = np.array([int(colour.strip()[k : k + 2], 16) for k in (1, 3, 5)]) / 255
    linear = np.where(levels <= 0.04045, levels / 12.92, ((levels + 0.055) / 1.055) ** 2.4)
    return float(linear @ (0.2126, 0.7152, 0.0722))


def test_it_is_readable_at_390_pixels_and_in_the_dark(network: ModelFolder, answers: Answers, tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "images", dict(sorted(network.photographs.items())[:6]) | {"blank.png": BLANK})

    async def test(tab: Tab) -> None:
        await tab.drop("#drop", [folder])
        await tab.wait_for(DONE)
        pages = {}
        for width in (390, 1280):
            for dark in (False, True):
                await tab.screenshot(tmp_path / f"{width}_{dark}.png", width=width, dark=dark)
                wide = "[document.documentElement.scrollWidth, innerWidth]"
                scrolled, inner = await tab.evaluate(wide)
                assert scrolled <= inner == width
                pages[dark] = await tab.evaluate("getComputedStyle(document.body).backgroundColor")
                for front, back, least in PAIRS:
                    style = "getComputedStyle(document.documentElement)"
                    read = f"['{front}', '{back}'].map(name => {style}.getPropertyValue('--' + name))"
                    a, b = sorted(map(luminance, await tab.evaluate(read)))
                    assert (b + 0.05) / (a + 0.05) >= least, (front, back, dark)
        assert pages == {False: "rgb(255, 255, 255)", True: "rgb(22, 22, 26)"}
        await tab.screenshot(tmp_path / "390.png", width=390)
        await tab.evaluate("document.querySelector('.zoom').click()")
        assert await tab.evaluate("(e => e.scrollWidth <= e.clientWidth)(document.getElementById('enlarged'))")

    in_page(answers, tmp_path, test)
