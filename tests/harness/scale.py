# Licensed under the Apache License, Version 2.0; see LICENSE.
"""How much tests of reliability do: a little with all others, everything by
make stress, make soak and make fuzz."""
from __future__ import annotations

import os


def scaled(short: int, full: int) -> int:
    """short, or full with MP_FULL=1; MP_FULL=0.1 is a tenth of it."""
    wanted = os.environ.get("MP_FULL")
    return max(short, int(full * float(wanted))) if wanted else short
