# SPDX-License-Identifier: Apache-2.0
"""How fast mod_python is, beside a C module and other Python modules.

``python3 -m benchmarks`` (or ``make bench``) runs everything; README.md says
what is measured and how.
"""
from __future__ import annotations

import sys
from pathlib import Path

# httpd, builds and ports are found as the tests find them
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
