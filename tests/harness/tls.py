# SPDX-License-Identifier: Apache-2.0
"""Certificates for tests of TLS, made by the openssl command."""
from __future__ import annotations

import ssl
import subprocess
from pathlib import Path
from typing import NamedTuple


class Certificate(NamedTuple):
    """Two PEM files."""

    cert: Path
    key: Path


def _openssl(*arguments: str | Path) -> None:
    subprocess.run(["openssl", *map(str, arguments)], check=True,
                   capture_output=True, timeout=60)


class Authority:
    """A CA that lives in a directory and issues certificates."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.own = Certificate(directory / "ca.pem", directory / "ca.key")
        _openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
                 "-subj", "/O=mod_python tests/CN=Test CA",
                 # Python 3.13 verifies strictly
                 "-addext", "keyUsage = critical, keyCertSign, cRLSign",
                 "-keyout", self.own.key, "-out", self.own.cert)

    def issue(self, name: str, *, addresses: tuple[str, ...] = ("127.0.0.1",)
              ) -> Certificate:
        """A certificate for a server name, or of a client called so."""
        made = Certificate(self.directory / f"{name}.pem",
                           self.directory / f"{name}.key")
        request = self.directory / f"{name}.csr"
        extensions = self.directory / f"{name}.ext"
        names = [f"DNS:{name}", *(f"IP:{one}" for one in addresses)]
        extensions.write_text(
            "basicConstraints = CA:FALSE\n"
            "subjectKeyIdentifier = hash\n"
            "authorityKeyIdentifier = keyid\n"
            "extendedKeyUsage = serverAuth, clientAuth\n"
            f"subjectAltName = {', '.join(names)}\n")
        _openssl("req", "-newkey", "rsa:2048", "-nodes",
                 "-subj", f"/O=mod_python tests/CN={name}",
                 "-keyout", made.key, "-out", request)
        _openssl("x509", "-req", "-in", request, "-days", "2",
                 "-CA", self.own.cert, "-CAkey", self.own.key,
                 "-CAcreateserial", "-extfile", extensions,
                 "-out", made.cert)
        return made

    @staticmethod
    def context_of(directory: Path) -> ssl.SSLContext:
        """For Connection(tls=...): trusts the CA of a directory only."""
        return ssl.create_default_context(cafile=str(directory / "ca.pem"))

    def context(self, client: Certificate | None = None) -> ssl.SSLContext:
        """The same for this CA."""
        context = self.context_of(self.directory)
        if client is not None:
            context.load_cert_chain(client.cert, client.key)
        return context
