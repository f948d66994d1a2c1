# Licensed under the Apache License, Version 2.0; see LICENSE.
"""For PythonHandlerModule: some of the functions, not all."""
from test_sections import a as fixuphandler
from test_sections import access as accesshandler

__all__ = ["accesshandler", "fixuphandler"]
