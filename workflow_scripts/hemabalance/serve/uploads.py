"""Files of a request, written to a temporary folder under numbers: no name that a browser sends is used on disk."""

from pathlib import Path

from aiohttp import BodyPartReader, MultipartReader, web

from hemabalance.sources.archives import Limits

_CHUNK = 1 << 18


async def receive(parts: MultipartReader, folder: Path, limits: Limits, *, most: int) -> list[Path]:
    """Write the files of a request.

    Args:
        parts: the request.
        folder: an empty folder.
        limits: of a file that is larger than `max_member_bytes`, one byte more is kept, so that prediction refuses it
            with its usual message.
        most: most files.

    Returns:
        The files in the order of the request.

    Raises:
        web.HTTPException: there is no file, there are too many, or together they exceed `max_total_bytes`.
    """
    paths: list[Path] = []
    total = 0
    while (part := await parts.next()) is not None:
        if not isinstance(part, BodyPartReader) or part.filename is None:
            raise web.HTTPBadRequest(text="A request holds files only.")
        if len(paths) == most:
            raise web.HTTPRequestEntityTooLarge(most, text=f"A request holds at most {most} files.")
        path = folder / f"{len(paths):04}"
        paths.append(path)
        kept = 0
        with path.open("wb") as handle:
            while chunk := await part.read_chunk(_CHUNK):
                total += len(chunk)
                if total > limits.max_total_bytes:
                    text = f"The files of a request have more than the {limits.max_total_bytes} bytes allowed."
                    raise web.HTTPRequestEntityTooLarge(limits.max_total_bytes, text=text)
                chunk = chunk[: limits.max_member_bytes + 1 - kept]
                kept += len(chunk)
                handle.write(chunk)
    if not paths:
        raise web.HTTPBadRequest(text="A request holds at least one file.")
    return paths
