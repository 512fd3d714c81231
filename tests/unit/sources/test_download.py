"""The downloader against a server on 127.0.0.1 that breaks off, changes its file, or sends wrong headers."""

import fcntl
import gzip
import hashlib
import io
import json
import logging
import os
import re
import resource
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from random import Random

import pytest

from hemabalance.errors import InputError
from hemabalance.sources import download as module
from hemabalance.sources.download import Transfer, download

BODY = Random(1).randbytes(400_000)
OTHER = Random(2).randbytes(400_000)
HALF = len(BODY) // 2
QUICK = Transfer(attempts=3, timeout_s=5, backoff_s=0.001, max_bytes=1_000_000)
Reply = Callable[["Handler"], None]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: "Archive"

    def do_GET(self) -> None:
        self.server.requests.append((self.path, dict(self.headers)))
        replies = self.server.replies[self.path]
        reply = replies.pop(0) if len(replies) > 1 else replies[0]
        self.close_connection = True
        reply(self)

    def head(self, status: int, headers: dict[str, object]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, str(value))
        # Without this header, closing would race with the client's next request on the same connection.
        self.send_header("Connection", "close")
        self.end_headers()

    def body(self, data: bytes) -> None:
        self.server.sent.append(len(data))
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        pass


class Archive(ThreadingHTTPServer):
    """Send the replies listed for a path in order; repeat the last one."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.replies: dict[str, list[Reply]] = {}
        self.requests: list[tuple[str, dict[str, str]]] = []
        self.sent: list[int] = []

    def handle_error(self, request: object, client_address: object) -> None:
        pass  # clients disconnect on purpose in these tests

    def serve(self, path: str, *replies: Reply) -> str:
        self.replies[path] = list(replies)
        return f"http://127.0.0.1:{self.server_port}{path}"

    def ranges(self) -> list[str | None]:
        return [headers.get("Range") for _, headers in self.requests]


@pytest.fixture
def archive(monkeypatch: pytest.MonkeyPatch) -> Iterator[Archive]:
    monkeypatch.setenv("NO_PROXY", "*")
    with Archive() as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "raw" / "cells.zip"


def honest(
    data: bytes = BODY,
    etag: str | None = '"v1"',
    modified: str | None = None,
    ranges: bool = True,
    until: int | None = None,
    reset: bool = False,
) -> Reply:
    """A reply according to RFC 9110, cut off before byte `until`."""

    def reply(handler: Handler) -> None:
        headers: dict[str, object] = {"ETag": etag} if etag else {}
        headers |= {"Last-Modified": modified} if modified else {}
        requested = re.fullmatch(r"bytes=(\d+)-", handler.headers.get("Range", ""))
        start, status = 0, 200
        if ranges and requested and handler.headers.get("If-Range") in (etag, modified):
            start, status = int(requested[1]), 206
            headers["Content-Range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
            if start >= len(data):
                return raw(416, {"Content-Range": f"bytes */{len(data)}", "Content-Length": 7}, b"no more")(handler)
        handler.head(status, headers | {"Content-Length": len(data) - start})
        handler.body(data[start:until])
        if reset:
            handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            handler.connection.close()
        return None

    return reply


def raw(status: int, headers: dict[str, object], data: bytes = b"") -> Reply:
    def reply(handler: Handler) -> None:
        handler.head(status, headers)
        handler.body(data)

    return reply


def chunked(data: bytes, headers: dict[str, object], until: int | None = None) -> Reply:
    def reply(handler: Handler) -> None:
        handler.head(200, headers | {"Transfer-Encoding": "chunked"})
        for start in range(0, len(data[:until]), 50_000):
            piece = data[start : start + 50_000]
            handler.body(b"%x\r\n%s\r\n" % (len(piece), piece))
        if until is None:
            handler.body(b"0\r\n\r\n")

    return reply


def halfway(gate: threading.Event, reached: threading.Event, position: int = HALF) -> Reply:
    """Send the file up to byte `position`, then wait for `gate`."""

    def reply(handler: Handler) -> None:
        handler.head(200, {"ETag": '"v1"', "Content-Length": len(BODY)})
        handler.body(BODY[:position])
        reached.set()
        gate.wait(30)
        handler.body(BODY[position:])

    return reply


def verify_body(path: Path) -> None:
    if hashlib.sha256(path.read_bytes()).digest() != hashlib.sha256(BODY).digest():
        raise InputError(path, "its sha256 is not the published one", "Fetch it from the archive's own page")


def accept_any(path: Path) -> None:
    assert path.exists()


def part(target: Path) -> Path:
    return target.with_name("cells.zip.part")


def record(target: Path) -> Path:
    return target.with_name("cells.zip.part.json")


def assert_done(target: Path) -> None:
    assert target.read_bytes() == BODY
    assert [path.name for path in target.parent.iterdir()] == [target.name]


def leave_partial_file(archive: Archive, target: Path, path: str = "/a", reply: Reply | None = None) -> str:
    """Leave the partial file of a run that was cut off at half of the file."""
    address = archive.serve(path, reply or honest(until=HALF))
    once = Transfer(attempts=1, timeout_s=5, backoff_s=0.001, max_bytes=1_000_000)
    with pytest.raises(InputError, match="broke off"):
        download([address], target, once, verify_body)
    assert part(target).read_bytes() == BODY[:HALF]
    archive.requests.clear()
    archive.sent.clear()
    return address


def test_whole_file(archive: Archive, target: Path) -> None:
    address = archive.serve("/a", honest())
    assert download([address], target, QUICK, verify_body) == address
    assert_done(target)
    assert archive.requests[0][1]["Accept-Encoding"] == "identity"
    assert archive.ranges() == [None]


def test_older_target_is_replaced(archive: Archive, target: Path) -> None:
    target.parent.mkdir()
    target.write_bytes(b"old")
    download([archive.serve("/a", honest())], target, QUICK, verify_body)
    assert_done(target)


def test_follows_a_redirect(archive: Archive, target: Path) -> None:
    far = archive.serve("/far", honest())
    near = archive.serve("/near", raw(302, {"Location": far, "Content-Length": 0}))
    assert download([near], target, QUICK, verify_body) == near
    assert_done(target)


@pytest.mark.parametrize("elsewhere", ["ftp://127.0.0.1/cells.zip", "file:///etc/hostname"])
def test_redirect_to_another_scheme_is_refused(archive: Archive, target: Path, elsewhere: str) -> None:
    address = archive.serve("/a", raw(302, {"Location": elsewhere, "Content-Length": 0}))
    with pytest.raises(InputError, match="the request failed"):
        download([address, elsewhere], target, QUICK, accept_any)
    assert len(archive.requests) == 1
    assert not target.exists()


def test_broken_transfer_goes_on_from_where_it_broke(archive: Archive, target: Path) -> None:
    download([archive.serve("/a", honest(until=HALF), honest())], target, QUICK, verify_body)
    assert archive.ranges() == [None, f"bytes={HALF}-"]
    assert archive.requests[1][1]["If-Range"] == '"v1"'
    assert archive.sent == [HALF, len(BODY) - HALF]
    assert_done(target)


def test_next_run_goes_on_from_where_the_last_one_broke(archive: Archive, target: Path) -> None:
    address = leave_partial_file(archive, target)
    archive.serve("/a", honest())
    download([address], target, QUICK, verify_body)
    assert archive.sent == [len(BODY) - HALF]
    assert_done(target)


def test_connection_reset_is_survived(archive: Archive, target: Path) -> None:
    download([archive.serve("/a", honest(until=HALF, reset=True), honest())], target, QUICK, verify_body)
    assert len(archive.requests) == 2
    assert_done(target)


def test_silent_server_is_retried(archive: Archive, target: Path) -> None:
    gate = threading.Event()
    impatient = Transfer(attempts=2, timeout_s=1.5, backoff_s=0.001, max_bytes=1_000_000)
    download([archive.serve("/a", halfway(gate, threading.Event()), honest())], target, impatient, verify_body)
    gate.set()
    assert archive.ranges() == [None, f"bytes={HALF}-"]
    assert_done(target)


def test_last_modified_serves_where_the_etag_is_weak(archive: Archive, target: Path) -> None:
    date = "Wed, 21 Oct 2015 07:28:00 GMT"
    replies = [honest(etag='W/"v1"', modified=date, until=HALF), honest(etag='W/"v1"', modified=date)]
    download([archive.serve("/a", *replies)], target, QUICK, verify_body)
    assert archive.requests[1][1]["If-Range"] == date
    assert archive.sent == [HALF, len(BODY) - HALF]
    assert_done(target)


def test_without_validators_nothing_is_resumed(archive: Archive, target: Path) -> None:
    download([archive.serve("/a", honest(etag=None, until=HALF), honest(etag=None))], target, QUICK, verify_body)
    assert archive.ranges() == [None, None]
    assert_done(target)


def test_server_without_ranges_starts_over(archive: Archive, target: Path) -> None:
    download([archive.serve("/a", honest(until=HALF), honest(ranges=False))], target, QUICK, verify_body)
    assert archive.ranges() == [None, f"bytes={HALF}-"]
    assert archive.sent == [HALF, len(BODY)]
    assert_done(target)


def test_changed_file_starts_over(archive: Archive, target: Path) -> None:
    download([archive.serve("/a", honest(OTHER, until=HALF), honest(BODY, etag='"v2"'))], target, QUICK, verify_body)
    assert archive.sent == [HALF, len(BODY)]
    assert_done(target)


def rest_of(headers: dict[str, object], data: bytes = BODY[HALF:]) -> Reply:
    return raw(206, {"ETag": '"v1"', "Content-Length": len(data)} | headers, data)


@pytest.mark.parametrize(
    "partial",
    [
        rest_of({"Content-Range": f"bytes {HALF}-{len(BODY) - 1}/{len(BODY)}", "ETag": '"v2"'}),
        rest_of({"Content-Range": f"bytes {HALF - 5}-{len(BODY) - 1}/{len(BODY)}"}),
        rest_of({"Content-Range": f"bytes {HALF}-{len(BODY) - 1}/{len(BODY) + 7}"}),
        rest_of({"Content-Range": f"bytes {HALF}-{len(BODY) + 6}/{len(BODY)}", "Content-Length": HALF + 7}),
        rest_of({"Content-Range": f"bytes {HALF}-{len(BODY) - 2}/{len(BODY)}"}),
        rest_of({"Content-Range": "lines 1-2/3"}),
        rest_of({}),
        raw(416, {"Content-Range": f"bytes */{HALF - 1}", "Content-Length": 0}),
        raw(416, {"Content-Length": 0}),
    ],
    ids=["etag", "start", "total", "end", "length", "unit", "none", "shorter", "416"],
)
def test_partial_reply_that_does_not_fit_starts_over(archive: Archive, target: Path, partial: Reply) -> None:
    address = leave_partial_file(archive, target)
    archive.serve("/a", partial, honest())
    once = Transfer(attempts=1, timeout_s=5, backoff_s=0.001, max_bytes=1_000_000)
    download([address], target, once, verify_body)
    assert archive.ranges() == [f"bytes={HALF}-", None]
    assert_done(target)


def test_range_shorter_than_requested_is_continued(archive: Archive, target: Path) -> None:
    middle = rest_of({"Content-Range": f"bytes {HALF}-{HALF + 9}/{len(BODY)}"}, BODY[HALF : HALF + 10])
    download([archive.serve("/a", honest(until=HALF), middle, honest())], target, QUICK, verify_body)
    assert archive.ranges()[2] == f"bytes={HALF + 10}-"
    assert_done(target)


def test_partial_reply_to_a_whole_request_is_refused(archive: Archive, target: Path) -> None:
    address = archive.serve("/a", rest_of({"Content-Range": f"bytes {HALF}-{len(BODY) - 1}/{len(BODY)}"}))
    with pytest.raises(InputError, match="206"):
        download([address], target, QUICK, accept_any)
    assert len(archive.requests) == 1


def test_complete_part_goes_on_to_verify(archive: Archive, target: Path) -> None:
    def power_cut(path: Path) -> None:
        raise KeyboardInterrupt

    address = archive.serve("/a", honest())
    with pytest.raises(KeyboardInterrupt):
        download([address], target, QUICK, power_cut)
    assert part(target).read_bytes() == BODY
    download([address], target, QUICK, verify_body)
    assert archive.ranges() == [None, f"bytes={len(BODY)}-"]
    assert archive.sent == [len(BODY), len(b"no more")]
    assert_done(target)


def test_declared_length_longer_than_body(archive: Archive, target: Path) -> None:
    headers = {"ETag": '"v1"', "Content-Length": len(BODY) + 10}
    with pytest.raises(InputError, match=f"broke off after {len(BODY)}"):
        download([archive.serve("/a", raw(200, headers, BODY))], target, QUICK, accept_any)
    assert len(archive.requests) == QUICK.attempts
    assert not target.exists()


def test_declared_length_shorter_than_body(archive: Archive, target: Path) -> None:
    liar = archive.serve("/liar", raw(200, {"ETag": '"v1"', "Content-Length": HALF}, BODY))
    good = archive.serve("/good", honest())
    assert download([liar, good], target, QUICK, verify_body) == good
    assert archive.ranges() == [None, None]
    assert_done(target)


def test_chunked_body_longer_than_declared_is_refused(archive: Archive, target: Path) -> None:
    address = archive.serve("/a", chunked(BODY, {"ETag": '"v1"', "Content-Length": HALF}))
    with pytest.raises(InputError, match=f"more than the {HALF} bytes it declared"):
        download([address], target, QUICK, accept_any)
    assert list(target.parent.iterdir()) == []


def test_unknown_length(archive: Archive, target: Path) -> None:
    download([archive.serve("/a", chunked(BODY, {}))], target, QUICK, verify_body)
    assert_done(target)


def test_unknown_length_is_resumed_where_a_validator_is_there(archive: Archive, target: Path) -> None:
    download([archive.serve("/a", chunked(BODY, {"ETag": '"v1"'}, until=HALF), honest())], target, QUICK, verify_body)
    assert archive.ranges() == [None, f"bytes={HALF}-"]
    assert_done(target)


def test_unknown_length_stays_unknown_when_resumed(archive: Archive, target: Path) -> None:
    rest = rest_of({"Content-Range": f"bytes {HALF}-{len(BODY) - 1}/*"})
    download([archive.serve("/a", chunked(BODY, {"ETag": '"v1"'}, until=HALF), rest)], target, QUICK, verify_body)
    assert archive.ranges() == [None, f"bytes={HALF}-"]
    assert_done(target)


def test_unknown_length_is_not_resumed_without_a_validator(archive: Archive, target: Path) -> None:
    download([archive.serve("/a", chunked(BODY, {}, until=HALF), chunked(BODY, {}))], target, QUICK, verify_body)
    assert archive.ranges() == [None, None]
    assert_done(target)


def test_endless_body_is_stopped(archive: Archive, target: Path) -> None:
    hung_up = threading.Event()

    def endless(handler: Handler) -> None:
        handler.head(200, {"ETag": '"v1"'})
        try:
            while True:
                handler.body(bytes(65536))
        except OSError:
            hung_up.set()

    with pytest.raises(InputError, match="more than the 1000000 bytes allowed"):
        download([archive.serve("/a", endless)], target, QUICK, accept_any)
    assert hung_up.wait(10)
    assert list(target.parent.iterdir()) == []


def test_declared_length_above_the_limit_is_not_received(archive: Archive, target: Path) -> None:
    small = Transfer(attempts=3, timeout_s=5, backoff_s=0.001, max_bytes=len(BODY) - 1)
    with pytest.raises(InputError, match=f"{len(BODY)} bytes, more than the {len(BODY) - 1} allowed"):
        download([archive.serve("/a", honest())], target, small, accept_any)
    assert len(archive.requests) == 1
    assert list(target.parent.iterdir()) == []


def test_wrong_bytes_are_deleted_and_the_next_address_is_tried(archive: Archive, target: Path) -> None:
    files_during_request: list[list[str]] = []

    def record_files(handler: Handler) -> None:
        files_during_request.append(sorted(path.name for path in target.parent.iterdir()))
        honest()(handler)

    good = archive.serve("/good", record_files)
    assert download([archive.serve("/bad", honest(OTHER)), good], target, QUICK, verify_body) == good
    assert files_during_request == [["cells.zip.lock"]]
    assert len(archive.requests) == 2
    assert_done(target)


@pytest.mark.parametrize("status", [400, 403, 404, 410])
def test_refusing_address_is_not_retried(archive: Archive, target: Path, status: int) -> None:
    good = archive.serve("/good", honest())
    missing = archive.serve("/gone", raw(status, {"Content-Length": 0}))
    assert download([missing, good], target, QUICK, verify_body) == good
    assert [path for path, _ in archive.requests] == ["/gone", "/good"]
    assert_done(target)


@pytest.mark.parametrize("status", [408, 429, 500, 503])
def test_busy_address_is_retried(archive: Archive, target: Path, status: int) -> None:
    busy = raw(status, {"Content-Length": 0})
    download([archive.serve("/a", busy, busy, honest())], target, QUICK, verify_body)
    assert len(archive.requests) == 3
    assert_done(target)


def test_pauses_double_and_heed_a_small_retry_after(
    archive: Archive, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []
    monkeypatch.setattr(module, "sleep", pauses.append)
    retry_after = ["", "7", "99999", "Wed, 21 Oct 2015 07:28:00 GMT"]
    busy = [raw(503, {"Content-Length": 0, "Retry-After": text}) for text in retry_after]
    patient = Transfer(attempts=5, timeout_s=5, backoff_s=1, max_bytes=1_000_000)
    download([archive.serve("/a", *busy, honest())], target, patient, verify_body)
    assert pauses == [1, 7, 60, 8]


def test_all_addresses_fail(archive: Archive, target: Path) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        closed = f"http://127.0.0.1:{nobody.getsockname()[1]}/closed"
        addresses = [
            archive.serve("/gone", raw(404, {"Content-Length": 0})),
            archive.serve("/busy", raw(503, {"Content-Length": 0})),
            archive.serve("/wrong", honest(OTHER)),
            closed,
        ]
        with pytest.raises(InputError) as caught:
            download(addresses, target, QUICK, verify_body)
    message = str(caught.value)
    expected = ["404", "503", "its sha256 is not the published one", "refused"]
    for address, reason in zip(addresses, expected, strict=True):
        assert re.search(rf"^  {re.escape(address)}: .*{reason}", message, re.MULTILINE)
    assert "Fetch it from the archive's own page" in caught.value.remedy
    assert f"save it as {target}" in caught.value.remedy
    assert list(target.parent.iterdir()) == []


def test_compressed_reply_is_refused(archive: Archive, target: Path) -> None:
    compressed = gzip.compress(BODY)
    address = archive.serve("/a", raw(200, {"Content-Encoding": "gzip", "Content-Length": len(compressed)}, compressed))
    with pytest.raises(InputError, match="compressed \\(gzip\\)"):
        download([address], target, QUICK, accept_any)
    assert len(archive.requests) == 1
    assert list(target.parent.iterdir()) == []


def test_part_from_another_address_is_not_mixed_in(archive: Archive, target: Path) -> None:
    leave_partial_file(archive, target, "/a")
    download([archive.serve("/b", honest())], target, QUICK, verify_body)
    assert archive.ranges() == [None]
    assert_done(target)


def test_part_outlives_another_address_that_gives_nothing(archive: Archive, target: Path) -> None:
    address = leave_partial_file(archive, target, "/a")
    archive.serve("/a", honest())
    missing = archive.serve("/gone", raw(404, {"Content-Length": 0}))
    download([missing, address], target, QUICK, verify_body)
    assert archive.ranges() == [None, f"bytes={HALF}-"]
    assert_done(target)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"address": 1}', "\udcff"])
def test_unreadable_record_starts_over(archive: Archive, target: Path, text: str) -> None:
    address = leave_partial_file(archive, target)
    archive.serve("/a", honest())
    record(target).write_bytes(text.encode(errors="surrogateescape"))
    download([address], target, QUICK, verify_body)
    assert archive.ranges() == [None]
    assert_done(target)


def test_part_longer_than_its_record_starts_over(archive: Archive, target: Path) -> None:
    address = leave_partial_file(archive, target)
    archive.serve("/a", honest())
    part(target).write_bytes(bytes(len(BODY) + 1))
    download([address], target, QUICK, verify_body)
    assert archive.ranges() == [None]
    assert_done(target)


def test_record_says_where_the_part_is_from(archive: Archive, target: Path) -> None:
    address = leave_partial_file(archive, target)
    origin = {"address": address, "etag": '"v1"', "last_modified": None, "total": len(BODY)}
    assert json.loads(record(target).read_text()) == origin


CHILD = """
import resource, sys
from pathlib import Path
from hemabalance.errors import InputError
from hemabalance.sources.download import Transfer, download
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[3]), resource.RLIM_INFINITY))
try:
    download([sys.argv[1]], Path(sys.argv[2]), Transfer(3, 30, 0.001, 1_000_000), lambda path: None)
