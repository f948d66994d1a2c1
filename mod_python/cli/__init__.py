# Licensed under the Apache License, Version 2.0; see LICENSE.
"""The command ``mod_python``, also ``python -m mod_python``.

``main()`` is its whole interface. Each command is a module of its own here,
loaded when it is called: the first answer of ``serve`` comes soon.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; arguments: those of the process when None.

    Returns the exit status: 0, 1 for a failure (one line on stderr says what
    to do), 2 for arguments that make no sense, 130 after Ctrl-C.
    """
    from mod_python._install import SetupError
    from mod_python.cli import _parser
    from mod_python.cli._terminal import CommandError

    options = _parser.parse(sys.argv[1:] if arguments is None else arguments)
    try:
        return int(options.run(options))
    except (CommandError, SetupError) as failure:
        print(f"mod_python: {failure}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # whoever read the output (head, a pager) has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 1
