# Licensed under the Apache License, Version 2.0; see LICENSE.
"""``create`` and ``genconfig``: an httpd of one's own in a directory."""

from __future__ import annotations

import os
import runpy
from argparse import Namespace
from typing import Any

from mod_python import httpdconf
from mod_python.cli._terminal import fail


def run(options: Namespace) -> int:
    """The command ``create``."""
    root = os.path.abspath(options.directory)
    words = [word for words in options.pythonoption for word in words]
    for word in words:
        if len(word.split(None, 1)) != 2:
            fail(f'MP0701: --pythonoption {word!r}: write "key value" in quotes')
    file = os.path.join(root, "conf", "httpd_conf.py")
    written = httpdconf.write_basic_config(
        root,
        listen=options.listen if ":" in options.listen else f"0.0.0.0:{options.listen}",
        pythonhandler=options.pythonhandler,
        pythonpath=[part for part in options.pythonpath.split(":") if part],
        pythonoptions=words,
        mp_comments=["made by mod_python create"],
    )
    if written is None:
        fail(f"MP0712: {file} exists: change that file, or name another directory")
    target = os.path.join(root, "conf", "httpd.conf")
    if os.path.exists(target):
        fail(f"MP0712: {target} exists: mod_python genconfig {file} prints a new one")
    with open(target, "w", encoding="utf-8") as opened:
        opened.write(_generate(file))
    print(f"{file}\n{target}\nmod_python start {target} starts it; handlers belong "
          f"into {root}/public")
    return 0


def _generate(file: str) -> str:
    try:
        names: dict[str, Any] = runpy.run_path(file)
    except OSError as error:
        fail(f"MP0702: {file}: {error.strerror}: give the httpd_conf.py of "
             "mod_python create")
    except Exception as error:  # noqa: BLE001 - any program can stand there
        fail(f"MP0713: {file} fails: {type(error).__name__}: {error}; mend it")
    if "config" not in names:
        fail(f"MP0713: {file} sets no name config: a Container of "
             "mod_python.httpdconf is expected there")
    return str(names["config"])


def genconfig(options: Namespace) -> int:
    print(_generate(options.file), end="")
    return 0
