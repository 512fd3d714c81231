"""Download one file over HTTP(S): interrupted transfers are resumed, the file is renamed only after verification."""

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
    """Retry, timeout and size limits of a download.

    Args:
        attempts: number of failed requests after which an address is given up, at least 1.
        timeout_s: seconds to wait for the connection, and for each further piece of the body.
        backoff_s: first pause between attempts in seconds; doubled after each attempt.
        max_bytes: largest accepted file in bytes.
    """

    attempts: int
    timeout_s: float
    backoff_s: float
    max_bytes: int


class _BrokenError(Exception):
    """The transfer did not finish; a retry at the same address may succeed."""

    def __init__(self, message: str, retry_after_s: float = 0.0) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class _RefusedError(Exception):
    """This address does not serve the file; a retry is pointless."""

    def __init__(self, message: str, remedy: str = "") -> None:
        super().__init__(message)
        self.remedy = remedy


class _StaleError(Exception):
    """The partial file is not the beginning of the file that the address serves now."""


def download(addresses: Sequence[str], target: Path, transfer: Transfer, verify: Callable[[Path], None]) -> str:
    """Download `target` from the first of `addresses` that serves the right bytes; return that address.

    Received bytes go to `<target>.part`, their origin to `<target>.part.json`. The next call resumes an interrupted or
    killed download if the server confirms (RFC 9110, Range with If-Range) that the partial file is still the beginning
    of its file. `verify` is called with the complete partial file; if it raises InputError, the partial file is
    deleted and the next address is tried. `target` is written only after verification and replaces any older file.

    A body has the length of its Content-Length header; bytes beyond that are never read, so `verify` must detect a
    file that a wrong header cut short.

    Raises:
        InputError: no address serves the file, the disk is full (the partial file is kept), the folder is not
            writable, or another run is downloading the same file.
    """
    refusals: dict[str, _RefusedError] = {}
    part = PartialFile(target)
    with download_lock(target), disk_full_explained(part), requests.Session() as session:
        for address in addresses:
            try:
                _download_verified(session, address, part, transfer, verify)
            except _RefusedError as refused:
                log.warning("%s: %s", address, refused)
                refusals[address] = refused
            else:
                part.rename(target)
                return address
    raise _all_addresses_failed(target, refusals)


def _all_addresses_failed(target: Path, refusals: dict[str, _RefusedError]) -> InputError:
    messages = "".join(f"\n  {address}: {refused}" for address, refused in refusals.items())
    remedies = dict.fromkeys(refused.remedy for refused in refusals.values() if refused.remedy)
    advice = ". ".join(remedies) or "Check the network and the addresses, then run the same command again"
    by_hand = f"If that does not help, download the file by hand and save it as {target}"
    return InputError(target, f"none of {len(refusals)} addresses served this file{messages}\n", f"{advice}. {by_hand}")


def _download_verified(
    session: requests.Session, address: str, part: PartialFile, transfer: Transfer, verify: Callable[[Path], None]
) -> None:
    """Receive and verify the complete partial file, or raise _RefusedError."""
    _receive_with_retries(session, address, part, transfer)
    try:
        verify(part.path)
    except InputError as error:
        part.drop()
        raise _RefusedError(f"wrong content: {error.problem}", error.remedy) from error


def _receive_with_retries(session: requests.Session, address: str, part: PartialFile, transfer: Transfer) -> None:
    """Retry until the partial file is complete, or raise _RefusedError."""
    failures, pause = 0, transfer.backoff_s
    while True:
        try:
            return _receive(session, address, part, transfer)
        except _StaleError as stale:
            log.info("%s: %s, starting over", address, stale)
            part.drop()
        except _BrokenError as broken:
            failures += 1
            if failures >= transfer.attempts:
                raise _RefusedError(f"{broken} (attempt {failures} of {transfer.attempts})") from broken
            wait = max(pause, broken.retry_after_s)
            log.warning("%s: %s (attempt %d of %d), next in %g s", address, broken, failures, transfer.attempts, wait)
            sleep(wait)
            pause *= 2


def _receive(session: requests.Session, address: str, part: PartialFile, transfer: Transfer) -> None:
    """Complete the partial file by one request, or raise _BrokenError, _RefusedError or _StaleError."""
    origin = part.resumable(address)
    start = part.size() if origin else 0
    headers = {"Accept-Encoding": "identity"}
    if origin:
        headers |= {"Range": f"bytes={start}-", "If-Range": str(origin.validator)}
    with _request(session, address, headers, transfer.timeout_s) as reply:
        _check_status(reply, resuming=origin is not None)
        if origin and reply.status_code != 200:
            total: int | None = _resumed_total(reply, origin, start)
        else:
            total = _int_header(reply, "Content-Length")
        if total is not None and total > transfer.max_bytes:
            raise _RefusedError(f"its file has {total} bytes, more than the {transfer.max_bytes} allowed")
        if reply.status_code == 416:
            return
        if reply.status_code == 200:
            start = 0
            part.restart(DownloadOrigin(address, _strong_etag(reply), reply.headers.get("Last-Modified"), total))
        log.info("%s: receiving from %s, starting at byte %d", part.path.name, address, start)
        _append_body(reply, part, start, total, transfer.max_bytes)


