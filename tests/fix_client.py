# SPDX-License-Identifier: Apache-2.0
"""Fixtures that talk to the module's httpd."""
from __future__ import annotations

from collections.abc import Iterator

import pytest

from harness import sanitizer
from harness.client import Client
from harness.httpd import Httpd
from harness.raw import Connection


@pytest.fixture
def client(httpd: Httpd) -> Iterator[Client]:
    """For port 0."""
    with Client(httpd.port(), 10.0 * sanitizer.slowdown()) as made:
        yield made


@pytest.fixture
def raw(httpd: Httpd) -> Iterator[Connection]:
    """One connection to port 0, for exact bytes."""
    with Connection(httpd.port(), 10.0 * sanitizer.slowdown()) as made:
        yield made
