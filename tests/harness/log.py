# SPDX-License-Identifier: Apache-2.0
"""The error log: parsed records, expectations, what nobody expected."""
from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from .tools import VALGRIND, DeadlineError, wait_until

LINE = re.compile(
    r"\[(?P<time>[^\]]+)\] \[(?P<module>[^:\]]*):(?P<level>\w+|-)\] "
    r"\[(?P<thread>[\d-]+:[\d-]+)\] \[(?P<request>[^\]]*)\] "
    r"\[(?P<errno>[^\]]*)\] \[(?P<client>[^\]]*)\](?: (?P<text>.*))?$",
    re.DOTALL)

BAD_LEVELS = ("emerg", "alert", "crit", "error", "warn")

# Bad at any level, and in lines that no logger wrote.
ALARMS = re.compile(
    r"exit signal|Sanitizer|runtime error:|Fatal Python|Segmentation"
    r"|Aborted|assertion .* failed|Assertion .* failed|double free"
    r"|corrupted (size|double|unsorted)|core dump", re.IGNORECASE)

# Lines from warn upwards that httpd writes when nothing is wrong.
BENIGN = [re.compile(pattern) for pattern in (
    # cgid's helper was ended by the parent, as every restart does
    r"AH01239: cgid daemon process died",
    # servers of tests have few workers on purpose
    r"AH0028[6-8]:|AH0048[45]:|AH10159:",
    # a distribution updated OpenSSL after it built mod_ssl
    r"AH01882: Init: this version of mod_ssl was compiled against a newer",
    # the server of a test is small, and busy on purpose
    r"AH\d{5}: server reached MaxRequestWorkers setting",
    # event with -X: the one process stops while a thread still works
    r"AH03093: process_socket: apr_pollset_add failure for keep alive",
    # what runs under valgrind takes longer than httpd waits
    *([r"AH00045: child process \d+ still did not exit"] if VALGRIND else []),
)]

# A message of the module from warn upwards begins with this code. Lines of a
# traceback follow it on the same thread, for the same request, without a code,
# each after the phase and handler, or bare. Under prefork all threads of a
# child are one to the log.
CODE = re.compile(r"(AH\d{5}: )?MP\d{4}\b")
PREFIX = re.compile(r"Python\w+ \S+: ")
IN_TRACEBACK = ("  ", "Traceback (most recent", "During handling of",
                "The above exception")


@dataclass(frozen=True)
class Record:
    """One line of the log. Lines that no logger wrote have level 'raw'."""

    number: int
    line: str
    when: float  # time.time(), 0.0 for raw lines
    module: str
    level: str
    thread: str
    request: str
    text: str

    @classmethod
    def parse(cls, number: int, line: str) -> Record:
        found = LINE.match(line)
        if not found:
            return cls(number, line, 0.0, "", "raw", "", "", line)
        try:
            when = datetime.fromisoformat(found["time"]).timestamp()
        except ValueError:
            when = 0.0
        return cls(number, line, when, found["module"], found["level"],
                   found["thread"], found["request"], found["text"] or "")

    @property
    def bad(self) -> bool:
        if ALARMS.search(self.line):
            return True
        if self.level != "raw" and self.level not in BAD_LEVELS:
            return False
        return not any(pattern.search(self.line) for pattern in BENIGN)

    def follows(self, last: Record) -> bool:
        """Is this the next line of the message that last belongs to?"""
        if ((self.module, self.level, self.thread, self.request)
                != (last.module, last.level, last.thread, last.request)):
            return False
        if CODE.match(self.text):
            return False
        return (PREFIX.match(self.text) is not None
                or not self.text
                or self.text.startswith(IN_TRACEBACK)
                or last.text.startswith(IN_TRACEBACK))


def messages(records: list[Record]) -> list[list[Record]]:
    """Records grouped: a message with a code and its traceback are one."""
    found: list[list[Record]] = []
    growing: dict[tuple[str, str], list[Record]] = {}
    for one in records:
        place = one.thread, one.request
        group = growing.get(place)
        if group and one.follows(group[-1]):
            group.append(one)
            continue
        group = [one]
        found.append(group)
        if CODE.match(one.text):
            growing[place] = group
        else:
            growing.pop(place, None)
    return found


class ErrorLog:
    """Follows one log file; a test sees what came since its begin()."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._offset = 0
        self._rest = b""
        self._all: list[Record] = []
        self._start = 0
        self._checked = 0
        self._allowed: list[re.Pattern[str]] = []

    def _refresh(self) -> None:
        try:
            with self.path.open("rb") as file:
                file.seek(self._offset)
                data = file.read()
        except FileNotFoundError:
            return
        self._offset += len(data)
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            if line.strip():
                text = line.decode("utf-8", "backslashreplace")
                self._all.append(Record.parse(len(self._all), text))

    def begin(self) -> None:
        """Forgets expectations; what was logged before is of no interest."""
        self._refresh()
        self._start = self._checked = len(self._all)
        self._allowed = []

    def mark(self) -> int:
        """A position for the since= of other methods."""
        self._refresh()
        return len(self._all)

    def records(self, pattern: str = "", since: int | None = None
                ) -> list[Record]:
        """Records since the begin of the test that match the pattern."""
        self._refresh()
        first = self._start if since is None else since
        search = re.compile(pattern).search
        return [one for one in self._all[first:] if search(one.line)]

    def text(self, since: int | None = None) -> str:
        """The lines since the begin of the test."""
        return "\n".join(one.line for one in self.records(since=since))

    def allow(self, pattern: str) -> None:
        """Messages with such a line are in order."""
        self._allowed.append(re.compile(pattern))

    def wait(self, pattern: str, count: int = 1, timeout: float = 5.0,
             since: int | None = None) -> list[Record]:
        """Waits for at least count matching records, expects nothing."""
        def enough() -> list[Record] | None:
            found = self.records(pattern, since)
            return found if len(found) >= count else None

        try:
            found = wait_until(enough, timeout)
        except DeadlineError:
            raise AssertionError(
                f"{self.path.name}: no line {pattern!r}"
                + (f" ({count} times)" if count > 1 else "")
                + "; the log of this test:\n"
                + (self.text(since) or "(empty)")) from None
        assert found is not None
        return found

    def expect(self, pattern: str, count: int = 1, timeout: float = 5.0,
               since: int | None = None) -> list[Record]:
        """Waits for a code such as "MP0012" or a regular expression.

        All matching lines of this test are then in order, with the whole
        message and traceback that such a line is part of. Returns the matching records.
        """
        self.allow(pattern)
        return self.wait(pattern, count, timeout, since)

    def unexpected(self) -> list[Record]:
        """Records of this test that should not be there, each once."""
        self._refresh()
        first, self._checked = self._checked, len(self._all)
        return [one for group in messages(self._all[self._start:])
                if not self._is_allowed(group)
                for one in group if one.bad and one.number >= first]

    def _is_allowed(self, group: list[Record]) -> bool:
        return any(pattern.search(one.line) for one in group
                   for pattern in self._allowed)
