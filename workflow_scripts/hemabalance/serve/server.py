"""The server of the page: it listens on this computer only, and keeps nothing of a request after its answer."""

import asyncio
import errno
import mimetypes
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from aiohttp import web

from hemabalance.errors import InputError
from hemabalance.serve.answers import BATCH, Answers
from hemabalance.serve.guard import HOST, guard
from hemabalance.serve.uploads import receive

PAGE = Path(__file__).parent / "page"
INDEX = "index.html"


def application(answers: Answers, folder: Path) -> web.Application:
    """The application: `GET /` and the page's files, `GET /model` and `POST /images`.

    `POST /images` takes up to `BATCH` files as multipart form and returns the JSON `{"rows": [...]}` in their order,
    see `Answers.rows`; or, with a status of 400 or more, `{"error": why}`.

    Args:
        answers: the model.
        folder: folder for uploaded files, each removed before its answer is sent.
    """
    one_at_once = asyncio.Lock()

    async def model(request: web.Request) -> web.Response:
        return web.json_response(answers.about())

    async def images(request: web.Request) -> web.Response:
        if request.content_type != "multipart/form-data":
            raise web.HTTPUnsupportedMediaType(text="A request holds files, as multipart/form-data.")
        with tempfile.TemporaryDirectory(dir=folder) as own:
            try:
                paths = await receive(await request.multipart(), Path(own), answers.limits, most=BATCH)
            except ValueError as error:
                raise web.HTTPBadRequest(text=f"The request is damaged: {error}") from error
            except OSError as error:
                raise web.HTTPInsufficientStorage(text=f"{own} cannot be written: {error.strerror}.") from error
            try:
                async with one_at_once:
                    rows = await asyncio.to_thread(answers.rows, paths)
            except InputError as error:
                raise web.HTTPInternalServerError(text=str(error)) from error
        return web.json_response({"rows": rows})

    app = web.Application(middlewares=[guard])
    app.add_routes([_file(path) for path in sorted(PAGE.iterdir()) if path.is_file()])
    app.add_routes([web.get("/model", model), web.post("/images", images)])
    return app


def _file(path: Path) -> web.RouteDef:
    """The route of a file of the page, read once."""
    body, kind = path.read_bytes(), mimetypes.guess_type(path.name)[0]

    async def answer(request: web.Request) -> web.Response:
        return web.Response(body=body, content_type=kind or "application/octet-stream", charset="utf-8")

    return web.get("/" if path.name == INDEX else f"/{path.name}", answer)


@asynccontextmanager
async def serving(answers: Answers, port: int) -> AsyncIterator[str]:
    """Serve the page within the context; uploaded files live in a folder that is removed at its end.

    Args:
        answers: the model.
        port: port on 127.0.0.1; 0 for any free one.

    Yields:
        The address of the page, such as `http://127.0.0.1:8000/`.

    Raises:
        InputError: another program has the port, or the system allows it to nobody.
    """
    with tempfile.TemporaryDirectory(prefix="hemabalance-serve-") as folder:
        runner = web.AppRunner(application(answers, Path(folder)), access_log=None)
        await runner.setup()
        try:
            try:
                await web.TCPSite(runner, HOST, port).start()
            except OSError as error:
                raise _explained(error, port) from error
            yield f"http://{HOST}:{runner.addresses[0][1]}/"
        finally:
            await runner.cleanup()


async def serve(answers: Answers, port: int) -> None:
    """Serve the page until the task is cancelled, as Ctrl-C does; prints the address. Errors as `serving`."""
    async with serving(answers, port) as address:
        print(f"Open {address} in a browser. Images stay on this computer. Ctrl-C ends the page.", flush=True)
        await asyncio.Event().wait()


def _explained(error: OSError, port: int) -> InputError:
    if error.errno == errno.EADDRINUSE:
        return InputError(f"--port {port}", "is used by another program", "Choose another, such as --port 8001")
    return InputError(f"--port {port}", f"cannot be used ({error.strerror})", "Choose another, such as --port 8001")
