# Licensed under the Apache License, Version 2.0; see LICENSE.
"""Parts of the configuration of an httpd of one's own: modules, processes and
threads, the user.

For the command, for mod_python.testing and for our own tests.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass

from mod_python._install import Installation

# Who httpd's children are when root starts it: the first that exists.
USERS = ("www-data", "apache", "httpd", "nobody")


@dataclass(frozen=True)
class Workers:
    """Processes and threads of a server; threads only where there are any.

    prefork starts more children under load, up to max_children; the others
    keep their number, so that a missing child has died.
    """

    children: int = 2
    threads: int = 8
    max_children: int = 16

    def directives(self, mpm: str) -> list[str]:
        if mpm == "prefork":
            most = max(self.children, self.max_children)
            return [
                f"StartServers {self.children}",
                "MinSpareServers 1",
                f"MaxSpareServers {most + 1}",
                f"ServerLimit {most}",
                f"MaxRequestWorkers {most}",
            ]
        total = self.children * self.threads
        return [
            f"StartServers {self.children}",
            f"ThreadsPerChild {self.threads}",
            f"ThreadLimit {self.threads}",
            # one child is all there is: httpd would complain of too few spare
            f"MinSpareThreads {self.threads if self.children > 1 else 1}",
            f"MaxSpareThreads {total + self.threads}",
            # room for old children beside new ones while restarting
            f"ServerLimit {self.children * 4}",
            f"MaxRequestWorkers {total}",
        ]


def run_user() -> tuple[str, str] | None:
    """User and group for the children when started as root, else None."""
    if os.geteuid() != 0:
        return None
    import grp
    import pwd

    for name in USERS:
        try:
            user = pwd.getpwnam(name)
        except KeyError:
            continue
        return user.pw_name, grp.getgrgid(user.pw_gid).gr_name
    raise RuntimeError("no unprivileged user found to run httpd as")


def owner() -> tuple[int, int]:
    """uid and gid the children run with."""
    names = run_user()
    if names is None:
        return os.geteuid(), os.getegid()
    import grp
    import pwd

    return pwd.getpwnam(names[0]).pw_uid, grp.getgrnam(names[1]).gr_gid


def user_lines() -> list[str]:
    """User and Group lines, none unless root starts it."""
    names = run_user()
    return [f"User {names[0]}", f"Group {names[1]}"] if names else []


def load_lines(installation: Installation, names: Iterable[str]) -> list[str]:
    """LoadModule lines, none for what is built in. Raises SetupError."""
    lines = [installation.load(name) for name in dict.fromkeys(names)]
    return [line for line in lines if line]
