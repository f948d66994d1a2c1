# Licensed under the Apache License, Version 2.0; see LICENSE.
"""``version``, ``module-config``, ``config``: what is only printed."""

from __future__ import annotations

import os
import sys
from argparse import Namespace

from mod_python import version as facts
from mod_python._install import own_module
from mod_python.cli import _siteconf
from mod_python.cli._target import Target
from mod_python.cli._terminal import show_json


def version(options: Namespace) -> int:
    rows = {
        "mod_python": facts.version,
        "module": str(own_module()),
        "built_for_python": facts.PYTHON_BIN,
        "python": sys.version.split()[0],
        "python_path": sys.executable,
        "httpd": facts.HTTPD_VERSION,
        "httpd_path": facts.HTTPD,
        "apr": facts.APR_VERSION,
        "httpd_modules": facts.LIBEXECDIR,
        "httpd_configuration": facts.SYSCONFDIR,
    }
    if getattr(options, "json", False):
        show_json(rows)
    else:
        for name, value in rows.items():
            print(f"{name.replace('_', ' '):<20} {value or '(not built)'}")
    return 0


def module_config(_: Namespace) -> int:
    print("\n".join(_siteconf.python_lines()))
    return 0


def config(options: Namespace) -> int:
    target = Target.parse(options.target)
    print(_siteconf.production_config(
        target, options.server_name, options.port, os.path.abspath(options.root),
        options.log), end="")
    return 0
