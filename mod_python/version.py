# Licensed under the Apache License, Version 2.0; see LICENSE.
"""The version of mod_python and the facts of this build.

The version stands here and nowhere else; setup.py and configure read it.
In a source checkout, where nothing was built, the facts are empty strings.
"""

from __future__ import annotations

version = "4.0.0.dev0"

try:
    import mod_python._build as _build
except ImportError:
    _facts: dict[str, str] = {}
else:
    _facts = vars(_build)

HTTPD: str = _facts.get("HTTPD", "")
HTTPD_VERSION: str = _facts.get("HTTPD_VERSION", "")
APR_VERSION: str = _facts.get("APR_VERSION", "")
LIBEXECDIR: str = _facts.get("LIBEXECDIR", "")
SYSCONFDIR: str = _facts.get("SYSCONFDIR", "")
PYTHON_BIN: str = _facts.get("PYTHON_BIN", "")
