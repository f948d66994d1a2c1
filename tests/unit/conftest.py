# Licensed under the Apache License, Version 2.0; see LICENSE.
"""Fixtures of the unit tests."""
from dispatch_fakes import package

__all__ = ["package"]
