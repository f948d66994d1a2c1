# Licensed under the Apache License, Version 2.0; see LICENSE.
"""What the command shows: failures, colours, lines of httpd's log."""

from __future__ import annotations

import json
import os
import re
import sys
from typing import Any, NoReturn, TextIO

COLOURS = {"red": 31, "green": 32, "yellow": 33, "cyan": 36, "dim": 2, "bold": 1}


class CommandError(Exception):
    """Something to be told in one line: its code, what is wrong, what to do."""


def fail(message: str) -> NoReturn:
    raise CommandError(message)


class Terminal:
    """A text stream that may be a terminal; colour goes nowhere else."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream
        self.colour = stream.isatty() and not os.environ.get("NO_COLOR")

    def paint(self, text: str, name: str) -> str:
        return f"\033[{COLOURS[name]}m{text}\033[0m" if self.colour else text

    def line(self, text: str) -> None:
        # names of files and lines of logs may hold anything
        encoding = self.stream.encoding or "utf-8"
        safe = text.encode(encoding, "backslashreplace").decode(encoding)
        self.stream.write(safe + "\n")
        self.stream.flush()


def show_json(value: Any) -> None:
    """One value on one line, for scripts."""
    print(json.dumps(value), flush=True)


# -- httpd's log ------------------------------------------------------------------

# The configuration of serve has these; a tab separates, as a log escapes it.
ERROR_FORMAT = "E\t%{c}t\t%-l\t%-m\t%M"
ACCESS_FORMAT = "A\t%{%H:%M:%S}t\t%>s\t%m\t%U%q\t%D\t%B"

LEVELS = {"emerg": "red", "alert": "red", "crit": "red", "error": "red",
          "warn": "yellow"}

# In front of each line of a traceback; the line with the code has named it.
_PREFIX = re.compile(r"^Python\w+ \S+: ")
_TIME = re.compile(r"\d\d:\d\d:\d\d")


def parse(line: str) -> dict[str, Any]:
    """A line of serve's httpd as an event; 'raw' for what no log wrote."""
    kind, _, rest = line.partition("\t")
    fields = rest.split("\t")
    if kind == "A" and len(fields) == 6:
        return {
            "event": "request",
            "time": fields[0],
            "status": int(fields[1]),
            "method": fields[2],
            "uri": fields[3],
            "ms": int(fields[4]) / 1000,
            "bytes": int(fields[5]),
        }
    if kind == "E" and len(fields) >= 4:
        time = _TIME.search(fields[0])
        return {
            "event": "log",
            "time": time.group() if time else "",
            "level": fields[1],
            "module": fields[2],
            "message": "\t".join(fields[3:]),
        }
    return {"event": "raw", "message": line}


def render(event: dict[str, Any], terminal: Terminal) -> str:
    """An event as one readable line."""
    if event["event"] == "raw":
        return str(event["message"])
    time = terminal.paint(event["time"], "dim")
    if event["event"] == "request":
        status = event["status"]
        colour = "green" if status < 400 else "yellow" if status < 500 else "red"
        return (
            f"{time} {terminal.paint(str(status), colour)} {event['method']} "
            f"{event['uri']}  {event['ms']:.1f} ms  {event['bytes']} B"
        )
    message = _PREFIX.sub("", event["message"])
    colour = LEVELS.get(event["level"], "dim")
    return f"{time} {terminal.paint(message, colour)}"


def stdout() -> Terminal:
    return Terminal(sys.stdout)
