# Licensed under the Apache License, Version 2.0; see LICENSE.
"""Python handlers in every phase of an Apache httpd request.

``mod_python.apache`` works inside httpd only; the rest of the package can be
imported anywhere. ``mod_python.version`` is the module with the version and
the facts of the build.
"""

from __future__ import annotations

from mod_python import version

__all__ = ["__version__", "mp_version", "version"]

__version__ = version.version
mp_version = version.version
