"""Makes machines to look at over SSH: a container with sshd and an engine of its own, set up as asked, which ends with the test."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from stack.completed import Completed, complete
from stack.driver import HELPER_LABEL
from stack.waiting import eventually

IMAGE = "seatrial/host:local"
STARTS = timedelta(seconds=60)
# It ends by itself too: whoever started it may have been killed. The engine writes its pid file and answers; only then are
# socket and files made as asked, so that it can't undo it.
_START = """\
set -e
mkdir -p /run/sshd /root/.ssh /etc/docker
printf '%s\\n' "$PUBLIC_KEY" > /root/.ssh/authorized_keys
printf '%s' "$DAEMON_JSON" > /etc/docker/daemon.json
ssh-keygen -q -t ed25519 -N '' -f /etc/ssh/seatrial_key
dockerd > /var/log/dockerd.log 2>&1 &
until docker info > /dev/null 2>&1; do kill -0 $! ; sleep 0.2; done
sh -ec "$THEN"
exec timeout 900 /usr/sbin/sshd -D -e -h /etc/ssh/seatrial_key -o PasswordAuthentication=yes -o PermitRootLogin=yes
"""


@dataclass(frozen=True)
class Machine:
    """A machine that answers SSH, and the client configuration with which it can be reached."""

    url: str
    ssh_config: Path
    container: str


def docker(*words: str, seconds: float = 60) -> Completed:
    """Run a docker command; an assertion when it fails, since nothing can be shown then."""
    done = complete(("docker", *words), timeout_seconds=seconds)
    assert done.ok, done.last_words()
    return done


@contextmanager
def machine(folder: Path, daemon: Mapping[str, Any], *, then: str = "true") -> Iterator[Machine]:
    """A machine whose engine has this daemon.json; `then` is run on it once the engine answers."""
    folder.mkdir(parents=True)
    key, config, known = folder / "key", folder / "config", folder / "known_hosts"
    made = complete(("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)), timeout_seconds=20)
    assert made.ok, made.last_words()
    name = f"seatrial-sabotage-host-{secrets.token_hex(4)}"
    words = ["run", "--detach", "--rm", "--privileged", "--pull", "never", "--init", "--user", "0", "--name", name]
    words += ["--label", f"{HELPER_LABEL}=st-security-sabotage", "--tmpfs", "/var/lib/docker", "--stop-timeout", "1"]
    for variable, value in (
        ("PUBLIC_KEY", key.with_suffix(".pub").read_text().strip()),
        ("DAEMON_JSON", json.dumps(daemon)),
        ("THEN", then),
    ):
        words += ["--env", f"{variable}={value}"]
    docker(*words, "--entrypoint", "sh", IMAGE, "-c", _START)
    try:
        address = docker("inspect", "--format", "{{.NetworkSettings.IPAddress}}", name).stdout.strip()

        def answers() -> bool:
            scanned = complete(("ssh-keyscan", "-T", "2", "-t", "ed25519", address), timeout_seconds=10)
            known.write_text(scanned.stdout)
            alive = complete(("docker", "inspect", "--format", "{{.State.Running}}", name), timeout_seconds=10)
            assert alive.stdout.strip() == "true", "the machine ended as it started"
            return bool(scanned.stdout.strip())

        eventually(answers, within=STARTS, every=timedelta(seconds=0.3), what="sshd on the machine")
        config.write_text(f"Host *\n  IdentityFile {key}\n  IdentitiesOnly yes\n  UserKnownHostsFile {known}\n")
        yield Machine(f"ssh://root@{address}", config, name)
    finally:
        complete(("docker", "rm", "--force", "--volumes", name), timeout_seconds=30)
