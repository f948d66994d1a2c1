# SPDX-License-Identifier: Apache-2.0
"""The httpd to test with: found as the command of the package finds it."""
from __future__ import annotations

from mod_python._install import MPMS, Installation, SetupError

__all__ = ["MPMS", "Installation", "SetupError"]
