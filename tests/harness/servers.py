# SPDX-License-Identifier: Apache-2.0
"""The servers of a test session: made, checked and removed in one place."""
from __future__ import annotations

import re
from collections.abc import Callable

from .build import Build
from .conf import Workers
from .env import Env
from .httpd import Httpd
from .install import Installation


class Servers:
    """All servers that exist at the moment."""

    def __init__(self, installation: Installation,
                 build: Callable[[], Build], keep: bool = False) -> None:
        self.installation = installation
        self.build = build
        self._keep = keep
        self._live: list[Httpd] = []
        self._last_test = ""

    def make(self, mpm: str, name: str = "server", *, python: bool = True,
             modules: list[str] | None = None,
             workers: Workers | None = None) -> Httpd:
        """A new server root; nothing is started yet."""
        word = re.sub(r"\W+", "_", name)
        env = Env(self.installation, mpm,
                  self.build() if python else None, f"{word}-{mpm}")
        env.modules += modules or []
        if workers is not None:
            env.workers = workers
        server = Httpd(env)
        self._live.append(server)
        return server

    def begin_test(self, name: str) -> None:
        for server in self._live:
            server.begin_test(self._last_test)
        self._last_test = name

    def problems(self) -> list[str]:
        return [f"{server.env.mpm}: {problem}" for server in self._live
                for problem in server.problems()]

    def finish(self, server: Httpd) -> list[str]:
        """Stops and removes a server; returns what went wrong with it."""
        found = server.descriptor_problems()
        server.stop()
        found += server.problems() + server.late_problems()
        self._live.remove(server)
        if self._keep:
            print(f"kept: {server.env.root}")
        else:
            server.env.remove()
        return [f"{server.env.mpm}: {problem}" for problem in found]

    def finish_all(self) -> list[str]:
        return [problem for server in list(self._live)
                for problem in self.finish(server)]
