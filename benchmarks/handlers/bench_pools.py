# SPDX-License-Identifier: Apache-2.0
"""Python that computes."""
from bench_compute import MILLISECOND, compute

from mod_python import apache


def computes(req):
    """About a millisecond."""
    compute(MILLISECOND)
    req.write(b"Hello World!\n", 0)
    return apache.OK


def long(req):
    """About half a second."""
    compute(500 * MILLISECOND)
    req.write(b"done\n", 0)
    return apache.OK


def ready():
    """For PythonImport."""