except InputError as error:
    sys.exit(str(error))
"""


def child(address: str, target: Path, limit: int) -> subprocess.Popen[str]:
    source = str(Path(module.__file__).parents[2])
    command = [sys.executable, "-c", CHILD, address, str(target), str(limit)]
    return subprocess.Popen(command, env={**os.environ, "PYTHONPATH": source}, stderr=subprocess.PIPE, text=True)


def wait_until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_killed_run_is_resumed(archive: Archive, target: Path) -> None:
    gate, reached = threading.Event(), threading.Event()
    address = archive.serve("/a", halfway(gate, reached, position=1000), honest())
    process = child(address, target, resource.RLIM_INFINITY)
    assert reached.wait(30)
    wait_until(lambda: part(target).exists() and part(target).stat().st_size == 1000)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    gate.set()
    assert not target.exists()
    download([address], target, QUICK, verify_body)
    assert archive.ranges() == [None, "bytes=1000-"]
    assert_done(target)


def test_disk_that_fills_up_keeps_the_part(archive: Archive, target: Path) -> None:
    address = archive.serve("/a", honest())
    process = child(address, target, len(BODY) - 1)
    _, message = process.communicate(timeout=30)
    assert process.returncode == 1
    assert f"{len(BODY) - 1} bytes of the download are kept" in message
    assert str(part(target)) in message
    assert not target.exists()
    download([address], target, QUICK, verify_body)
    assert archive.ranges() == [None, f"bytes={len(BODY) - 1}-"]
    assert_done(target)


def test_full_disk_is_reported(archive: Archive, target: Path) -> None:
    target.parent.mkdir()
    part(target).symlink_to("/dev/full")
    with pytest.raises(InputError, match="No space left on device"):
        download([archive.serve("/a", honest())], target, QUICK, accept_any)
    assert not target.exists()


def test_second_download_at_once_is_refused(archive: Archive, target: Path) -> None:
    gate, reached = threading.Event(), threading.Event()
    address = archive.serve("/a", halfway(gate, reached))
    first = threading.Thread(target=download, args=([address], target, QUICK, verify_body))
    first.start()
    assert reached.wait(30)
    with pytest.raises(InputError, match="another run is downloading this file"):
        download([address], target, QUICK, verify_body)
    gate.set()
    first.join(30)
    assert len(archive.requests) == 1
    assert_done(target)


def test_lock_file_left_by_a_killed_run_is_reused(archive: Archive, target: Path) -> None:
    target.parent.mkdir()
    target.with_name("cells.zip.lock").touch()
    download([archive.serve("/a", honest())], target, QUICK, verify_body)
    assert_done(target)


def test_lock_on_a_removed_file_does_not_count(archive: Archive, target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lock, flock = target.with_name("cells.zip.lock"), fcntl.flock

    def after_the_other_run_ended(handle: io.IOBase, operation: int) -> None:
        lock.unlink()
        flock(handle, operation)

    monkeypatch.setattr(fcntl, "flock", after_the_other_run_ended)
    with pytest.raises(InputError, match="another run is downloading this file"):
        download([archive.serve("/a", honest())], target, QUICK, verify_body)
    assert archive.requests == []


def test_folder_that_cannot_be_made(archive: Archive, tmp_path: Path) -> None:
    (tmp_path / "raw").write_bytes(b"a file")
    with pytest.raises(InputError, match="can be written to"):
        download([archive.serve("/a", honest())], tmp_path / "raw" / "cells.zip", QUICK, accept_any)
    assert archive.requests == []


def test_log_shows_bytes_rate_and_total(archive: Archive, target: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="hemabalance"):
        download([archive.serve("/a", honest())], target, QUICK, verify_body)
    lines = [message.getMessage() for message in caplog.records]
    assert re.fullmatch(r"cells\.zip: 100% 400k/400k \[.*B/s\]", lines[-1])


def test_terminal_gets_a_bar(archive: Archive, target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    download([archive.serve("/a", honest(until=HALF), honest())], target, QUICK, verify_body)
    assert re.search(r"cells\.zip: +50%\|", screen.getvalue())
    assert re.search(r"cells\.zip: +100%\|.*400k/400k \[.*B/s\]", screen.getvalue())
