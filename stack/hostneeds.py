"""Lists the programs that the runs need on this machine, the Debian packages they come in, and what each lack costs.

Pure data and look-ups; standard library only. `make doctor` prints it, set-up installs from it.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass


@dataclass(frozen=True)
class Need:
    """A program, where it comes from, and what can't be done without it."""

    program: str
    package: str
    costs: str
    # Needed only by what root alone can do anyway (network namespaces, firewall rules).
    root_only: bool = False


NEEDS = (
    Need("gpg", "gnupg", "backups can't be encrypted, so the restore area is INCONCLUSIVE"),
    Need("openssl", "openssl", "handshakes can't be shown as evidence in the TLS checks"),
    Need("make", "make", "the commands of the Makefile have to be typed in full"),
    Need("ip", "iproute2", "there is no outside vantage: what is exposed is INCONCLUSIVE", root_only=True),
    Need("iptables", "iptables", "firewall rules can't be applied or judged", root_only=True),
    Need("nsenter", "util-linux", "sockets and routes inside containers are read by slower helpers", root_only=True),
    Need("ssh", "openssh-client", "other machines can't be looked at with --host ssh://…"),
    Need("age-keygen", "age", "operators can't make or rotate their own age keys by hand"),
)
CA_CERTIFICATES = Need("/etc/ssl/certs/ca-certificates.crt", "ca-certificates", "nothing can be fetched by https")


def has(program: str) -> bool:
    """Whether a program (by name, also in root's folders) or a file (by path) is here."""
    if "/" in program:
        return os.path.exists(program)
    return shutil.which(program) is not None or shutil.which(program, path="/usr/sbin:/sbin:/usr/local/sbin") is not None


def lacking(*, as_root: bool) -> list[Need]:
    """Return the needs that this machine does not meet; what only root can use is not asked of others."""
    return [need for need in (*NEEDS, CA_CERTIFICATES) if not has(need.program) and (as_root or not need.root_only)]
