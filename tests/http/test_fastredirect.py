# SPDX-License-Identifier: Apache-2.0
"""mod_dir serves the index page of a directory with a look-up request that
takes the place of the real one (ap_internal_fast_redirect)."""
from __future__ import annotations

from harness.client import Client
from harness.env import Env
from harness.log import ErrorLog
from harness.tools import wait_until

CONFIG = """\
DirectoryIndex index.py
<Directory "${DOCROOT}">
    AddHandler mod_python .py
    PythonHandler test_fastredirect
    PythonFixupHandler test_fastredirect
    PythonLogHandler test_fastredirect
</Directory>
"""


def configure(env: Env) -> None:
    env.write("sub/index.py", "")


def test_index_page(client: Client, log: ErrorLog) -> None:
    response = client.post("/sub/", b"body")
    assert response.status_code == 202
    assert response.text.startswith("/sub/index.py ")
    assert response.text.endswith("b'body'")
    assert response.headers["X-Handler"] == "1"
    wait_until(lambda: any(
        record.text == "log: /sub/index.py 202 from the handler"
        for record in log.records()))
