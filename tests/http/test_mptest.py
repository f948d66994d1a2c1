# SPDX-License-Identifier: Apache-2.0
"""What mptest offers to the handlers of other tests works in httpd."""
from __future__ import annotations

import pytest

from harness.client import Client
from harness.log import ErrorLog
from harness.raw import Connection


def test_values(client: Client) -> None:
    assert client.json("/values?a=b") == {
        "text": "\u20ac\udcff", "bytes": b"\0\xff", "none": None,
        "list": [1, 2.5, True], "other": "<class 'object'>", "args": "a=b"}


def test_values_raw(raw: Connection) -> None:
    response = raw.request("/values/further?")
    assert response.status == 200
    assert response.json()["bytes"] == b"\0\xff"


@pytest.mark.parametrize("path", ["/", "/nothing", "/_private",
                                  "/not_callable"])
def test_no_such_function(client: Client, path: str) -> None:
    assert client.get(path).status_code == 404


def test_eval(client: Client) -> None:
    assert client.eval("req.method", "/some/where", "PUT") == "PUT"
    assert client.eval("[apache.OK, apache.DECLINED]") == [0, -1]


def test_raised(client: Client) -> None:
    assert client.eval("raised(int, 'x')").startswith("ValueError: invalid")
    assert client.eval("raised(int, '1')") == ""


def test_error_in_a_handler(client: Client, log: ErrorLog) -> None:
    with pytest.raises(AssertionError, match="500"):
        client.eval("1 / 0")
    log.expect("ZeroDivisionError")
