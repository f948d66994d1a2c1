# SPDX-License-Identifier: Apache-2.0
"""Hello world, requests of others, and further phases."""
from __future__ import annotations

from ..baseline import location, python, writes
from ..bench import Bench
from ..callgrind import count
from ..server import Server

TITLE = "Hello world"

PHASES = """\
PostReadRequest Trans HeaderParser Access Authen Authz Type Fixup Log
Cleanup""".split()
FUNCTIONS = {"Authen": "authen", "Trans": "declines", "Type": "declines"}


def measure(bench: Bench) -> None:
    """What CI looks at, all of it by callgrind."""
    config = (writes("/c") + python("/hello", "bench_hello")
              + python("/flush", "bench_hello::flushing"))
    with bench.server(config, callgrind=True) as server:
        c = count(server, "/c")
        bench.add("hello in C", c)
        bench.add('req.write(b"...", 0) over C', count(server, "/hello") - c,
                  at_most=2200)
        bench.add('req.write("...") over C', count(server, "/flush") - c)
    _untouched(bench)
    _phases(bench)
    _htaccess(bench)


def _untouched(bench: Bench) -> None:
    """A request that no Python directive concerns."""
    config = writes("/c") + location("/other")
    with Server(config, callgrind=True) as server:
        without = count(server, "/c")
    python_lines = (writes("/c") + python("/other", "bench_hello"))
    with bench.server(python_lines, callgrind=True) as server:
        bench.add("a request of others over httpd without mod_python",
                  count(server, "/c") - without, at_most=250)


def _phases(bench: Bench) -> None:
    """Ten further phases at once."""
    lines = [f"Python{name}Handler bench_phases::"
             f"{FUNCTIONS.get(name, 'other')}" for name in PHASES]
    auth = ["AuthType Basic", "AuthName bench", "Require valid-user"]
    config = (
        # the same sections in both, so that httpd's work is the same
        "<VirtualHost *:${PORT1}>\n"
        + python("/p", "bench_phases") + "</VirtualHost>\n"
        + "<VirtualHost *:${PORT2}>\n" + "\n".join(lines) + "\n"
        + python("/p", "bench_phases", *auth) + "</VirtualHost>\n")
    with bench.server(config, callgrind=True,
                      modules=["authn_core", "authz_user"]) as server:
        one = count(server, "/p", n=1)
        all_of_them = count(server, "/p", n=2)
    bench.add("each of ten further phases",
              (all_of_them - one) / len(PHASES), at_most=1200)


def _htaccess(bench: Bench) -> None:
    """The same handler in .htaccess and in httpd.conf, and one in C, because
    httpd itself has to read the lines: both have as many, of two words."""
    lines = {"py": "SetHandler mod_python\nPythonHandler bench_hello\n",
             "c": "SetHandler baseline\nBaselineWrite 13\n"}
    config = ""
    files = {}
    for name, text in lines.items():
        config += (f'<Directory "${{DOCROOT}}/{name}-conf">\n'
                   f"AllowOverride All\n{text}</Directory>\n"
                   f'<Directory "${{DOCROOT}}/{name}-htaccess">\n'
                   "AllowOverride All\n</Directory>\n")
        files |= {f"{name}-conf/x": "", f"{name}-htaccess/x": "",
                  f"{name}-conf/.htaccess": "AddDefaultCharset Off\n",
                  f"{name}-htaccess/.htaccess": text}
    with bench.server(config, callgrind=True, files=files) as server:
        python_, c = (count(server, f"/{name}-htaccess/x")
                      - count(server, f"/{name}-conf/x") for name in lines)
    bench.add("a handler in .htaccess over one in httpd.conf", python_)
    bench.add("the same for a handler in C", c)
    bench.add("a handler in .htaccess, without what C pays too", python_ - c,
              at_most=1000)
