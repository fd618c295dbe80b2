"""Certificates: checked at the start, and read again when their files have changed."""

import os
import ssl
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from time import sleep
from typing import Any

import grpc
import structlog

from manager_agent.app.sections import Tls

_log = structlog.get_logger()

# gRPC frees the certificates it replaces while other connections may be about to take them up
# (https://github.com/grpc/grpc/issues/36693). None can begin while we are asked, so those that had
# begun get this long to be done with them.
_TAKEN_UP_SECONDS = 1.0


class TlsError(Exception):
    """A file under `tls` cannot be used; the message names its key, the file and what to do."""


@dataclass(frozen=True, slots=True)
class _Loaded:
    """One state of the files, ready for either kind of server."""

    context: ssl.SSLContext
    grpc: Any


class Certificates:
    """The certificates of one door, named `key` in errors; safe for use by several threads.

    Each new connection gets what the files hold then. Files that cannot be used, as in the middle
    of a renewal, are told to the log, and the last good ones go on.
    """

    def __init__(self, tls: Tls, key: str) -> None:
        """Read the files. Raises `TlsError`."""
        self._tls = tls
        self._key = key
        self._lock = Lock()
        self._seen = self._state()
        self._loaded = self._load()

    def for_grpc(self) -> grpc.ServerCredentials:
        """Return credentials that follow the files, for one port."""
        used = self._loaded.grpc

        def follow() -> Any:
            nonlocal used
            current = self._current().grpc
            if current is used:
                return None  # what gRPC takes for "unchanged"
            sleep(_TAKEN_UP_SECONDS)
            used = current
            return current

        return grpc.dynamic_ssl_server_credentials(
            used, follow, require_client_authentication=self._tls.client_ca_file is not None
        )

    def for_http(self) -> ssl.SSLContext:
        """Return a context that follows the files."""

        def follow(connection: Any, _name: str | None, _context: ssl.SSLContext) -> None:
            connection.context = self._current().context

        context = self._load().context
        context.sni_callback = follow
        return context

    def _current(self) -> _Loaded:
        with self._lock:
            state = self._state()
            if state != self._seen:
                self._seen = state
                try:
                    self._loaded = self._load()
                    _log.info("certificates were read again", key=self._key)
                except TlsError as error:
                    _log.error("renewed certificates cannot be used", error=str(error))
            return self._loaded

    def _files(self) -> dict[str, Path]:
        tls = self._tls
        named = {"cert_file": tls.cert_file, "key_file": tls.key_file}
        if tls.client_ca_file is not None:
            named["client_ca_file"] = tls.client_ca_file
        return {name: path.expanduser() for name, path in named.items()}

    def _state(self) -> list[tuple[int, int, int] | None]:
        """Return what changes when a file does."""
        found: list[tuple[int, int, int] | None] = []
        for path in self._files().values():
            try:
                about = os.stat(path)
                found.append((about.st_mtime_ns, about.st_size, about.st_ino))
            except OSError:
                found.append(None)
        return found

    def _load(self) -> _Loaded:
        paths = self._files()
        texts = {name: self._read(name, path) for name, path in paths.items()}
        self._refuse_other_kinds(paths, texts)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(["http/1.1"])
        self._put_pair(context, paths)
        if "client_ca_file" in paths:
            context.verify_mode = ssl.CERT_REQUIRED
            self._put_authority(context, paths["client_ca_file"])
        return _Loaded(
            context,
            grpc.ssl_server_certificate_configuration(
                [(texts["key_file"], texts["cert_file"])], texts.get("client_ca_file")
            ),
        )

    def _read(self, name: str, path: Path) -> bytes:
        try:
            return path.read_bytes()
        except OSError as error:
            raise TlsError(
                f"{self._key}.{name}: {path} cannot be read ({error.strerror}); name a PEM file"
                " that the manager may read"
            ) from error

    def _refuse_other_kinds(self, paths: dict[str, Path], texts: dict[str, bytes]) -> None:
        """Raise `TlsError` where a file holds something else than its key says."""
        for name, text in texts.items():
            mark, what = (
                (b"PRIVATE KEY-----", "private key")
                if name == "key_file"
                else (b"-----BEGIN CERTIFICATE-----", "certificate")
            )
            if mark not in text:
                raise TlsError(
                    f"{self._key}.{name}: {paths[name]} holds no {what} in PEM form; name a file"
                    f" with a line -----BEGIN {what.upper()}-----"
                )
        if b"ENCRYPTED" in texts["key_file"]:
            raise TlsError(
                f"{self._key}.key_file: {paths['key_file']} is locked with a passphrase, and nobody"
                " is there to type it; `openssl pkey -in FILE -out NEW` writes one without"
            )

    def _put_pair(self, context: ssl.SSLContext, paths: dict[str, Path]) -> None:
        cert, key = paths["cert_file"], paths["key_file"]
        try:
            context.load_cert_chain(cert, key)
        except ssl.SSLError as error:
            if error.reason == "KEY_VALUES_MISMATCH":
                raise TlsError(
                    f"{self._key}.key_file: {key} is not the key of the first certificate in"
                    f" {cert} ({self._key}.cert_file); name the pair that was made together"
                ) from error
            raise TlsError(
                f"{self._key}: {cert} (cert_file) and {key} (key_file) cannot be used"
                f" ({error.reason or error}); make them anew in PEM form"
            ) from error
        except OSError as error:
            raise TlsError(f"{self._key}: {cert} or {key} cannot be read ({error})") from error

    def _put_authority(self, context: ssl.SSLContext, path: Path) -> None:
        try:
            context.load_verify_locations(path)
        except (ssl.SSLError, OSError) as error:
            raise TlsError(
                f"{self._key}.client_ca_file: {path} cannot be used ({error}); name the PEM"
                " certificate of who signs the clients' certificates"
            ) from error
