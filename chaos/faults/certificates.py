"""Faults of the edge's certificate: it has run out, as when a renewal was forgotten or its reload was."""

from __future__ import annotations

import base64
import socket
import ssl
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from cryptography import x509

from chaos.faults.changed import Changed, Meets
from chaos.faults.places import Place, require_plain
from chaos.faults.targets import containers_of
from chaos.fingerprint import Fingerprint
from stack import tls
from stack.errors import CannotTell, UserError

if TYPE_CHECKING:
    from stack.model import Stack

_LIFETIME = timedelta(days=1)
_TIMEOUT_SECONDS = 3.0


@dataclass(frozen=True)
class CertificateExpired(Changed):
    """The service hands out a certificate of the same authority that has run out."""

    certificate: str = "/etc/seatrial/tls/server.crt"
    """The certificate's file, as the service's container has it."""
    key: str = "/etc/seatrial/tls/server.key"
    """Its private key's file."""
    port: int = 443
    """Where the service hands it out, in its container."""
    since_seconds: int = 3600
    """How long ago it ran out."""

    effect: ClassVar[str] = "certificate_expired"
    family: ClassVar[str] = "configuration"

    def __post_init__(self) -> None:
        for path in self.paths:
            require_plain(path)
        if self.since_seconds < 1:
            raise UserError(f"certificate_expired: one that runs out in {-self.since_seconds} s has not expired")

    @property
    def paths(self) -> tuple[str, ...]:
        """The certificate and its key: one is no good without the other."""
        return (self.certificate, self.key)

    @property
    def meets(self) -> Meets:
        """The service reads both anew when it is told to."""
        return "by reload"

    def changes(self, stack: Stack, place: Place) -> dict[str, dict[str, Any]]:
        """A new pair from the operator's authority. Raises CannotTell when there is no authority here: nobody is made one for this."""
        if not (stack.operator_dir / "ca.key").is_file():
            raise CannotTell(
                f"{self}: there is no certificate authority in {stack.operator_dir} to issue a certificate"
            )
        key, authority = tls.authority(stack.root)
        ended = datetime.now(UTC) - timedelta(seconds=self.since_seconds)
        with tempfile.TemporaryDirectory() as folder:
            tls.issue(Path(folder), key, authority, not_before=ended - _LIFETIME, not_after=ended)
            made = {self.certificate: Path(folder, "server.crt"), self.key: Path(folder, "server.key")}
            return {
                path: {"kind": "write", "content": base64.b64encode(file.read_bytes()).decode()}
                for path, file in made.items()
            }

    def revert(self, stack: Stack) -> None:
        """Put certificate and key back, and reload as long as another one is handed out."""
        super().revert(stack)
        if self._stale(stack):
            self._reload(stack)

    def active(self, stack: Stack) -> bool:
        """Whether the certificate that is handed out has expired, or the good one is still kept aside."""
        return super().active(stack) or self._stale(stack)

    def witness(self, stack: Stack, before: Fingerprint) -> str | None:
        """A handshake shows it."""
        served = self._served(stack)
        if served is None or served.not_valid_after_utc > datetime.now(UTC):
            return None
        return (
            f"{self.service} hands out a certificate that ran out at {served.not_valid_after_utc:%Y-%m-%d %H:%M:%S} UTC"
        )

    def _stale(self, stack: Stack) -> bool:
        """Whether an expired one is handed out: a reload that was asked for takes a moment."""
        served = self._served(stack)
        return served is not None and served.not_valid_after_utc <= datetime.now(UTC)

    def _address(self, stack: Stack) -> tuple[str, int]:
        """Where to ask from here: as it is published, else (on the engine's own host) the container itself."""
        try:
            return stack.published(self.service, self.port)
        except CannotTell:
            addresses = list(stack.container(self.service).addresses().values())
            if not addresses or not stack.driver.is_local():
                raise
            return addresses[0], self.port

    def _served(self, stack: Stack) -> x509.Certificate | None:
        """What a client gets to see; None while the service is down and nobody gets anything."""
        if not any(c["State"]["Status"] == "running" for c in containers_of(stack, self.service)):
            return None
        address = self._address(stack)
        # To look at, not to trust: an expired one has to be seen.
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        name = stack.profile.stack.server_name or tls.SERVER_NAME
        try:
            with (
                socket.create_connection(address, timeout=_TIMEOUT_SECONDS) as plain,
                context.wrap_socket(plain, server_hostname=name) as spoken,
            ):
                return x509.load_der_x509_certificate(spoken.getpeercert(binary_form=True) or b"")
        except (OSError, ValueError) as error:
            raise CannotTell(
                f"{self.service} hands out no certificate at {address[0]}:{address[1]}: {error}"
            ) from error
