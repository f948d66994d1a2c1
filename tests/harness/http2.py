# SPDX-License-Identifier: Apache-2.0
"""An HTTP/2 client for one connection; the protocol itself is h2's."""
from __future__ import annotations

import socket
import ssl
from collections.abc import Iterable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.exceptions

from .raw import IncompleteError, RawResponse
from .tools import reset


@dataclass
class _Stream:
    """What has come of a response."""

    headers: list[tuple[str, str]] = field(default_factory=list)
    interim: list[RawResponse] = field(default_factory=list)
    body: bytes = b""
    ended: bool = False
    reset: int | None = None


def _text(headers: Iterable[tuple[Any, Any]]) -> list[tuple[str, str]]:
    """What header_encoding has made text of; h2's types allow bytes too."""
    return [(str(name), str(value)) for name, value in headers]


def _response(headers: list[tuple[str, str]]) -> RawResponse:
    return RawResponse(int(dict(headers)[":status"]), "", "HTTP/2",
                       [pair for pair in headers if pair[0][0] != ":"])


class Http2:
    """Streams on one connection: with prior knowledge, or ALPN over TLS."""

    def __init__(self, port: int, timeout: float = 10.0,
                 tls: ssl.SSLContext | None = None,
                 server_name: str = "localhost") -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.scheme = "http"
        if tls is not None:
            tls.set_alpn_protocols(["h2"])
            wrapped = tls.wrap_socket(self.socket,
                                      server_hostname=server_name)
            self.socket = wrapped
            self.scheme = "https"
            assert wrapped.selected_alpn_protocol() == "h2"
        self.closed = False
        self._streams: dict[int, _Stream] = {}
        self._h2 = h2.connection.H2Connection(h2.config.H2Configuration(
            header_encoding="utf-8"))
        self._h2.initiate_connection()
        self._flush()

    def __enter__(self) -> Http2:
        return self

    def __exit__(self, kind: type[BaseException] | None,
                 value: BaseException | None,
                 traceback: TracebackType | None) -> None:
        self.close()

    # -- frames -----------------------------------------------------------

    def _flush(self) -> None:
        self.socket.sendall(self._h2.data_to_send())

    def _pump(self) -> None:
        """Waits for frames and takes them."""
        try:
            data = self.socket.recv(65536)
        except ConnectionResetError:
            data = b""
        if not data:
            self.closed = True
            raise IncompleteError("the server closed the connection")
        for event in self._h2.receive_data(data):
            self._take(event)
        self._flush()

    def _take(self, event: h2.events.Event) -> None:
        if isinstance(event, h2.events.ConnectionTerminated):
            self.closed = True
            return
        stream = self._streams.get(getattr(event, "stream_id", 0) or 0)
        if stream is None:
            return
        if isinstance(event, h2.events.InformationalResponseReceived):
            stream.interim.append(_response(_text(event.headers)))
        elif isinstance(event, h2.events.ResponseReceived):
            stream.headers = _text(event.headers)
        elif isinstance(event, h2.events.DataReceived):
            stream.body += event.data
            self._h2.acknowledge_received_data(
                event.flow_controlled_length, event.stream_id)
        elif isinstance(event, h2.events.StreamEnded):
            stream.ended = True
        elif isinstance(event, h2.events.StreamReset):
            stream.reset = int(event.error_code)

    # -- sending ------------------------------------------------------------

    def send_request(self, target: str = "/", method: str = "GET",
                     headers: Iterable[tuple[str, str]] = (),
                     body: bytes | None = None, end: bool = True,
                     host: str = "localhost") -> int:
        """Sends a request; end=False: send() goes on with the body."""
        number: int = self._h2.get_next_available_stream_id()
        self._streams[number] = _Stream()
        names = [(":method", method), (":path", target),
                 (":scheme", self.scheme), (":authority", host)]
        if body is not None:
            names.append(("content-length", str(len(body))))
        names += [(name.lower(), value) for name, value in headers]
        self._h2.send_headers(number, names, end_stream=end and not body)
        self._flush()
        if body:
            self.send(number, body, end)
        return number

    def send(self, number: int, data: bytes, end: bool = False) -> None:
        """Data of a body, as far as the server lets us."""
        while data or end:
            room = min(self._h2.local_flow_control_window(number),
                       self._h2.max_outbound_frame_size)
            if data and room == 0:
                self._pump()
                if self._streams[number].reset is not None:
                    return
                continue
            part, data = data[:room], data[room:]
            self._h2.send_data(number, part, end_stream=end and not data)
            self._flush()
            if not data:
                return

    def reset(self, number: int) -> None:
        """Gives a stream up."""
        self._h2.reset_stream(number, h2.errors.ErrorCodes.CANCEL)
        self._flush()

    def abort(self) -> None:
        """Closes with RST."""
        reset(self.socket)

    def close(self) -> None:
        self.socket.close()

    # -- receiving ------------------------------------------------------------

    def _check(self, stream: _Stream) -> None:
        if stream.reset is not None:
            error = IncompleteError(f"stream reset with {stream.reset} after "
                                    f"{len(stream.body)} bytes")
            if stream.headers:
                error.partial = self._so_far(stream)
            raise error

    def _so_far(self, stream: _Stream) -> RawResponse:
        response = _response(stream.headers)
        response.interim = stream.interim
        response.body = stream.body
        return response

    def read_head(self, number: int) -> RawResponse:
        """Status and headers."""
        stream = self._streams[number]
        while not stream.headers:
            self._check(stream)
            self._pump()
        return _response(stream.headers)

    def read_interim(self, number: int) -> RawResponse:
        """The next 1xx response."""
        stream = self._streams[number]
        while not stream.interim:
            self._check(stream)
            self._pump()
        return stream.interim.pop(0)

    def read_some(self, number: int) -> bytes:
        """What there is of the body, waiting for the first byte; b'' at the
        end."""
        stream = self._streams[number]
        while not stream.body and not stream.ended:
            self._check(stream)
            self._pump()
        data, stream.body = stream.body, b""
        return data

    def read_response(self, number: int) -> RawResponse:
        """A whole response; IncompleteError when the stream is reset."""
        stream = self._streams[number]
        while not stream.ended:
            self._check(stream)
            self._pump()
        return self._so_far(stream)

    def request(self, target: str = "/", method: str = "GET",
                headers: Iterable[tuple[str, str]] = (),
                body: bytes | None = None) -> RawResponse:
        """Sends a request and reads its response."""
        return self.read_response(
            self.send_request(target, method, headers, body))
