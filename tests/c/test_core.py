# Licensed under the Apache License, Version 2.0; see LICENSE.
"""The unit tests of src/core, see tests/c/run."""
from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent


def test_core() -> None:
    environ = dict(os.environ)
    if importlib.util.find_spec("setuptools"):  # what setup.py needs
        environ["PYTHON"] = sys.executable
    done = subprocess.run(["sh", str(HERE / "run")], env=environ, text=True,
                          capture_output=True)
    wrong = [line for line in (done.stdout + done.stderr).splitlines()
             if not line.startswith("ok ")]
    assert done.returncode == 0, "\n".join(wrong)
