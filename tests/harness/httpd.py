# SPDX-License-Identifier: Apache-2.0
"""One httpd process in the foreground, in a session of its own."""
from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from . import proc, sanitizer
from .env import Env
from .log import ErrorLog
from .tools import DeadlineError, accepts, wait_until

# An idle child may keep this many more descriptors than after its start:
# files opened on first use, never one for each request.
FD_TOLERANCE = 10


class StartError(AssertionError):
    """httpd did not start; says why."""


class ConfigCheck(NamedTuple):
    """The result of httpd -t."""

    rc: int
    stderr: str


class Httpd:
    """Starts, stops and watches one server."""

    rss = staticmethod(proc.rss)
    private = staticmethod(proc.private)
    fds = staticmethod(proc.fds)

    def __init__(self, env: Env) -> None:
        self.env = env
        self.log = ErrorLog(env.root / "logs" / "error.log")
        self.stderr = ErrorLog(env.root / "logs" / "stderr.log")
        self.config = ""
        self._process: subprocess.Popen[bytes] | None = None
        self._one_process = False
        self._known: set[int] = set()  # children that must not go away
        self._retiring: set[int] = set()  # those of before a restart
        self._watch_children = True
        self._trouble: list[str] = []
        self._late: list[str] = []  # what came after the end of a test
        self._descriptors: dict[int, int] = {}
        self._patience = 10.0 * sanitizer.slowdown()

    # -- life ---------------------------------------------------------

    def start(self, config: str | None = None, *, one_process: bool = False,
              defines: Sequence[str] = (),
              environ: Mapping[str, str] | None = None) -> None:
        """Starts and waits until it accepts connections and has children.

        one_process: -X, everything in one process without children.
        """
        assert self._process is None, "already running"
        if config is not None:
            self.config = config
        command = [*sanitizer.command(self.env.root / "sanitizer"),
                   *self._command("httpd", self.config, defines)]
        command.append("-X" if one_process else "-DFOREGROUND")
        self._one_process = one_process
        # with -X it stays behind, and the next start warns
        (self.env.root / "run" / "httpd.pid").unlink(missing_ok=True)
        with open(self.stderr.path, "ab") as output:
            # a session: httpd signals its whole process group when it stops
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output,
                stderr=output, cwd=self.env.root, start_new_session=True,
                env=self._environ(environ))
        try:
            wait_until(self._ready, self._patience, "httpd is ready")
        except AssertionError as error:
            reason = f"{error}\n{self.stderr.text(0)}\n{self.log.text(0)}"
            self._kill()
            self.problems()  # they are told here
            raise StartError("httpd does not start: " + reason) from None
        self._known = set(self.children())

    def _command(self, name: str, text: str,
                 defines: Sequence[str]) -> list[str]:
        path = self.env.write_config(text, name)
        command = [self.env.installation.httpd, "-d", str(self.env.root),
                   "-f", str(path)]
        for define in (*self.env.defines, *defines):
            command += ["-D", define]
        return command

    def _environ(self, extra: Mapping[str, str] | None) -> dict[str, str]:
        reports = self.env.root / "sanitizer"
        return self.env.httpd_environ(
            {**sanitizer.environ(reports), **(extra or {})})

    def _ready(self) -> bool:
        assert self._process is not None
        code = self._process.poll()
        if code is not None:
            raise StartError(f"it ended with status {code}")
        if not accepts(self.env.port(0)):
            return False
        return len(self.children()) >= self._children_wanted()

    def _children_wanted(self) -> int:
        return 1 if self._one_process else self.env.workers.children

    def stop(self, patience: float | None = None) -> None:
        """Ends it, in so many seconds; what went wrong meanwhile is reported
        by problems()."""
        patience = patience or self._patience
        process = self._process
        if process is None:
            return
        if process.poll() is None:
            self._rest()
            process.send_signal(signal.SIGTERM)
        # Without any module of ours, event with -X hangs or crashes in about
        # one of fifty stops: its threads still work while it cleans up.
        judged = not (self._one_process and self.env.mpm == "event")
        try:
            code = process.wait(patience if judged else 2.0)
        except subprocess.TimeoutExpired:
            code = 0
            if judged:
                self._trouble.append(
                    f"httpd {process.pid} did not stop within "
                    f"{patience:g} s: {proc.session(process.pid)}")
        if judged:
            if code != 0:
                self._trouble.append(f"httpd ended with status {code}")
            self._leftover(process.pid)
        self._kill()

    def _rest(self) -> None:
        """Waits until no thread of a child works, a second at most.

        A stop or restart at once makes the main thread of a child close the
        connections that workers still have. Event and worker do this without
        a lock: now and then it finds a socket whose worker has just freed it,
        and the child crashes, with none of our code involved.
        """
        try:
            wait_until(lambda: not any(map(proc.busy, self.children())), 1.0)
        except DeadlineError:
            pass  # the test wants it to end while it works

    def _leftover(self, sid: int) -> None:
        try:
            wait_until(lambda: not proc.session(sid), 2.0)
        except DeadlineError:
            self._trouble.append(
                f"processes left over: {proc.session(sid)}")

    def _kill(self) -> None:
        """The last resort: everything in the session we made."""
        process = self._process
        assert process is not None
        for pid in proc.session(process.pid):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        process.wait()
        wait_until(lambda: not proc.session(process.pid), 5.0)
        self._process = None
        self._known = set()
        self._retiring = set()
        self._descriptors = {}

    def graceful(self, config: str | None = None) -> None:
        """Graceful restart; returns when the new children are there."""
        self._restart(signal.SIGUSR1, config)

    def restart(self, config: str | None = None) -> None:
        """Restart at once; running requests are cut off."""
        self._restart(signal.SIGHUP, config)

    def _restart(self, number: signal.Signals, config: str | None) -> None:
        assert self._process is not None, "not running"
        if config is not None:
            self.config = config
            self.env.write_config(config)
        old = set(self.children())
        position = self.log.mark()
        self._known = set()
        if number == signal.SIGHUP:
            self._rest()
        self._process.send_signal(number)
        begin, *_ = self.log.wait(
            r"SIG\w+ received|restart requested", since=position,
            timeout=self._patience)
        self.log.wait("resuming normal operations", since=position,
                      timeout=self._patience)
        self._wait_for_others(old)
        # until it saw the signal, the parent may have made more of the old
        self._retiring |= old | {one.pid for one in proc.children(self.pid)
                                 if proc.started(one) < begin.when}
        self._known = set(self.children()) - self._retiring
        self._descriptors = {}

    def _wait_for_others(self, old: set[int]) -> None:
        """Waits for new children, all of them if there is room."""
        def new() -> int:
            return len(set(self.children()) - old)

        try:
            wait_until(lambda: new() >= self._children_wanted(), 0.3)
        except DeadlineError:  # old ones are still busy
            wait_until(new, self._patience, "new children after a restart")

    # -- looking at it --------------------------------------------------

    @property
    def running(self) -> bool:
        return self._process is not None

    @property
    def pid(self) -> int:
        assert self._process is not None, "not running"
        return self._process.pid

    def port(self, n: int = 0) -> int:
        return self.env.port(n)

    def url(self, path: str = "/", n: int = 0) -> str:
        return self.env.url(path, n)

    def children(self) -> list[int]:
        """The processes that serve requests."""
        if self._one_process:
            return [self.pid]
        # mod_cgid's daemon is a child too, but has one thread only
        least = 1 if self.env.mpm == "prefork" else 2
        return [one.pid for one in proc.children(self.pid)
                if one.threads >= least]

    def check_config(self, config: str,
                     defines: Sequence[str] = ()) -> ConfigCheck:
        """What httpd -t says about a configuration."""
        command = self._command("check", config, defines)
        done = subprocess.run([*command, "-t"], capture_output=True,
                              text=True, errors="backslashreplace",
                              timeout=60, cwd=self.env.root,
                              env=self._environ(None))
        return ConfigCheck(done.returncode, done.stderr)

    # -- checks after each test -------------------------------------------

    def begin_test(self, previous: str = "") -> None:
        """From here on everything is this test's doing."""
        self._late += [f"after {previous or 'a test'}: {problem}"
                       for problem in self.problems()]
        self.log.begin()
        self.stderr.begin()
        self._trouble = []
        self._watch_children = True

    def expect_child_exit(self) -> None:
        """In this test children may end (not by a signal)."""
        self._watch_children = False

    def late_problems(self) -> list[str]:
        """What happened between the end of a test and the next one."""
        return self._late

    def problems(self) -> list[str]:
        """What must not have happened since begin_test(), each once."""
        found, self._trouble = self._trouble, []
        for log in (self.log, self.stderr):
            found += [f"{log.path.name}: {one.line}"
                      for one in log.unexpected()]
        found += sanitizer.reports(self.env.root / "sanitizer")
        found += self._deaths()
        return found

    def _deaths(self) -> list[str]:
        if self._process is None:
            return []
        code = self._process.poll()
        if code is not None:
            self._kill()
            return [f"httpd ended by itself with status {code}"]
        dead = {pid for pid in self._known if not proc.alive(pid)}
        self._known = ((self._known - dead)
                       | (set(self.children()) - self._retiring))
        if not self._watch_children:
            return []
        return [f"child {pid} died" for pid in sorted(dead)]

    # -- descriptors --------------------------------------------------------

    def remember_descriptors(self) -> None:
        self._descriptors = {pid: len(proc.fds(pid))
                             for pid in self.children()}

    def descriptor_problems(self) -> list[str]:
        """Children that kept more descriptors than they may."""
        def grown() -> dict[int, int]:
            return {pid: len(proc.fds(pid)) - before
                    for pid, before in self._descriptors.items()
                    if proc.alive(pid)
                    and len(proc.fds(pid)) > before + FD_TOLERANCE}

        if self._process is None:
            return []
        try:  # connections just closed are let go a little later
            wait_until(lambda: not grown(), 3.0)
        except DeadlineError:
            return [f"child {pid} keeps {more} descriptors more than at its "
                    f"start: {sorted(proc.fds(pid).values())}"
                    for pid, more in grown().items()]
        return []
