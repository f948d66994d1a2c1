# Licensed under the Apache License, Version 2.0; see LICENSE.
"""``python -m mod_python``: the command."""

import sys

from mod_python.cli import main

if __name__ == "__main__":
    sys.exit(main())
