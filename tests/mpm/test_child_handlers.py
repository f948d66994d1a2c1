# Licensed under the Apache License, Version 2.0; see LICENSE.
"""PythonChildInitHandler and PythonChildExitHandler: once in each child."""
from __future__ import annotations

from collections.abc import Callable

from harness.client import Client
from harness.conf import ONE
from harness.httpd import Httpd
from harness.tools import wait_until

MODULE = "test_early_phases"
CONFIG = f"""
PythonChildInitHandler {MODULE}
PythonChildInitHandler {MODULE}::also other
PythonChildInitHandler {MODULE}::fails
PythonChildInitHandler no_such_module
PythonChildInitHandler {MODULE}::Slow.run main_interpreter
PythonImport {MODULE}::imported other
PythonImport {MODULE}::imported main_interpreter
PythonChildExitHandler {MODULE}
PythonChildExitHandler {MODULE}::last other
PythonChildExitHandler {MODULE}::fails
<Location />
    SetHandler mod_python
    PythonHandler {MODULE}::state
</Location>
<Location /other>
    PythonInterpreter other
</Location>
"""


def server_of(make_httpd: Callable[..., Httpd]) -> Httpd:
    server = make_httpd(workers=ONE)
    server.env.copy_handlers(MODULE)
    server.log.allow("MP0400: PythonChild")
    server.start(CONFIG)
    return server


def test_beginning(make_httpd: Callable[..., Httpd]) -> None:
    server = server_of(make_httpd)
    with Client(server.port()) as client:
        began, pid = client.json("/")
        assert began == [
            "imported",
            ["mp_server", "localhost", "localhost", pid, True],
            ["Slow", True]]
        assert client.json("/other")[0] == ["imported", "also"]
    for line in (f"MP0400: PythonChildInitHandler {MODULE}::fails: .*Zero",
                 "MP0400: PythonChildInitHandler no_such_module: "):
        server.log.expect(line)


def test_end(make_httpd: Callable[..., Httpd]) -> None:
    server = server_of(make_httpd)
    server.log.allow("AH00046|AH00045|AH00052")
    position = server.log.mark()
    server.restart()
    wanted = ["child ended in localhost of localhost", "the last handler",
              "MP0400: PythonChildExitHandler", "cleanup", "cleanup"]

    def said() -> list[str]:
        return [name for record in server.log.records(since=position)
                for name in dict.fromkeys(wanted) if name in record.text]

    # handlers in their order, then the cleanups of the interpreters
    wait_until(lambda: said() == wanted, 10)
