# SPDX-License-Identifier: Apache-2.0
"""Large bodies: what they cost in memory and time, beside C and httpd's own
files; and one client that is slow beside many that are not."""
from __future__ import annotations

import socket
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from harness import proc

from ..baseline import location, python, writes
from ..bench import Bench
from ..callgrind import count
from ..server import Server, ServerError
from ..wrk import Load, run

TITLE = "Streams"

GIGABYTE = 1 << 30
PIECE = 65536
PAIRS = 7
SLOW_PAIRS = 15
MAY_GROW = 8.0  # MB

# valgrind counts "rep movsb" as an instruction for each byte: the C library
# copies with vectors, as it does less than 2 kB anyway
VECTORS = {"GLIBC_TUNABLES": "glibc.cpu.x86_rep_movsb_threshold=100000000"}

SERVER = """\
PythonOutputFilter bench_streams::identity OUT
PythonInputFilter bench_streams::identity IN
""" + python("/down", "bench_streams::download") + python(
    "/up", "bench_streams::upload") + python(
    "/through", "bench_streams::upload", "SetInputFilter IN") + python(
    "/sent", "bench_streams::sendfile") + python(
    "/hello", "bench_hello") + writes(
    "/c", PIECE, GIGABYTE // PIECE) + location(
    "/filtered", "SetOutputFilter OUT")


def measure(bench: Bench) -> None:
    _small_file(bench)
    if bench.quick:
        return
    # a thread for each client: event closes connections that wait for one
    with bench.server(SERVER + alias("filtered"), mpm="event",
                      threads=64) as server:
        _large_file(server)
        download(server, "/large")  # from here on it is in the page cache
        _memory(bench, server)
        _speed(bench, server)
        _slow_client(bench, server)


def alias(*names: str) -> str:
    return "".join(f'Alias /{name} "${{DOCROOT}}"\n' for name in names)


def _small_file(bench: Bench) -> None:
    """What a filter adds to 10 kB of httpd's own."""
    config = (
        # what happens once a second is not counted on a busy machine
        "PythonAutoReload Off\n"
        "PythonOutputFilter bench_streams::identity OUT\n"
        "PythonOutputFilter bench_streams::passes PASS\n"
        + location("/plain", "Options FollowSymLinks")
        + location("/filtered", "SetOutputFilter OUT")
        + location("/passed", "SetOutputFilter PASS")
        + alias("plain", "filtered", "passed"))
    with bench.server(config, callgrind=True, environ=VECTORS,
                      files={"small": "Hello World!\n" * 788}) as server:
        plain = count(server, "/plain/small")
        bench.add("output filter that passes on, a file of 10 kB",
                  count(server, "/passed/small") - plain, at_most=4000)
        bench.add("output filter that reads and writes it",
                  count(server, "/filtered/small") - plain)


def _large_file(server: Server) -> None:
    """Of holes: the disk must not be what is measured."""
    path = Path(server.docroot, "large")
    with path.open("wb") as file:
        file.truncate(GIGABYTE)
    path.chmod(0o644)


# -- memory -------------------------------------------------------------------


def _memory(bench: Bench, server: Server) -> None:
    pieces = GIGABYTE // PIECE
    for title, transfer in {
        "upload read in pieces": lambda: upload(server, "/up"),
        "download written in pieces":
            lambda: download(server, f"/down?{pieces}"),
        "static file through an output filter":
            lambda: download(server, "/filtered/large"),
        "upload through an input filter": lambda: upload(server, "/through"),
    }.items():
        bench.add(f"memory of the child over 1 GB: {title}",
                  growth(server, transfer), "MB more", at_most=MAY_GROW)


def growth(server: Server, transfer: Callable[[], object]) -> float:
    """How many MB the resident memory of the child grows meanwhile."""
    [child] = server.children()
    before = most = proc.rss(child)
    done = threading.Event()

    def watch() -> None:
        nonlocal most
        while not done.wait(0.02):
            most = max(most, proc.rss(child))

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        transfer()
    finally:
        done.set()
        thread.join()
    return (most - before) / 1e6