def _request(session: requests.Session, address: str, headers: dict[str, str], timeout_s: float) -> requests.Response:
    try:
        return session.get(address, headers=headers, stream=True, timeout=timeout_s)
    except requests.Timeout as error:
        raise _BrokenError(f"it did not answer in {timeout_s:g} s") from error
    except requests.ConnectionError as error:
        reason = getattr(error.args[0], "reason", error) if error.args else error
        raise _BrokenError(f"the connection failed ({reason})") from error
    except (requests.RequestException, HTTPError, UnicodeError) as error:
        raise _RefusedError(f"the request failed ({error})") from error


def _check_status(reply: requests.Response, resuming: bool) -> None:
    status = reply.status_code
    message = f"it answered {status} {reply.reason}".rstrip()
    if status in (408, 429) or status >= 500:
        raise _BrokenError(message, min(_int_header(reply, "Retry-After") or 0, LONGEST_RETRY_AFTER_S))
    if status != 200 and not (resuming and status in (206, 416)):
        raise _RefusedError(message)
    encoding = reply.headers.get("Content-Encoding", "identity").lower()
    if status != 416 and encoding != "identity":
        raise _RefusedError(f"it sent the file compressed ({encoding}) although uncompressed was requested")


def _int_header(reply: requests.Response, header: str) -> int | None:
    text = reply.headers.get(header, "")
    return int(text) if text.isascii() and text.isdigit() else None


def _strong_etag(reply: requests.Response) -> str | None:
    etag = reply.headers.get("ETag", "")
    return etag if etag.startswith('"') else None


def _resumed_total(reply: requests.Response, origin: DownloadOrigin, start: int) -> int:
    """Return the length of the complete file, after checking that a 206 or 416 reply continues at byte `start`."""
    validator = _strong_etag(reply) if origin.etag else reply.headers.get("Last-Modified")
    if validator not in (None, origin.validator):
        raise _StaleError("the file has changed on the server")
    content_range = re.fullmatch(r"bytes (?:(\d+)-(\d+)|\*)/(\d+|\*)", reply.headers.get("Content-Range", ""))
    total = int(content_range[3]) if content_range and content_range[3] != "*" else origin.total
    if reply.status_code == 416:
        if total != start:
            raise _StaleError(f"the file does not have {start} bytes")
        return start
    if not content_range or not content_range[1] or int(content_range[1]) != start:
        raise _StaleError(f"the server did not continue at byte {start}")
    end = int(content_range[2]) + 1
    if total is None:
        total = end
    length = _int_header(reply, "Content-Length")
    if end > total or origin.total not in (None, total) or length not in (None, end - start):
        raise _StaleError("the reply of the server contradicts itself on the length of the file")
    return total


def _append_body(reply: requests.Response, part: PartialFile, start: int, total: int | None, max_bytes: int) -> None:
    size = start
    # Unbuffered, so that after a kill or a full disk the file holds exactly the bytes received.
    with part.path.open("ab", buffering=0) as handle, _progress_bar(part.path.stem, start, total) as bar:
        while chunk := _read_chunk(reply, size):
            size += len(chunk)
            if size > (max_bytes if total is None else total):
                part.drop()
                declared = f"the {max_bytes} bytes allowed" if total is None else f"the {total} bytes it declared"
                raise _RefusedError(f"it sent more than {declared}")
            unwritten = memoryview(chunk)
            while unwritten:
                unwritten = unwritten[handle.write(unwritten) :]
            bar.update(len(chunk))
    if total is not None and size < total:
        raise _BrokenError(f"the transfer broke off after {size} of {total} bytes")


def _read_chunk(reply: requests.Response, size: int) -> bytes:
    try:
        # iter_content would buffer up to one chunk, and lose it when the connection breaks.
        data: bytes = reply.raw.read1(CHUNK, decode_content=False)
    except HTTPError as error:
        raise _BrokenError(f"the transfer broke off after {size} bytes ({error})") from error
    return data


class _LogLines(io.TextIOBase):
    def write(self, text: str) -> int:
        if text.strip():
            log.info("%s", text.strip())
        return len(text)


def _progress_bar(name: str, start: int, total: int | None) -> tqdm:
    """Progress in bytes, rate and time left: a bar on a terminal, plain lines in a log."""
    options = {"desc": name, "initial": start, "total": total, "unit": "B", "unit_scale": True, "smoothing": 0.1}
    if sys.stderr.isatty():
        return tqdm(**options)
    return tqdm(**options, file=_LogLines(), mininterval=LOG_EVERY_S, miniters=1, ncols=0)
