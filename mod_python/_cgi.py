# Licensed under the Apache License, Version 2.0; see LICENSE.
"""The environment, standard input and output that CGI programs expect."""

from __future__ import annotations

import io
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import MutableMapping
    from typing import Any, TextIO

    Environ = MutableMapping[str, str]

MAX_HEADERS = 65536  # bytes


def build_cgi_env(req: Any) -> dict[str, str]:
    """The CGI variables of a request as a dict of str.

    What httpd gives to its own CGI programs, and HTTP_AUTHORIZATION, which
    httpd keeps to itself. See ap_add_common_vars(), ap_add_cgi_vars().
    """
    req.add_common_vars()
    req.add_cgi_vars()
    env = {
        name: value
        for name, value in req.subprocess_env.items()
        if isinstance(value, str)
    }
    authorization = req.headers_in.get("Authorization")
    if authorization is not None:
        env["HTTP_AUTHORIZATION"] = authorization
    return env


class NullIO(io.TextIOBase):
    """A text file that is empty, and takes and forgets what is written."""

    def readable(self) -> bool:
        return True

    def writable(self) -> bool:
        return True

    def read(self, size: int | None = -1) -> str:  # noqa: ARG002
        return ""

    def readline(self, size: int = -1) -> str:  # type: ignore[override]  # noqa: ARG002
        return ""

    def write(self, text: str) -> int:
        return len(text)


class _Body(io.RawIOBase):
    """The request body as a raw file."""

    def __init__(self, req: Any) -> None:
        super().__init__()
        self._req = req

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        return int(self._req.readinto(buffer))


class CGIStdin(io.TextIOWrapper):
    """Standard input of a CGI program: the request body as UTF-8 text, its
    bytes in ``buffer``."""

    def __init__(self, req: Any) -> None:
        super().__init__(
            io.BufferedReader(_Body(req)), "utf-8", "surrogateescape", newline=""
        )


class _Response(io.RawIOBase):
    """Takes what a CGI program prints: headers, an empty line, the body."""

    def __init__(self, req: Any) -> None:
        super().__init__()
        self._req = req
        self._head: bytearray | None = bytearray()  # None: headers are done

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        size = memoryview(data).nbytes
        if self._head is None:
            if size:
                self._req.write(data, 0)
            return size
        self._head += data
        self._take_headers()
        return size

    def _take_headers(self) -> None:
        head = self._head
        assert head is not None
        begin = 0
        while True:
            end = head.find(b"\n", begin)
            if end < 0:
                break
            if not head[begin:end].strip():
                self._head = None
                self._set_headers(bytes(head[:begin]))
                body = bytes(head[end + 1 :])
                if body:
                    self._req.write(body, 0)
                return
            begin = end + 1
        if len(head) > MAX_HEADERS:
            raise self._wrong("its headers do not end")

    def _set_headers(self, head: bytes) -> None:
        req = self._req
        for line in head.decode("utf-8", "surrogateescape").splitlines():
            name, colon, value = line.partition(":")
            name, value = name.strip(), value.strip()
            if not colon or not name:
                raise self._wrong(f"this is not a header: {line!r}")
            lower = name.lower()
            if lower == "status":
                self._set_status(value)
            elif lower == "content-type":
                req.content_type = value
            elif lower == "content-length":
                req.set_content_length(int(value))
            elif lower == "location":
                req.headers_out[name] = value
                if req.status == 200:
                    req.status = 302
            else:
                req.headers_out.add(name, value)

    def _set_status(self, value: str) -> None:
        number = value.split(None, 1)[0] if value else ""
        if len(number) != 3 or not number.isdecimal():
            raise self._wrong(f"this is not a status: {value!r}")
        self._req.status = int(number)
        if value != number:
            self._req.status_line = value

    def finish(self) -> None:
        """The program has ended: ValueError when its headers have not."""
        if self._head:
            raise self._wrong(
                "it ended within its headers: there is no empty line after them"
            )

    def _wrong(self, what: str) -> ValueError:
        return ValueError(f"the CGI program {self._req.filename}: {what}")


class CGIStdout(io.TextIOWrapper):
    """Standard output of a CGI program: headers (``Status:``,
    ``Content-Type:`` and others), an empty line, the body. Text is sent as
    UTF-8, bytes through ``buffer``."""

    def __init__(self, req: Any) -> None:
        self._response = _Response(req)
        super().__init__(
            self._response,  # type: ignore[arg-type]
            "utf-8",
            "surrogateescape",
            newline="\n",
            write_through=True,
        )

    def finish(self) -> None:
        """To be called when the program has ended: ValueError when it ended
        within its headers."""
        self.flush()
        self._response.finish()


def setup_cgi(req: Any) -> tuple[Environ, TextIO, TextIO]:
    """Puts environment, standard input and output of a CGI program in place.

    Returns what restore_nocgi() needs to put the old ones back. They are
    those of the whole interpreter: one thread at a time.
    """
    old = (os.environ, sys.stdin, sys.stdout)
    # a plain dict: the environment of the process is for all its threads
    env = {**os.environ, **build_cgi_env(req)}
    os.environ = env  # type: ignore[assignment]  # noqa: B003
    sys.stdin = CGIStdin(req)
    sys.stdout = CGIStdout(req)
    return old


def restore_nocgi(env: Environ, si: TextIO, so: TextIO) -> None:
    """Puts back what setup_cgi() returned."""
    out = sys.stdout
    os.environ = env  # type: ignore[assignment]  # noqa: B003
    sys.stdin = si
    sys.stdout = so
    if isinstance(out, CGIStdout):
        out.flush()
