# Licensed under the Apache License, Version 2.0; see LICENSE.
"""Packages from PyPI that the library uses, put where httpd finds them.

Python inside httpd is not the Python that runs the tests, and its user may
not be able to read the one of the tests: pure packages are copied.
"""
from __future__ import annotations

import importlib.util
import os
import shutil
from pathlib import Path

import pytest

from .env import Env

# What a package needs besides itself, where it is installed.
NEEDS = {"pydantic_core": ["typing_extensions"], "redis": ["async_timeout"]}


def add_packages(env: Env, *names: str) -> None:
    """Copies installed packages to a directory on sys.path of every
    interpreter. Skips the tests when one is not installed."""
    place = env.directory("packages")
    for name in names:
        if not copy_package(name, place):
            pytest.skip(f"the package {name} is not installed")
    path = env.environ.get("PYTHONPATH", "").split(os.pathsep)
    if str(place) not in path:
        env.environ["PYTHONPATH"] = os.pathsep.join(
            [*filter(None, path), str(place)])


def copy_package(name: str, place: Path) -> bool:
    """Copies a package with what it needs; returns whether it is installed."""
    for further in NEEDS.get(name, []):
        _copy(further, place)
    return _copy(name, place)


def _copy(name: str, place: Path) -> bool:
    spec = importlib.util.find_spec(name)
    if spec is None or spec.origin is None:
        return False
    source = Path(spec.origin)
    if source.name == "__init__.py":
        target = place / name
        shutil.copytree(source.parent, target, dirs_exist_ok=True,
                        ignore=shutil.ignore_patterns("__pycache__"))
    else:
        target = place / source.name
        shutil.copyfile(source, target)
    for path in (target, *target.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    return True
