# Licensed under the Apache License, Version 2.0; see LICENSE.
"""For tests that run a few lines of Python inside a handler."""
from __future__ import annotations

from textwrap import dedent
from typing import Any

from harness.client import Client

# tests/handlers/execute.py; say HANDLERS = ["execute"] too
EXECUTE = """\
<Location "/run">
    SetHandler mod_python
    PythonHandler execute
</Location>
<Location "/run/second">
    PythonInterpreter second
</Location>
"""


def run(client: Client, code: str, path: str = "", **options: Any) -> Any:
    """Runs code in httpd; what it leaves in result.

    path "/second" runs it in a second interpreter.
    """
    return client.json("/run" + path, "POST", data=dedent(code).encode(),
                       **options)
