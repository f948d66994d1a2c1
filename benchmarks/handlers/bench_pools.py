# SPDX-License-Identifier: Apache-2.0
"""Python that computes."""
from mod_python import apache


def _compute(steps):
    total = 0
    for number in range(steps):
        total += number * number
    return total


def computes(req):
    """About a millisecond."""
    _compute(20_000)
    req.write(b"Hello World!\n", 0)
    return apache.OK


def long(req):
    """About half a second."""
    _compute(10_000_000)
    req.write(b"done\n", 0)
    return apache.OK


def ready():
    """For PythonImport."""
