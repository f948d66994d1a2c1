# Licensed under the Apache License, Version 2.0; see LICENSE.
"""Where servers of the command keep their files, ports and who holds them,
processes."""

from __future__ import annotations

import json
import os
import socket
import stat
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from mod_python.cli._terminal import fail

STATE = "state.json"


def runtime_directory() -> Path:
    """The directory of all servers of this user, made when missing.

    Refused when it belongs to somebody else, who could put things there."""
    path = Path(tempfile.gettempdir()) / f"mod_python-serve-{os.geteuid()}"
    try:
        path.mkdir(mode=0o755)
    except FileExistsError:
        pass
    found = path.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
        fail(f"MP0704: {path} is not a directory of yours: remove it, or set TMPDIR")
    path.chmod(0o755)  # httpd's children, another user, read what is below
    return path


@dataclass(frozen=True)
class State:
    """A server that was started by ``serve``."""

    pid: int
    url: str
    targets: list[str]
    directory: str
    started: float

    @property
    def log(self) -> Path:
        return Path(self.directory, "error.log")

    def write(self) -> None:
        path = Path(self.directory, STATE)
        path.write_text(json.dumps(asdict(self)), "utf-8")

    def runs(self) -> bool:
        return is_httpd(self.pid, self.directory)


def servers() -> Iterator[State]:
    """Those of this user that run."""
    for path in sorted(runtime_directory().glob(f"*/{STATE}")):
        try:
            state = State(**json.loads(path.read_text("utf-8")))
        except (OSError, ValueError, TypeError):
            continue  # just going, or of another version
        if state.runs():
            yield state


def is_httpd(pid: int, directory: str) -> bool:
    """Is that process (still) the httpd of this directory?"""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return not os.path.isdir("/proc/self")  # a system without /proc
    return directory.encode() in command


# -- ports ---------------------------------------------------------------------------


def address_family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def free_port(host: str) -> int:
    """A port nobody listens on there."""
    with socket.socket(address_family(host)) as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def check_port(host: str, port: int) -> None:
    """Raises CommandError when httpd could not listen there."""
    try:
        probe = socket.socket(address_family(host))
        with probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
    except PermissionError:
        fail(f"MP0703: port {port} needs root: take one from 1024 up with --port")
    except OSError as error:
        holder = port_holder(port)
        if holder is None and error.errno != 98:
            fail(f"MP0703: cannot listen on {host}: {error.strerror}; give an address "
                 "of this machine with --host")
        cure = "stop that, or take another with --port"
        if any(state.url.rsplit(":", 1)[-1].rstrip("/") == str(port)
               for state in servers()):
            cure = f"it is ours: mod_python stop --port {port}; or " + cure
        fail(f"MP0703: port {port} is held by {holder or 'another process'}: {cure}")


def port_holder(port: int) -> str | None:
    """'name (pid n)' of who listens on a port, None when that is not known."""
    inodes = set(_listening(port))
    if not inodes:
        return None
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            links = {os.readlink(one) for one in (entry / "fd").iterdir()}
            name = (entry / "comm").read_text().strip()
        except OSError:
            continue  # of somebody else, or gone
        if not links.isdisjoint(inodes):
            return f"{name} (pid {entry.name})"
    return "a process of another user"


def _listening(port: int) -> Iterator[str]:
    """What the descriptors of sockets that listen on a port are named."""
    for name in ("tcp", "tcp6"):
        try:
            lines = Path("/proc/net", name).read_text().splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            fields = line.split()
            if fields[3] == "0A" and int(fields[1].rpartition(":")[2], 16) == port:
                yield f"socket:[{fields[9]}]"
