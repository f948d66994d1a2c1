# Licensed under the Apache License, Version 2.0; see LICENSE.
"""Each folder of examples/: its own tests, run as a user runs them."""
from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator

import pytest

from harness.build import SOURCE
from harness.command import Command
from harness.servers import Servers

EXAMPLES = SOURCE / "examples"
NAMES = sorted(path.parent.name for path in EXAMPLES.glob("*/README.md"))


@pytest.fixture
def command(servers: Servers) -> Iterator[Command]:
    made = Command(servers.build())
    yield made
    made.remove()


@pytest.mark.parametrize("name", NAMES)
def test_example(name: str, command: Command) -> None:
    """In a copy: httpd's children may not be able to read ours."""
    copy = command.work / name
    shutil.copytree(EXAMPLES / name, copy)
    shutil.copy(EXAMPLES / "conftest.py", copy)
    done = subprocess.run(
        [sys.executable, "-P", "-m", "pytest", "-q", "-p", "no:cacheprovider",
         "--rootdir", ".", "-c", "/dev/null", "."],
        cwd=copy, env=command.environ, capture_output=True, text=True,
        timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
