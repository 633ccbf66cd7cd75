"""Answers are bounded: by one deadline for all of it, and by size before and after unpacking."""

from __future__ import annotations

import gzip
import os
import subprocess
import sys
import time
import zlib
from typing import TYPE_CHECKING

import httpx
import pytest
from support.hostile_server import hostile_server, whole

from falcoport.errors import EXIT_OK, EXIT_PORT
from falcoport.network import Network
from falcoport.port.connection import (
    MAX_ANSWER,
    MAX_VALUES,
    Answer,
    AnswerTooLargeError,
    GarbledAnswerError,
    exchange,
    open_client,
)

if TYPE_CHECKING:
    import socket
    import threading
    from collections.abc import Callable

    Answering = Callable[[socket.socket, threading.Event], None]

GZIP = "Content-Encoding: gzip"
MEMORY = 200 * 1024 * 1024


def gives(answer: bytes) -> Answering:
    return lambda connection, _stopping: connection.sendall(answer)


def drip(start: bytes) -> Answering:
    """Begin an answer, and go on with a byte now and then for as long as anybody listens."""

    def answer(connection: socket.socket, stopping: threading.Event) -> None:
        connection.sendall(start)
        while not stopping.wait(0.1):
            connection.sendall(b" ")

    return answer


def endless(connection: socket.socket, stopping: threading.Event) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    connection.settimeout(10)
    while not stopping.is_set():
        connection.sendall(b"10000\r\n" + b"x" * 0x10000 + b"\r\n")


def endless_headers(connection: socket.socket, stopping: threading.Event) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\n")
    while not stopping.is_set():
        connection.sendall(b"X-Header: " + b"x" * 4096 + b"\r\n")


def silence(_connection: socket.socket, stopping: threading.Event) -> None:
    stopping.wait(30)


def bomb() -> bytes:
    """Return 600 kB of gzip that stand for 600 MB."""
    packer = zlib.compressobj(9, wbits=31)
    zeros = b"0" * (1 << 20)
    return b"".join([*(packer.compress(zeros) for _ in range(600)), packer.flush()])


