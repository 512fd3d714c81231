"""The server of `hemabalance serve`: its answers, its limits, and who may talk to it."""

import asyncio
import signal
import subprocess
import sys
import tempfile
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from aiohttp import ClientSession, FormData

from helpers.archives import write_folder, zip_bytes
from helpers.image_files import encode
from helpers.model_folders import SHAPE, ModelFolder
from helpers.photographs import LIMITS
from hemabalance import Classifier, InputError
from hemabalance.classify.out_of_distribution import read_detector
from hemabalance.cli import main
from hemabalance.serve.answers import BATCH, IS_ZIP, Answers
from hemabalance.serve.server import PAGE, serving

Test = Callable[[ClientSession, str], Awaitable[Any]]


@pytest.fixture(scope="module")
def answers(network: ModelFolder) -> Answers:
    return Answers.open(network.folder, device="cpu", threads=1)


@pytest.fixture(autouse=True)
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of temporary folders, which is empty after each test."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def talk(answers: Answers, test: Test) -> Any:
    """The result of a test that talks to a server of its own."""

    async def run() -> Any:
        async with serving(answers, 0) as address, ClientSession() as session:
            return await test(session, address)

    result = asyncio.run(run())
    assert list(Path(tempfile.gettempdir()).iterdir()) == []
    return result


def form(files: Mapping[str, bytes]) -> FormData:
    data = FormData()
    for name, content in files.items():
        data.add_field("image", content, filename=name)
    return data


async def post(session: ClientSession, address: str, data: Any, **headers: str) -> tuple[int, dict[str, Any]]:
    """Status and JSON of images that are sent as the page sends them."""
    values = {"Origin": address.rstrip("/"), **headers}
    async with session.post(f"{address}images", data=data, headers=values) as response:
        return response.status, await response.json()


def rows_of(answers: Answers, files: Mapping[str, bytes]) -> list[dict[str, Any]]:
    status, content = talk(answers, lambda session, address: post(session, address, form(files)))
    assert status == 200, content
    rows: list[dict[str, Any]] = content["rows"]
    return rows


def test_rows_are_the_predictions_in_the_order_of_the_files(
    network: ModelFolder, answers: Answers, tmp_path: Path
) -> None:
    files = dict(sorted(network.photographs.items())[:4]) | {
        "torn.jpg": b"\xff\xd8\xff torn",
        "../../blank.png": encode(np.full((*SHAPE, 3), (250, 240, 200), np.uint8), "PNG"),
        "empty.png": b"",
        "cells.zip": zip_bytes({"a.txt": b"a"}),
        "large.bmp": bytes(LIMITS.max_member_bytes + 10),
    }
    rows = rows_of(answers, files)
    folder = write_folder(tmp_path / "images", {f"{k}.png": data for k, data in enumerate(files.values())})
    images = [folder / f"{k}.png" for k, name in enumerate(files) if name != "cells.zip"]
    table = Classifier.load(network.folder, threads=1).predict([str(path) for path in images], nearest=2)
    shown = [row for name, row in zip(files, rows, strict=True) if name != "cells.zip"]
    assert [row["predicted"] for row in shown] == table["predicted"].astype(object).where(
        table["predicted"].notna(), None
    ).tolist()
    for key in ("flag", "error"):
        assert [row[key] for row in shown] == table[key].tolist()
    for row, expected in zip(shown, table.itertuples(), strict=True):
        if not row["error"]:
            assert row["confidence"] == max(row["probabilities"]) == pytest.approx(expected.confidence, rel=1e-6)
            assert row["similarities"] == pytest.approx([expected.similarity_1, expected.similarity_2], rel=1e-6)
            assert row["preview"].startswith("data:image/jpeg;base64,")
    by_name = dict(zip(files, rows, strict=True))
    assert "out_of_distribution" in by_name["../../blank.png"]["flag"].split(";")
    assert by_name["cells.zip"]["error"] == IS_ZIP
    assert by_name["large.bmp"]["error"] == f"has more than the {LIMITS.max_member_bytes} bytes allowed"
    assert all(by_name[name]["preview"] is None for name in ("torn.jpg", "empty.png", "cells.zip"))


