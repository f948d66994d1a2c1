# Licensed under the Apache License, Version 2.0; see LICENSE.
"""The blocks of a page of the documentation: found, and put to work.

tests/http/test_docs.py tells what the blocks mean.
"""
from __future__ import annotations

import doctest
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import dedent

from .httpd import Httpd
from .log import Record

SITE = "/srv/site"
VAR = "var"  # below the site; httpd may write there

FENCE = re.compile(r"(?P<indent> *)(?P<fence>`{3,}|~{3,}) *(?P<info>[^`]*)$")
SETTING = re.compile(r"<!-- (modules|packages|python): ([\w. ]+) -->$")
PORT = re.compile(r"\b808(\d)\b")

# What a console block may call: nothing that installs, starts or stops.
COMMANDS = ("curl", "cat", "printf", "echo", "ls", "touch", "sleep",
            "mod_python")


@dataclass(frozen=True)
class Block:
    """A fenced block."""

    line: int  # of its first line of text
    info: list[str]  # the words after the fence
    text: str

    @property
    def kind(self) -> str:
        return self.info[0] if self.info else ""

    @property
    def file(self) -> str | None:
        """The file it is, relative to the site."""
        name = self.info[1].removeprefix(SITE + "/") if self.info[1:] else ""
        return name or None


@dataclass
class Page:
    """A page: its blocks by the heading 2 they stand under."""

    path: Path
    sections: list[list[Block]] = field(default_factory=lambda: [[]])
    modules: list[str] = field(default_factory=list)  # of httpd
    packages: list[str] = field(default_factory=list)  # of Python
    python: list[str] = field(default_factory=list)  # the oldest CPython

    @classmethod
    def read(cls, path: Path) -> Page:
        page = cls(path)
        lines = enumerate(path.read_text().splitlines(), 1)
        for number, line in lines:
            fence = FENCE.match(line)
            setting = SETTING.match(line)
            if fence:
                text = "".join(_body(fence["indent"], fence["fence"], lines))
                page.sections[-1].append(
                    Block(number + 1, fence["info"].split(), text))
            elif setting:
                names = getattr(page, setting[1])
                names += setting[2].split()
            elif line.startswith("## "):
                page.sections.append([])
        return page

    @property
    def blocks(self) -> list[Block]:
        return [block for section in self.sections for block in section]


def _body(indent: str, fence: str,
          lines: Iterator[tuple[int, str]]) -> Iterator[str]:
    """The lines up to the end of a block; in a list they are indented."""
    for _, line in lines:
        text = line.removeprefix(indent)
        if text.strip().startswith(fence) and not text.strip(fence[0] + " "):
            return
        yield text + "\n"
    raise AssertionError(f"a block that begins with {indent}{fence} does "
                         "not end")


