# SPDX-License-Identifier: Apache-2.0
"""Requests per second, in parts of what C reaches in the same httpd."""
from __future__ import annotations

from ..baseline import location, python, writes
from ..bench import Bench
from ..figures import Bar
from ..peers import Peer, mod_lua, mod_python_old, mod_wsgi_debian, mod_wsgi_pypi
from ..wrk import Load

TITLE = "Throughput"

SIZES = [(1024, 8), (2048, 8), (8192, 8)]  # of a piece, pieces
WSGI = """\
def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"Hello World!\\n"]
"""
LUA = """\
function handle(r)
    r:write("Hello World!\\n")
    return apache2.OK
end
"""


def measure(bench: Bench) -> None:
    if bench.quick:
        return
    _hello(bench)
    _pieces(bench)
    _peers(bench)


def _hello(bench: Bench) -> None:
    config = (writes("/c") + writes("/c-flush", flush=True)
              + python("/hello", "bench_hello")
              + python("/default", "bench_hello::flushing"))
    bench.bars.append(Bar("C", 1.0))
    for mpm in bench.mpms:
        # as many as connections: their start is not what is measured
        children = Load().connections if mpm == "prefork" else 1
        with bench.server(config, mpm=mpm, children=children) as server:
            c = server.url("/c")
            hello = bench.ratio(server.url("/hello"), c)
            bench.add(f"req.write(b..., 0), {mpm}", hello, "of C",
                      at_least=0.96)
            default = bench.ratio(server.url("/default"), c)
            bench.add(f"req.write(...), {mpm}", default, "of C",
                      at_least=0.95)
            if mpm == "event":
                flush = bench.ratio(server.url("/c-flush"), c)
                bench.bars += [
                    Bar("mod_python: req.write(data)", default, True),
                    Bar("mod_python: req.write(data, 0)", hello, True),
                    Bar("C with a flush", flush)]


def _pieces(bench: Bench) -> None:
    config = python("/p", "bench_pieces") + "".join(
        writes(f"/c{size}", size, count) for size, count in SIZES)
    with bench.server(config, mpm="event") as server:
        for size, count in SIZES:
            bench.add(f"{count} pieces of {size} bytes", bench.ratio(
                server.url(f"/p?{size}={count}"), server.url(f"/c{size}")),
                "of C with ap_rwrite()", at_least=1)


def _peers(bench: Bench) -> None:
    """Each in an httpd of its own, beside C in that httpd."""
    wsgi = ('WSGIScriptAlias /it "${DOCROOT}/hello.wsgi"\n'
            "WSGIRestrictStdout Off\n")
    kinds: list[tuple[Peer, str]] = [
        (mod_lua(), "LuaScope thread\n"
         "LuaMapHandler ^/it ${DOCROOT}/hello.lua\n"),
        (mod_python_old(), location(
            "/it", "SetHandler mod_python",
            "PythonHandler bench_hello::flushing")),
        (mod_wsgi_debian(), wsgi), (mod_wsgi_pypi(), wsgi)]
    for peer, config in kinds:
        with bench.peer(peer, config + writes("/c"), mpm="event", files={
                "hello.wsgi": WSGI, "hello.lua": LUA}) as server:
            server.get("/it")
            value = bench.ratio(server.url("/it"), server.url("/c"))
            bench.add(f"hello by {peer.name}", value, "of C")
            bench.bars.append(Bar(peer.name, value))
