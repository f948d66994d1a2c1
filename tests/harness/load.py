# Licensed under the Apache License, Version 2.0; see LICENSE.
"""Many requests from several processes, each answer looked at.

Made for numbers: a request is bytes made before, an answer is taken apart no
further than its check needs.
"""
from __future__ import annotations

import itertools
import multiprocessing
import random
import re
import socket
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection

from .tools import reset

LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
CHUNKED = re.compile(rb"\r\ntransfer-encoding: *chunked", re.IGNORECASE)
CLOSE = re.compile(rb"\r\nconnection: *close", re.IGNORECASE)

# of one connection, as clients do
REQUESTS_PER_CONNECTION = 50


class ClosedError(Exception):
    """The server closed before the first byte of an answer."""


@dataclass(frozen=True)
class Ask:
    """A request and what its answer must be."""

    name: str
    data: bytes
    status: int = 200
    body: bytes | None = None  # None: any
    weight: int = 10
    abort: int = -1  # >= 0: the client goes away after so many bytes


def connect(port: int, timeout: float = 60.0) -> socket.socket:
    made = socket.create_connection(("127.0.0.1", port), timeout)
    made.setsockopt(socket.SOL_TCP, socket.TCP_NODELAY, 1)
    return made


def request(path: str, method: str = "GET", body: bytes = b"",
            **headers: str) -> bytes:
    """The bytes of a request; a_b=... is the header a-b."""
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost"]
    lines += [f"{name.replace('_', '-')}: {value}"
              for name, value in headers.items()]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


class Line:
    """One connection, made anew when it is closed."""

    def __init__(self, port: int, keep: int = REQUESTS_PER_CONNECTION,
                 timeout: float = 60.0) -> None:
        self.port, self.keep, self.timeout = port, keep, timeout
        self.head = b""  # of the last answer: status line and headers
        self._socket: socket.socket | None = None
        self._rest = b""
        self._served = 0

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
        self._socket, self._rest, self._served = None, b"", 0

    def _connect(self) -> socket.socket:
        if self._socket is None:
            self._socket = connect(self.port, self.timeout)
        return self._socket

    def _more(self) -> None:
        assert self._socket is not None
        data = self._socket.recv(65536)
        if not data:
            if self._rest:
                raise EOFError(f"closed after {self._rest[-80:]!r}")
            raise ClosedError
        self._rest += data

    def _exactly(self, size: int) -> bytes:
        while len(self._rest) < size:
            self._more()
        data, self._rest = self._rest[:size], self._rest[size:]
        return data

    def _to(self, end: bytes) -> bytes:
        while end not in self._rest:
            self._more()
        data, _, self._rest = self._rest.partition(end)
        return data

    def _body(self, status: int, head: bytes) -> bytes:
        if status in (204, 304) or 100 <= status < 200:
            return b""
        if CHUNKED.search(head):
            parts = []
            while size := int(self._to(b"\r\n").partition(b";")[0], 16):
                parts.append(self._exactly(size))
                self._exactly(2)
            while self._to(b"\r\n"):
                pass  # trailers
            return b"".join(parts)
        length = LENGTH.search(head)
        if length is None:
            raise EOFError(f"no length in {head[:200]!r}")
        return self._exactly(int(length[1]))

    def _answer(self, data: bytes) -> tuple[int, bytes]:
        self._connect().sendall(data)
        status = 100
        while status == 100:
            head = self._to(b"\r\n\r\n")
            status = int(head[9:12])
        body = self._body(status, head)
        self.head = head
        self._served += 1
        if CLOSE.search(head) or self._served >= self.keep:
            self.close()
        return status, body

    def ask(self, data: bytes) -> tuple[int, bytes]:
        """Status and body. A kept connection that the server closed without a
        word is made anew once, as every client does."""
        used = self._served > 0
        try:
            return self._answer(data)
        except (ClosedError, ConnectionError):
            self.close()
            if not used:
                raise
            return self._answer(data)

    def abort(self, data: bytes, after: int) -> None:
        """Sends a request and goes away, with a reset, after some bytes of
        the answer."""
        self.close()
        made = self._connect()
        made.sendall(data)
        got = 0
        while got < after:
            more = len(made.recv(min(after - got, 65536)))
            if not more:
                break
            got += more
        reset(made)
        self.close()


@dataclass
class Result:
    """What became of a load."""

    done: int = 0
    failed: list[str] = field(default_factory=list)

    def add(self, other: Result) -> None:
        self.done += other.done
        self.failed += other.failed[:20]


def problem(line: Line, ask: Ask) -> str:
    """Sends one; '' when the answer is right."""
    try:
        if ask.abort >= 0:
            line.abort(ask.data, ask.abort)
            return ""
        status, body = line.ask(ask.data)
    except (OSError, EOFError, ClosedError, ValueError) as error:
        line.close()
        return f"{ask.name}: {error!r}"
    if status != ask.status:
        return f"{ask.name}: {status} {body[:80]!r}"
    if ask.body is not None and body != ask.body:
        return f"{ask.name}: {body[:80]!r}"
    return ""


def _thread(port: int, asks: Sequence[Ask], seed: int, count: int,
            stop: Callable[[], bool], keep: int, result: Result) -> None:
    choose = random.Random(seed)
    weights = list(itertools.accumulate(ask.weight for ask in asks))
    line = Line(port, keep)
    for _ in range(count):
        if stop():
            break
        wrong = problem(line, choose.choices(asks, cum_weights=weights)[0])
        result.done += 1
        if wrong:
            result.failed.append(wrong)
    line.close()


def run(port: int, asks: Sequence[Ask], count: int, *, threads: int = 8,
        seed: int = 0, keep: int = REQUESTS_PER_CONNECTION,
        stop: Callable[[], bool] = lambda: False) -> Result:
    """count requests from threads of this process."""
    results = [Result() for _ in range(threads)]
    made = [threading.Thread(target=_thread, args=(
        port, asks, seed * 1000 + number, count // threads, stop, keep, one))
        for number, one in enumerate(results)]
    for thread in made:
        thread.start()
    for thread in made:
        thread.join()
    total = Result()
    for one in results:
        total.add(one)
    return total


def _process(sender: Connection, port: int, asks: Sequence[Ask], count: int,
             threads: int, seed: int) -> None:
    with sender:
        sender.send(run(port, asks, count, threads=threads, seed=seed))


def run_processes(port: int, asks: Sequence[Ask], count: int, *,
                  processes: int = 2, threads: int = 8,
                  seed: int = 0) -> Result:
    """The same from several processes."""
    # not a Pool: its locks need a /dev/shm that everybody may write
    context = multiprocessing.get_context("forkserver")
    total = Result()
    started = []
    for number in range(processes):
        receiver, sender = context.Pipe(duplex=False)
        process = context.Process(target=_process, args=(
            sender, port, asks, count // processes, threads,
            seed * 100 + number))
        process.start()
        sender.close()
        started.append((process, receiver))
    for process, receiver in started:
        with receiver:
            total.add(receiver.recv())
        process.join()
    return total
