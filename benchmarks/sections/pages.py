# Licensed under the Apache License, Version 2.0; see LICENSE.
"""PSP pages and published functions, beside handlers that send the same and
beside mod_python 3.5."""
from __future__ import annotations

from harness.install import SetupError

from ..baseline import location, python
from ..bench import Bench
from ..callgrind import count
from ..peers import mod_python_old
from ..server import Server, ServerError

TITLE = "Pages"

FILES = {
    "rows.psp": (
        "<html><body><table>\n<%\nfor n in range(100):\n%>"
        "<tr><td><%= n %></td><td>square <%= n * n %></td></tr>\n"
        "<%\n# end\n%></table></body></html>\n"),
    "small.psp": "<html><body>Hello <%= req.method %></body></html>\n",
    "site/index.py": (
        "def hello(name): return 'Hello ' + name\n"
        "class Shop:\n"
        "    def hello(self, req, name='Joe', greeting='Hello'):\n"
        "        return f'{greeting} {name}'\n"
        "shop = Shop()\n"),
}
PSP = ["/rows.psp", "/small.psp"]
CALL = "/site/hello?name=Joe"
METHOD = "/site/shop/hello?name=Joe"

# mod_python 3.5 crashes without mod_mime.
MODULES = ["mime"]
CONFIG = """\
TypesConfig /dev/null
<Directory "${DOCROOT}">
    SetHandler mod_python
    PythonHandler mod_python.psp
    PythonPath "['${HANDLERS}'] + sys.path"
</Directory>
<Directory "${DOCROOT}/site">
    PythonHandler mod_python.publisher
</Directory>
""" + python("/by_hand", "bench_pages::rows") + python(
    "/joined", "bench_pages::joined") + python(
    "/hello", "bench_pages::hello") + location("/unused")


def measure(bench: Bench) -> None:
    with bench.server(CONFIG, callgrind=True, files=FILES,
                      modules=MODULES) as server:
        _check(server)
        by_hand = min(count(server, "/by_hand"), count(server, "/joined"))
        ours = {path: count(server, path) for path in [*PSP, CALL, METHOD]}
        hello = count(server, "/hello")
    bench.add("a page of 100 rows over the faster handler by hand",
              ours["/rows.psp"] / by_hand, "x", at_most=1.3)
    bench.add("a small page over a hello by hand",
              ours["/small.psp"] - hello)
    bench.add("a published function over a hello by hand",
              ours[CALL] - hello)
    bench.add("a published method over a hello by hand",
              ours[METHOD] - hello)
    if not bench.quick:
        _old(bench, ours)


def _check(server: Server) -> None:
    """Everybody sends the same."""
    page = server.get("/rows.psp")
    for path in ("/by_hand", "/joined"):
        if server.get(path) != page:
            raise ServerError(f"{path} differs from /rows.psp")
    if not server.get(CALL) == server.get(METHOD) == server.get("/hello"):
        raise ServerError("the hellos differ")


def _old(bench: Bench, ours: dict[str, float]) -> None:
    """mod_python 3.5: instructions, and throughput under worker."""
    peer = mod_python_old()
    with bench.peer(peer, CONFIG, callgrind=True, files=FILES,
                    modules=MODULES) as server:
        for path in ours:
            bench.add(f"{path} with mod_python 3.5",
                      count(server, path) / ours[path], "x the instructions",
                      at_least=1.6)
    with (bench.server(CONFIG, mpm="worker", files=FILES,
                       modules=MODULES) as server,
          bench.peer(peer, CONFIG, mpm="worker", files=FILES,
                     modules=MODULES) as old):
        for path in ours:
            if server.get(path) != old.get(path):
                raise SetupError(f"{path}: the answers differ")
            bench.add(f"{path}, throughput",
                      bench.ratio(server.url(path), old.url(path)),
                      "x mod_python 3.5", at_least=1.5)