HOSTILE: dict[str, Answering] = {
    "a drip in the body": drip(b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n{"),
    "a drip in the headers": drip(b"HTTP/1.1 200 OK\r\nX-Slow: "),
    "a drip before the status": drip(b"HTTP/1.1"),
    "no answer": silence,
    "an endless body": endless,
    "headers that break off": gives(whole(b"")[:-4]),
    "a body that breaks off": gives(whole(b'{"ok":true}')[:-2]),
    "a bomb": gives(whole(bomb(), GZIP)),
    "many values": gives(whole(b'{"a":[' + b"{}," * 5_000_000 + b"{}]}")),
    "deep nesting": gives(whole(b'{"a":' + b"[" * 200_000 + b"]" * 200_000 + b"}")),
    "broken gzip": gives(whole(b"\x1f\x8b" + b"x" * 100, GZIP)),
    "gzip that breaks off": gives(whole(gzip.compress(b'{"ok":true}')[:-9], GZIP)),
    "another compression": gives(whole(b"x" * 10, "Content-Encoding: br")),
    "a redirect": gives(whole(b"", "Location: /v1/loop", status="302 Found")),
    "a status that is none": gives(b"HTTP/1.1 9999 ?\r\n\r\n"),
    "headers without end": endless_headers,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_answer_is_one_sentence_within_time_and_memory(name: str) -> None:
    with hostile_server(HOSTILE[name]) as server:
        started = time.monotonic()
        ran, peak = run_caged(server.url, "show-url", "--timeout", "0.5")
        took = time.monotonic() - started
    assert ran.returncode == EXIT_PORT, ran.stderr
    assert ran.stdout == ""
    assert ran.stderr.count("error: ") == 1, ran.stderr
    assert "Traceback" not in ran.stderr
    assert peak < MEMORY
    # Five attempts of half a second, the pauses between them, and the start.
    assert took < 30


def run_caged(url: str, *arguments: str) -> tuple[subprocess.CompletedProcess[str], int]:
    """Run a command in a process of its own; return it and the most memory it took, in bytes."""
    code = (
        "import re, sys, stamina\n"
        "stamina.set_testing(True, attempts=2)\n"
        "from falcoport.cli.app import run\n"
        "code = run(sys.argv[1:])\n"
        "sys.stdout.flush()\n"
        # Not ru_maxrss: that begins with what the process that started this one took.
        "status = open('/proc/self/status').read()\n"
        "print('PEAK', re.search(r'VmHWM:\\s+(\\d+)', status)[1], file=sys.stderr)\n"
        "sys.exit(code)\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env=os.environ
        | {"PORT_API_URL": url, "PORT_CLIENT_ID": "id", "PORT_CLIENT_SECRET": "secret-4711"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    said, _, peak = ran.stderr.rpartition("PEAK ")
    ran.stderr = said
    return ran, int(peak) * 1024


def test_the_deadline_holds_for_the_token_too() -> None:
    with hostile_server(HOSTILE["a drip in the headers"], tokens_too=True) as server:
        ran, _peak = run_caged(server.url, "show-url", "--timeout", "0.5")
    assert ran.returncode == EXIT_PORT
    assert "Port did not answer within 0.5 s." in ran.stderr


def test_a_kept_connection_has_a_deadline_for_each_request() -> None:
    """What is left of the first request's time is not the second one's."""
    with (
        hostile_server(drip(b"HTTP/1.1 200 OK\r\nX-Slow: ")) as server,
        open_client(Network(), server.url, headers={}) as client,
    ):
        for _ in range(2):
            started = time.monotonic()
            with pytest.raises(httpx.ReadTimeout):
                exchange(client, client.build_request("GET", server.url), 0.4)
            assert 0.3 < time.monotonic() - started < 3


@pytest.mark.parametrize(
    "answer",
    [
        whole(b'{"ok":true}'),
        whole(gzip.compress(b'{"ok":true}'), GZIP),
        whole(zlib.compress(b'{"ok":true}'), "Content-Encoding: deflate"),
        whole(gzip.compress(b'{"ok":' + b" " * 1_000_000 + b"true}"), GZIP),
        whole(b'{"ok":true}', "Content-Encoding: identity"),
    ],
)
def test_ordinary_answers_are_read_whole(answer: bytes) -> None:
    with (
        hostile_server(gives(answer)) as server,
        open_client(Network(), server.url, headers={}) as client,
    ):
        found = exchange(client, client.build_request("GET", server.url), 5)
    assert found.json_object() == {"ok": True}


@pytest.mark.parametrize("packed", [False, True])
def test_the_limit_is_exact(packed: bool) -> None:
    for size, error in ((1000, None), (1001, AnswerTooLargeError)):
        body = b"x" * size
        answer = whole(gzip.compress(body), GZIP) if packed else whole(body)
        with (
            hostile_server(gives(answer)) as server,
            open_client(Network(), server.url, headers={}) as client,
        ):
            request = client.build_request("GET", server.url)
            if error is None:
                assert exchange(client, request, 5, limit=1000).body == body
            else:
                with pytest.raises(error):
                    exchange(client, request, 5, limit=1000)


def test_many_values_are_too_large_and_many_bytes_are_not() -> None:
    assert Answer(200, {}, b'{"a":"' + b"x" * (MAX_ANSWER - 8) + b'"}').json_object()
    with pytest.raises(AnswerTooLargeError, match="values"):
        Answer(200, {}, b"[" * (MAX_VALUES + 1)).json_object()


def test_gzip_that_breaks_off_is_no_answer() -> None:
    with (
        hostile_server(gives(whole(gzip.compress(b"{}")[:-1], GZIP))) as server,
        open_client(Network(), server.url, headers={}) as client,
        pytest.raises(GarbledAnswerError),
    ):
        exchange(client, client.build_request("GET", server.url), 5)


def test_an_ordinary_run_passes_the_cage() -> None:
    """The cage itself fails nothing: a command that asks nobody ends well in it."""
    ran, peak = run_caged("http://127.0.0.1:1", "export", "--offline", "--format", "json", "-q")
    assert ran.returncode == EXIT_OK, ran.stderr
    assert peak < MEMORY
