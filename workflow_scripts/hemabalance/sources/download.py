"""Fetching one file over HTTP(S): resumed where it broke off, verified before it gets its name."""

import io
import logging
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import sleep

import requests
from tqdm import tqdm
from urllib3.exceptions import HTTPError

from hemabalance.errors import InputError
from hemabalance.progress import LOG_EVERY_S
from hemabalance.sources.partial import DownloadOrigin, PartialFile, disk_full_explained, download_lock

CHUNK = 1 << 18
LONGEST_RETRY_AFTER_S = 60
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Transfer:
    """How patient and how greedy a download is.

    Args:
        attempts: requests to one address that may break before it is given up, at least 1.
        timeout_s: seconds to wait for the connection, and for each next piece of the body.
        backoff_s: seconds of the first pause between attempts; each further pause is twice the one before.
        max_bytes: the largest file to receive, in bytes.
    """

    attempts: int
    timeout_s: float
    backoff_s: float
    max_bytes: int


class _BrokenError(Exception):
    """The transfer did not finish; asking the same address again may help."""

    def __init__(self, said: str, retry_after_s: float = 0.0) -> None:
        super().__init__(said)
        self.retry_after_s = retry_after_s


class _RefusedError(Exception):
    """This address does not give the file; asking it again would not help."""

    def __init__(self, said: str, remedy: str = "") -> None:
        super().__init__(said)
        self.remedy = remedy


class _StaleError(Exception):
    """The bytes kept so far are not the beginning of what the address serves now."""


def download(addresses: Sequence[str], target: Path, transfer: Transfer, verify: Callable[[Path], None]) -> str:
    """Fetch `target` from the first of `addresses` that gives the right bytes, and return that address.

    Bytes arrive in `<target>.part`, with `<target>.part.json` telling their origin; an interrupted or killed
    download goes on from them at the next call, if the server vouches (RFC 9110, Range with If-Range) that they
    are still the beginning of its file. `verify` gets the complete part; if it raises InputError the part is
    deleted and the next address is tried. `target` appears only when verified, replacing any older file.

    A body is as long as its Content-Length says; what a server may send beyond that is never read, so that a file
    cut short by a wrong header is for `verify` to recognise.

    Raises:
        InputError: no address gives the file, the disk is full (the part is kept), the folder cannot be written
            to, or another run is downloading the same file.
    """
    outcomes: dict[str, _RefusedError] = {}
    part = PartialFile(target)
    with download_lock(target), disk_full_explained(part), requests.Session() as session:
        for address in addresses:
            try:
                _obtain(session, address, part, transfer, verify)
            except _RefusedError as refused:
                log.warning("%s: %s", address, refused)
                outcomes[address] = refused
            else:
                part.rename(target)
                return address
    raise _none_left(target, outcomes)


def _none_left(target: Path, outcomes: dict[str, _RefusedError]) -> InputError:
    said = "".join(f"\n  {address}: {refused}" for address, refused in outcomes.items())
    remedies = dict.fromkeys(refused.remedy for refused in outcomes.values() if refused.remedy)
    advice = ". ".join(remedies) or "Check the network and the addresses and run the same command again"
    by_hand = f"If that does not help, download the file by hand and save it as {target}"
    return InputError(target, f"none of {len(outcomes)} addresses gave this file{said}\n", f"{advice}. {by_hand}")


def _obtain(
    session: requests.Session, address: str, part: PartialFile, transfer: Transfer, verify: Callable[[Path], None]
) -> None:
    """Leave the complete, verified part, or raise _RefusedError."""
    _persist(session, address, part, transfer)
    try:
        verify(part.path)
    except InputError as error:
        part.drop()
        raise _RefusedError(f"what it gave is wrong: {error.problem}", error.remedy) from error


def _persist(session: requests.Session, address: str, part: PartialFile, transfer: Transfer) -> None:
    """Ask again until the part is complete, or raise _RefusedError."""
    broken_off, pause = 0, transfer.backoff_s
    while True:
        try:
            return _receive(session, address, part, transfer)
        except _StaleError as stale:
            log.info("%s: %s, starting over", address, stale)
            part.drop()
        except _BrokenError as broken:
            broken_off += 1
            if broken_off >= transfer.attempts:
                raise _RefusedError(f"{broken} (attempt {broken_off} of {transfer.attempts})") from broken
            wait = max(pause, broken.retry_after_s)
            log.warning("%s: %s (attempt %d of %d), next in %g s", address, broken, broken_off, transfer.attempts, wait)
            sleep(wait)
            pause *= 2


