# SPDX-License-Identifier: Apache-2.0
"""Python that computes, for any module that runs Python."""

MILLISECOND = 20_000  # about


def compute(steps):
    total = 0
    for number in range(steps):
        total += number * number
    return total


def application(environ, start_response):
    """About a millisecond, by WSGI."""
    compute(MILLISECOND)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"Hello World!\n"]