def test_the_model_is_described_and_one_of_an_earlier_version_has_no_similarity(
    network: ModelFolder, answers: Answers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def model(session: ClientSession, address: str) -> dict[str, Any]:
        async with session.get(f"{address}model") as response:
            content: dict[str, Any] = await response.json()
            return content

    content = talk(answers, model)
    assert (content["similarity"], content["batch"], content["max_bytes"]) == (True, BATCH, LIMITS.max_member_bytes)
    assert content["classes"] == list(answers.model_file.content.classes)
    assert content["metrics"]["accuracy"]["n"] > 0
    detector = read_detector(answers.model_file.beside("out_of_distribution.safetensors"))
    monkeypatch.setattr("hemabalance.api.predictor.read_detector", lambda path: replace(detector, examples=None))
    monkeypatch.setattr("hemabalance.serve.answers.read_detector", lambda path: replace(detector, examples=None))
    earlier = Answers.open(network.folder, device="cpu", threads=1)
    assert not talk(earlier, model)["similarity"]
    (row,) = rows_of(earlier, dict(sorted(network.photographs.items())[:1]))
    assert row["similarities"] is None
    assert row["confidence"] > 0


def test_the_page_comes_with_headers_that_let_it_load_nothing_from_elsewhere(answers: Answers) -> None:
    async def pages(session: ClientSession, address: str) -> None:
        names = ["", *(path.name for path in PAGE.iterdir() if path.name != "index.html")]
        for name in names:
            async with session.get(f"{address}{name}") as response:
                assert response.status == 200
                assert "default-src 'none'" in response.headers["Content-Security-Policy"]
                assert response.headers["Cache-Control"] == "no-store"
                assert "http" not in (await response.text()).replace("http://www.w3.org/2000/svg", "")
        async with session.get(f"{address}../server.py") as response:
            assert response.status == 404
            assert "Content-Security-Policy" in response.headers

    talk(answers, pages)


@pytest.mark.parametrize("host", ["evil.example", "evil.example:{port}", "127.0.0.1", "127.0.0.1:1", "0.0.0.0:{port}"])
def test_another_host_is_refused(answers: Answers, host: str) -> None:
    async def ask(session: ClientSession, address: str) -> int:
        port = address.rstrip("/").rpartition(":")[2]
        async with session.get(address, headers={"Host": host.format(port=port)}) as response:
            assert "has the address" in (await response.json())["error"]
            return response.status

    assert talk(answers, ask) == 403


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "", "https://127.0.0.1:{port}", "http://127.0.0.1"])
def test_images_from_another_origin_are_refused(network: ModelFolder, answers: Answers, origin: str) -> None:
    data = form(dict(sorted(network.photographs.items())[:1]))

    async def ask(session: ClientSession, address: str) -> int:
        port = address.rstrip("/").rpartition(":")[2]
        status, content = await post(session, address, data, Origin=origin.format(port=port))
        assert content == {"error": "Only the page of this program may send images to it."}
        return status

    assert talk(answers, ask) == 403


def test_localhost_is_a_name_of_the_page_too(network: ModelFolder, answers: Answers) -> None:
    data = form(dict(sorted(network.photographs.items())[:1]))

    async def ask(session: ClientSession, address: str) -> int:
        host = address.rstrip("/").replace("http://127.0.0.1", "localhost")
        return (await post(session, address, data, Host=host, Origin=f"http://{host}"))[0]

    assert talk(answers, ask) == 200


BODIES = {
    "too many files": (form({f"{k}.png": b"a" for k in range(BATCH + 1)}), {}, 413, f"at most {BATCH} files"),
    "too many bytes": (form({f"{k}.png": bytes(100) for k in range(11)}), {}, 413, "more than the 1000 bytes allowed"),
    "no file": (FormData({"image": "text"}), {"Content-Type": "multipart/form-data; boundary=a"}, 400, ""),
    "no form": (b"{}", {"Content-Type": "application/json"}, 415, "multipart/form-data"),
    "torn": (b"--a\r\n\r\nab", {"Content-Type": "multipart/form-data; boundary=a"}, 400, ""),
}


@pytest.mark.parametrize("name", BODIES)
def test_what_is_not_allowed_is_refused_with_a_reason(
    answers: Answers, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    data, headers, expected, words = BODIES[name]
    monkeypatch.setattr(Answers, "limits", property(lambda self: replace(LIMITS, max_total_bytes=1000)))
    status, content = talk(answers, lambda session, address: post(session, address, data, **headers))
    assert status == expected
    assert words in content["error"]


def test_a_model_that_fails_is_an_error_and_no_row(
    network: ModelFolder, answers: Answers, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(self: Answers, paths: object) -> None:
        raise InputError("the model", "gives logits that are not finite numbers", "Train the model again")

    monkeypatch.setattr(Answers, "rows", fail)
    data = form(dict(sorted(network.photographs.items())[:1]))
    status, content = talk(answers, lambda session, address: post(session, address, data))
    assert status == 500
    assert content["error"].startswith("the model: gives logits that are not finite")


def test_a_port_that_is_used_is_named(answers: Answers) -> None:
    async def again(session: ClientSession, address: str) -> None:
        port = int(address.rstrip("/").rpartition(":")[2])
        with pytest.raises(InputError, match=rf"--port {port}: is used by another program. Choose another"):
            async with serving(answers, port):
                pass

    talk(answers, again)


def test_the_command_serves_until_it_is_interrupted(network: ModelFolder, scratch: Path) -> None:
    command = [sys.executable, "-m", "hemabalance", "serve", str(network.folder), "--port", "0"]

    def heed_interrupts() -> None:  # which a shell lets programs in the background ignore
        signal.signal(signal.SIGINT, signal.SIG_DFL)

    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, preexec_fn=heed_interrupts) as process:
        assert process.stdout
        line = process.stdout.readline()
        assert "Images stay on this computer. Ctrl-C ends the page." in line
        address = line.split()[1]

        async def images() -> tuple[int, dict[str, Any]]:
            async with ClientSession() as session:
                return await post(session, address, form(dict(sorted(network.photographs.items())[:3])))

        status, content = asyncio.run(images())
        assert (status, len(content["rows"])) == (200, 3)
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=60)[0] == "The page is closed.\n"
    assert process.returncode == 0


def test_a_missing_package_is_named_with_the_install_command(
    network: ModelFolder, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "aiohttp", None)
    assert main(["serve", str(network.folder)]) == 1
    assert capsys.readouterr().err == (
        "package aiohttp: is not installed. Install the packages for the page: pip install aiohttp.\n"
    )


def test_a_wrong_model_or_port_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["serve", str(tmp_path)]) == 1
    assert "Give the model.json of a trained classifier" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["serve", str(tmp_path), "--port", "70000"])
    assert "must be 0 to 65535" in capsys.readouterr().err