class Runner:
    """Runs one page with one server, which is started anew for sections
    that have a configuration."""

    def __init__(self, page: Page, server: Httpd, patience: float = 5.0,
                 redis: int = 6379) -> None:
        self.page = page
        self.server = server
        self.patience = patience  # seconds, for a line to come in the log
        self.redis = redis  # the port of a Redis server of the test's
        self._config = ""
        self._checked = True  # httpd has seen the configuration
        self._logged = 0  # the log before this record was compared
        server.env.directory(str(server.env.docroot / VAR), writable=True)
        server.env.write(
            str(server.env.root / "curl" / ".curlrc"),
            'silent\nshow-error\nmax-time = 20\nnoproxy = "*"\n')
        assert server.env.build is not None
        package = shlex.quote(str(server.env.build.directory))
        server.env.write(
            str(server.env.root / "bin" / "mod_python"),
            f"#!/bin/sh\nPYTHONPATH={package} exec "
            f'{shlex.quote(sys.executable)} -P -m mod_python "$@"\n', 0o755)

    def run(self) -> None:
        for section in self.page.sections:
            fresh = True  # the section's configuration is its own
            for block in section:
                if block.kind == "apache" and not block.file and fresh:
                    self._check()
                    self._config = ""
                    fresh = False
                self._block(block)
        self._check()

    def _block(self, block: Block) -> None:
        steps: dict[str, Callable[[Block], None]] = {
            "console": self._console, "log": self._log}
        if block.kind == "python":
            self._compile(block)
        if block.file:
            self.server.env.write(block.file, self._local(block.text))
        elif block.kind == "apache":
            self._config += self._local(block.text)
            self._checked = False
        elif block.kind in steps:
            steps[block.kind](block)

    def _local(self, text: str) -> str:
        """Text of the page with the paths and ports of the server."""
        text = PORT.sub(lambda m: str(self.server.port(int(m[1]))), text)
        text = text.replace("localhost:6379", f"localhost:{self.redis}")
        return text.replace(SITE, str(self.server.env.docroot))

    def _where(self, block: Block, line: int = 0) -> str:
        return f"{self.page.path}:{block.line + line}"

    def _compile(self, block: Block) -> None:
        name = f"{self.page.path}, block in line {block.line}"
        compile(dedent(block.text), name, "exec", dont_inherit=True)

    # -- the server ---------------------------------------------------------

    def _text(self) -> str:
        # the harness listens
        return re.sub(r"^Listen \d+\n", "", self._config, flags=re.MULTILINE)

    def _check(self) -> None:
        """A configuration that no console block has used is looked at by
        httpd all the same."""
        if not self._checked:
            check = self.server.check_config(self._text())
            assert check.rc == 0, f"{self.page.path}: {check.stderr}"
            self._checked = True

    def _serve(self) -> None:
        if self.server.running and self._checked:
            return
        self.server.stop()
        self.server.start(self._text())
        self._checked = True

    # -- console and log ----------------------------------------------------

    def _console(self, block: Block) -> None:
        if self._config:
            self._serve()
        for line, command, want in _commands(block):
            word = command.split()[0]
            assert word in COMMANDS, (
                f"{self._where(block, line)}: {word} is not run by the tests;"
                " give the block another info string, e. g. sh")
            got = self._output(command)
            problem = difference(self._local(want), got)
            assert not problem, (
                f"{self._where(block, line)}: $ {command}\n{problem}\n"
                f"error log:\n{self.server.log.text()}")

    def _output(self, command: str) -> str:
        env = self.server.env
        done = subprocess.run(
            ["sh", "-c", self._local(command)], cwd=env.docroot, timeout=60,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, env=env.httpd_environ(
                {"CURL_HOME": str(env.root / "curl"), "PATH": os.pathsep.join(
                    [str(env.root / "bin"), os.environ["PATH"]])}))
        text = done.stdout.decode(errors="backslashreplace")
        return text.replace("\r\n", "\n")

    def _log(self, block: Block) -> None:
        """Each line stands in the log, in this order."""
        for number, line in enumerate(block.text.splitlines()):
            want = re.escape(self._local(line)).replace(r"\.\.\.", ".*")
            try:
                found: Record = self.server.log.expect(
                    want, timeout=self.patience, since=self._logged)[0]
            except AssertionError as error:
                raise AssertionError(
                    f"{self._where(block, number)}: {error}") from None
            self._logged = found.number + 1


def _commands(block: Block) -> Iterator[tuple[int, str, str]]:
    """(line in the block, command, expected output)."""
    found: list[tuple[int, str, str]] = []
    unfinished = False
    for number, line in enumerate(block.text.splitlines()):
        if line.startswith("$ "):
            found.append((number, line[2:], ""))
        else:
            assert found, f"console block without $ in line {block.line}"
            first, command, want = found[-1]
            found[-1] = ((first, f"{command}\n{line}", want) if unfinished
                         else (first, command, f"{want}{line}\n"))
            line = line if unfinished else ""
        unfinished = line.endswith("\\")
    return iter(found)


def difference(want: str, got: str) -> str:
    """'' if they are the same; `...` in want is anything, as in doctest."""
    want, got = (re.sub(r"[ \t]+$", "", text, flags=re.MULTILINE).rstrip("\n")
                 + "\n" for text in (want, got))
    if want.endswith("\n...\n"):
        got += "\n"  # a last line of dots may also stand for no line
    if doctest.OutputChecker().check_output(want, got, doctest.ELLIPSIS):
        return ""
    return f"expected:\n{want}got:\n{got}"