# -- time -----------------------------------------------------------------------


def _speed(bench: Bench, server: Server) -> None:
    def ratio(path: str, other: str) -> float:
        return times_ratio(lambda: download(server, path),
                           lambda: download(server, other))

    pieces = GIGABYTE // PIECE
    bench.add("download written in pieces", ratio(f"/down?{pieces}", "/c"),
              "of C", at_least=0.9)
    bench.add("sendfile", ratio("/sent", "/large"), "of httpd's own file",
              at_least=0.95)
    bench.add("static file through an identity output filter",
              ratio("/filtered/large", "/large"), "of the unfiltered file",
              at_least=0.6)


def times_ratio(one: Callable[[], object],
                other: Callable[[], object]) -> float:
    """How fast one is in parts of the other: the median of pairs."""
    def seconds(work: Callable[[], object]) -> float:
        begin = time.perf_counter()
        work()
        return time.perf_counter() - begin

    found = []
    for n in range(PAIRS):
        if n % 2:
            mine = seconds(one)
            found.append(seconds(other) / mine)
        else:
            found.append(seconds(other) / seconds(one))
    return statistics.median(found)


def _slow_client(bench: Bench, server: Server) -> None:
    """It takes 1 kB/s of what a handler writes without an end in sight."""
    def fast() -> float:
        return run(server.url("/hello"), Load(connections=50)).per_second

    def beside() -> float:
        with slow_client(server, f"/down?{GIGABYTE // PIECE}"):
            return fast()

    found = []
    for n in range(SLOW_PAIRS):
        if n % 2:
            alone = fast()
            found.append(beside() / alone)
        else:
            found.append(beside() / fast())
    bench.add("50 fast clients beside one of 1 kB/s",
              statistics.median(found), "of without it", at_least=0.9)


@contextmanager
def slow_client(server: Server, path: str) -> Iterator[None]:
    stop = threading.Event()
    with socket.socket() as peer:
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        peer.connect(("127.0.0.1", server.port()))
        peer.sendall(_request("GET", path))

        def read() -> None:
            while not stop.wait(0.1):
                peer.recv(100)

        thread = threading.Thread(target=read)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()


# -- clients ----------------------------------------------------------------------


def _request(method: str, path: str, length: int = 0) -> bytes:
    return (f"{method} {path} HTTP/1.0\r\nHost: localhost\r\n"
            f"Content-Length: {length}\r\n\r\n").encode()


def _check(peer: socket.socket) -> tuple[bytes, int]:
    """The first of an answer, and how much of the body is in there."""
    data = b""
    while b"\r\n\r\n" not in data:
        part = peer.recv(PIECE)
        if not part:
            break
        data += part
    head, _, body = data.partition(b"\r\n\r\n")
    if b" 200 " not in head.split(b"\r\n")[0]:
        raise ServerError(f"no good answer: {head!r}")
    return body, len(body)


def download(server: Server, path: str) -> None:
    """Takes a gigabyte as fast as it comes. HTTP/1.0: no chunks."""
    buffer = bytearray(1 << 20)
    with socket.create_connection(("127.0.0.1", server.port())) as peer:
        peer.sendall(_request("GET", path))
        _, total = _check(peer)
        while size := peer.recv_into(buffer):
            total += size
    if total != GIGABYTE:
        raise ServerError(f"{path}: {total} bytes\n{server.log()}")


def upload(server: Server, path: str) -> None:
    """Gives a gigabyte; the answer must be its size."""
    data = memoryview(b"x" * (1 << 20))
    with socket.create_connection(("127.0.0.1", server.port())) as peer:
        peer.sendall(_request("POST", path, GIGABYTE))
        for _ in range(GIGABYTE // len(data)):
            peer.sendall(data)
        body, _ = _check(peer)
        while part := peer.recv(100):
            body += part
    if body != str(GIGABYTE).encode():
        raise ServerError(f"{path}: {body!r}\n{server.log()}")
