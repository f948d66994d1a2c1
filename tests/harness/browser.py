# Licensed under the Apache License, Version 2.0; see LICENSE.
"""Pages as headless Chromium shows them."""
from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest


class Browser:
    """work: a directory for its profile and pictures. Skips the test where
    Chromium is not installed."""

    def __init__(self, work: Path) -> None:
        chromium = shutil.which("chromium")
        if chromium is None:
            pytest.skip("chromium is not installed")
        self._work = work
        self._command = [
            chromium, "--headless", "--no-sandbox", "--disable-gpu",
            "--no-proxy-server", f"--user-data-dir={work}/profile",
            "--disable-background-networking", "--no-first-run"]

    def _run(self, *arguments: str) -> str:
        return subprocess.run(
            [*self._command, *arguments], check=True, timeout=90,
            capture_output=True, text=True).stdout

    def check_picture(self, url: str, size: str) -> None:
        """It shows something; MP_SCREENSHOT=FILE keeps the picture.
        size: width,height of the window."""
        shot = Path(os.environ.get("MP_SCREENSHOT") or self._work / "page.png")
        self._run(f"--window-size={size}", f"--screenshot={shot}", url)
        assert shot.read_bytes().startswith(b"\x89PNG")
        assert shot.stat().st_size > 20_000  # not an empty window

    def dom(self, url: str) -> str:
        """The page as it has understood it."""
        return self._run("--dump-dom", url)
