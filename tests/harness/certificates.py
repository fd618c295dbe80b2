"""Certificates for tests, made by openssl: an authority, and pairs that it signed."""

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

_CURVE = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2")


@dataclass(frozen=True, slots=True)
class Pair:
    """A certificate and its key, PEM."""

    cert: Path
    key: Path

    def copy_to(self, other: "Pair") -> None:
        """Renew `other`: put this pair into its files, each by a rename, as certbot does."""
        for mine, theirs in ((self.cert, other.cert), (self.key, other.key)):
            fresh = theirs.with_suffix(".new")
            shutil.copyfile(mine, fresh)
            fresh.replace(theirs)


class Authority:
    """Signs certificates; `cert` is what those who trust it need. Skips without openssl."""

    def __init__(self, folder: Path, name: str = "ca") -> None:
        if shutil.which("openssl") is None:
            pytest.skip("no openssl on this machine")
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._root = Pair(folder / f"{name}.crt", folder / f"{name}.key")
        _openssl(self._root, f"/CN={name}", "-addext", "keyUsage=critical,keyCertSign")

    @property
    def cert(self) -> Path:
        """The authority's own certificate."""
        return self._root.cert

    def pair(self, name: str) -> Pair:
        """Return a signed pair for 127.0.0.1 and localhost."""
        made = Pair(self._folder / f"{name}.crt", self._folder / f"{name}.key")
        _openssl(
            made,
            f"/CN={name}",
            *("-CA", str(self._root.cert), "-CAkey", str(self._root.key)),
            *("-addext", "basicConstraints=critical,CA:FALSE"),
            *("-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost"),
        )
        return made


def _openssl(into: Pair, subject: str, *more: str) -> None:
    command = ["openssl", "req", "-x509", *_CURVE, "-subj", subject, *more]
    command += ["-out", str(into.cert), "-keyout", str(into.key)]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
