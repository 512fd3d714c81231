"""A tab of headless Chromium, driven through the DevTools protocol: files, keys, downloads, pictures."""

import asyncio
import base64
import itertools
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from aiohttp import ClientSession, ClientWebSocketResponse, WSMsgType

from helpers.browser import browser

OPTIONS = ["--headless", "--no-sandbox", "--disable-gpu", "--remote-debugging-port=0", "about:blank"]
SHIFT = 8
KEYS = {"Tab": 9, "Enter": 13, "Escape": 27, " ": 32, "ArrowLeft": 37, "ArrowUp": 38, "ArrowRight": 39, "ArrowDown": 40}
"""Keys that write nothing, and the blank: name -> code."""


class Tab:
    """A tab; `open_tab` makes one.

    Attributes:
        errors: messages of failed scripts and requests.
        requests: addresses that were asked for, without those of data in the page itself.
        downloads: names of the files that were saved.
    """

    def __init__(self, socket: ClientWebSocketResponse) -> None:
        self.errors: list[str] = []
        self.requests: list[str] = []
        self.downloads: list[str] = []
        self._choosers: asyncio.Queue[int] = asyncio.Queue()
        self._socket, self._session, self._numbers = socket, "", itertools.count(1)
        self._names: dict[str, str] = {}
        self._answers: dict[int, asyncio.Future[dict[str, Any]]] = {}

    async def attach(self, downloads: Path) -> None:
        """Open an empty tab, whose downloads go into a folder."""
        target = await self.send("Target.createTarget", url="about:blank")
        attached = await self.send("Target.attachToTarget", targetId=target["targetId"], flatten=True)
        await self.send(
            "Browser.setDownloadBehavior", behavior="allow", downloadPath=str(downloads), eventsEnabled=True
        )
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network", "DOM"):
            await self.send(f"{domain}.enable")

    async def listen(self) -> None:
        """Take answers and events until the socket closes."""
        async for message in self._socket:
            if message.type == WSMsgType.TEXT:
                content = json.loads(message.data)
                if "id" in content:
                    self._answers.pop(content["id"]).set_result(content)
                else:
                    self._take(content["method"], content["params"])

    def _take(self, method: str, params: dict[str, Any]) -> None:
        if method == "Runtime.exceptionThrown":
            details = params["exceptionDetails"]
            self.errors.append(details.get("exception", {}).get("description", details["text"]))
        elif method == "Log.entryAdded" and params["entry"]["level"] == "error":
            self.errors.append(params["entry"]["text"])
        elif method == "Network.requestWillBeSent" and not params["request"]["url"].startswith(("data:", "blob:")):
            self.requests.append(params["request"]["url"])
        elif method == "Browser.downloadWillBegin":
            self._names[params["guid"]] = params["suggestedFilename"]
        elif method == "Browser.downloadProgress" and params["state"] == "completed":
            self.downloads.append(self._names[params["guid"]])
        elif method == "Page.fileChooserOpened":
            self._choosers.put_nowait(params["backendNodeId"])

    async def send(self, method: str, **params: Any) -> dict[str, Any]:
        """The result of a command of the protocol."""
        number = next(self._numbers)
        self._answers[number] = asyncio.get_running_loop().create_future()
        command = {"id": number, "method": method, "params": params}
        await self._socket.send_json(command | ({"sessionId": self._session} if self._session else {}))
        answer = await asyncio.wait_for(self._answers[number], 180)
        assert "error" not in answer, (method, answer)
        result: dict[str, Any] = answer["result"]
        return result

    async def evaluate(self, expression: str) -> Any:
        """The value of an expression of JavaScript in the page, which may be a promise."""
        answer = await self.send("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in answer, (expression, answer)
        return answer["result"].get("value")

    async def wait_for(self, expression: str, seconds: float = 180) -> Any:
        """The value of an expression, once it is true."""
        try:
            async with asyncio.timeout(seconds):
                while not (value := await self.evaluate(expression)):
                    await asyncio.sleep(0.05)
        except TimeoutError as error:
            raise AssertionError(f"never true: {expression}; {self.errors}") from error
        return value

    async def open(self, address: str, ready: str) -> None:
        """Open an address, and wait until an expression is true."""
        await self.send("Page.navigate", url=address)
        await self.wait_for(ready)

    async def press(self, *keys: str, shift: bool = False) -> None:
        """Press keys one after the other: names of `KEYS`, or letters."""
        for key in keys:
            text = {"Enter": "\r"}.get(key, key if len(key) == 1 else "")
            values = {"key": key, "code": key, "modifiers": SHIFT * shift, "windowsVirtualKeyCode": KEYS.get(key, 0)}
            down = "keyDown" if text else "rawKeyDown"
            await self.send("Input.dispatchKeyEvent", type=down, **values, **({"text": text} if text else {}))
            await self.send("Input.dispatchKeyEvent", type="keyUp", **values)

    async def choose_by_key(self, key: str, paths: Sequence[Path]) -> None:
        """Press a key on the file input that has the focus, and choose files or a folder in the dialog that opens."""
        await self.send("Page.setInterceptFileChooserDialog", enabled=True)
        await self.press(key)
        node = await asyncio.wait_for(self._choosers.get(), 180)
        await self.send("DOM.setFileInputFiles", files=[str(path) for path in paths], backendNodeId=node)

    async def drop(self, selector: str, paths: Sequence[Path]) -> None:
        """Drag files and folders onto the middle of an element, and drop them."""
        middle = (
            "{const r = document.querySelector('%s').getBoundingClientRect(); [r.x + r.width / 2, r.y + r.height / 2]}"
        )
        x, y = await self.evaluate(middle % selector)
        data = {"items": [], "files": [str(path) for path in paths], "dragOperationsMask": 1}
        for kind in ("dragEnter", "dragOver", "drop"):
            await self.send("Input.dispatchDragEvent", type=kind, x=x, y=y, data=data)

    async def named_controls(self) -> list[tuple[str, str]]:
        """Role and accessible name of all controls, as readers of the screen have them."""
        tree = await self.send("Accessibility.getFullAXTree")
        roles = ("button", "combobox", "progressbar", "dialog", "table", "DisclosureTriangle")
        nodes = [node for node in tree["nodes"] if not node["ignored"] and node["role"]["value"] in roles]
        return [(node["role"]["value"], node.get("name", {}).get("value", "")) for node in nodes]

    async def screenshot(self, path: Path, *, width: int, dark: bool = False, height: int = 900) -> None:
        """Write a picture of the page at a width in CSS pixels, as PNG."""
        scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        await self.send("Emulation.setEmulatedMedia", features=scheme)
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        await self.send("Emulation.setDeviceMetricsOverride", **size)
        await asyncio.sleep(0.3)
        path.write_bytes(base64.b64decode((await self.send("Page.captureScreenshot"))["data"]))


@asynccontextmanager
async def open_tab(folder: Path) -> AsyncIterator[Tab]:
    """A tab of a browser of its own, which ends with the block.

    Args:
        folder: folder for the browser's own files, and for `downloads`.
    """
    executable = browser()
    assert executable
    (folder / "downloads").mkdir(parents=True)
    command = [executable, f"--user-data-dir={folder / 'profile'}", *OPTIONS]
    process = await asyncio.create_subprocess_exec(*command, stderr=asyncio.subprocess.PIPE)
    try:
        address = await asyncio.wait_for(_address(process), 180)
        async with ClientSession() as session, session.ws_connect(address, max_msg_size=0) as socket:
            tab = Tab(socket)
            listening = asyncio.create_task(tab.listen())
            await tab.attach(folder / "downloads")
            yield tab
            listening.cancel()
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def _address(process: asyncio.subprocess.Process) -> str:
    assert process.stderr
    while line := (await process.stderr.readline()).decode():
        if line.startswith("DevTools listening on "):
            return line.rpartition(" ")[2].strip()
    raise AssertionError("the browser ended")