def _receive(session: requests.Session, address: str, part: PartialFile, transfer: Transfer) -> None:
    """Complete the part by one request, or raise _BrokenError, _RefusedError or _StaleError."""
    known = part.resumable(address)
    start = part.size() if known else 0
    headers = {"Accept-Encoding": "identity"}
    if known:
        headers |= {"Range": f"bytes={start}-", "If-Range": str(known.validator)}
    with _asked(session, address, headers, transfer.timeout_s) as reply:
        _check_reply(reply, resuming=known is not None)
        total = _rest(reply, known, start) if known and reply.status_code != 200 else _number(reply, "Content-Length")
        if total is not None and total > transfer.max_bytes:
            raise _RefusedError(f"its file has {total} bytes, more than the {transfer.max_bytes} allowed")
        if reply.status_code == 416:
            return
        if reply.status_code == 200:
            start = 0
            part.restart(DownloadOrigin(address, _strong_etag(reply), reply.headers.get("Last-Modified"), total))
        log.info("%s: receiving from %s, starting at byte %d", part.path.name, address, start)
        _copy(reply, part, start, total, transfer.max_bytes)


def _asked(session: requests.Session, address: str, headers: dict[str, str], timeout_s: float) -> requests.Response:
    try:
        return session.get(address, headers=headers, stream=True, timeout=timeout_s)
    except requests.Timeout as error:
        raise _BrokenError(f"it did not answer in {timeout_s:g} s") from error
    except requests.ConnectionError as error:
        reason = getattr(error.args[0], "reason", error) if error.args else error
        raise _BrokenError(f"the connection failed ({reason})") from error
    except (requests.RequestException, HTTPError, UnicodeError) as error:
        raise _RefusedError(f"it cannot be asked ({error})") from error


def _check_reply(reply: requests.Response, resuming: bool) -> None:
    status = reply.status_code
    said = f"it answered {status} {reply.reason}".rstrip()
    if status in (408, 429) or status >= 500:
        raise _BrokenError(said, min(_number(reply, "Retry-After") or 0, LONGEST_RETRY_AFTER_S))
    if status != 200 and not (resuming and status in (206, 416)):
        raise _RefusedError(said)
    encoding = reply.headers.get("Content-Encoding", "identity").lower()
    if status != 416 and encoding != "identity":
        raise _RefusedError(f"it sent the file compressed ({encoding}) although asked not to")


def _number(reply: requests.Response, header: str) -> int | None:
    text = reply.headers.get(header, "")
    return int(text) if text.isascii() and text.isdigit() else None


def _strong_etag(reply: requests.Response) -> str | None:
    etag = reply.headers.get("ETag", "")
    return etag if etag.startswith('"') else None


def _rest(reply: requests.Response, known: DownloadOrigin, start: int) -> int:
    """The length of the whole file, after checking that a 206 or 416 reply goes on from byte `start` of it."""
    now = _strong_etag(reply) if known.etag else reply.headers.get("Last-Modified")
    if now not in (None, known.validator):
        raise _StaleError("the file has changed on the server")
    stated = re.fullmatch(r"bytes (?:(\d+)-(\d+)|\*)/(\d+|\*)", reply.headers.get("Content-Range", ""))
    total = int(stated[3]) if stated and stated[3] != "*" else known.total
    if reply.status_code == 416:
        if total != start:
            raise _StaleError(f"the file does not reach to byte {start}")
        return start
    if not stated or not stated[1] or int(stated[1]) != start:
        raise _StaleError(f"the server did not go on from byte {start}")
    end = int(stated[2]) + 1
    if total is None:
        total = end
    if end > total or known.total not in (None, total) or _number(reply, "Content-Length") not in (None, end - start):
        raise _StaleError("the server contradicts itself on the length of the file")
    return total


def _copy(reply: requests.Response, part: PartialFile, start: int, total: int | None, max_bytes: int) -> None:
    size = start
    # Unbuffered, so that a kill or a full disk leaves every byte that came, and no others.
    with part.path.open("ab", buffering=0) as handle, _meter(part.path.stem, start, total) as bar:
        while chunk := _next_bytes(reply, size):
            size += len(chunk)
            if size > (max_bytes if total is None else total):
                part.drop()
                declared = f"the {max_bytes} bytes allowed" if total is None else f"the {total} bytes it declared"
                raise _RefusedError(f"it sent more than {declared}")
            rest = memoryview(chunk)
            while rest:
                rest = rest[handle.write(rest) :]
            bar.update(len(chunk))
    if total is not None and size < total:
        raise _BrokenError(f"the transfer broke off after {size} of {total} bytes")


def _next_bytes(reply: requests.Response, size: int) -> bytes:
    try:
        # iter_content would hold back, and at a break lose, up to a chunk of bytes that did arrive.
        data: bytes = reply.raw.read1(CHUNK, decode_content=False)
    except HTTPError as error:
        raise _BrokenError(f"the transfer broke off after {size} bytes ({error})") from error
    return data


class _LogLines(io.TextIOBase):
    def write(self, text: str) -> int:
        if text.strip():
            log.info("%s", text.strip())
        return len(text)


def _meter(name: str, start: int, total: int | None) -> tqdm:
    """Bytes so far, rate and time left: a bar on a terminal, plain lines in a log."""
    shape = {"desc": name, "initial": start, "total": total, "unit": "B", "unit_scale": True, "smoothing": 0.1}
    if sys.stderr.isatty():
        return tqdm(**shape)
    return tqdm(**shape, file=_LogLines(), mininterval=LOG_EVERY_S, miniters=1, ncols=0)
