# Licensed under the Apache License, Version 2.0; see LICENSE.
"""Tests with real applications: run by tests/apps/run, which installs them."""
from __future__ import annotations

import os

if not os.environ.get("MP_APPS"):
    collect_ignore_glob = ["test_*.py"]
