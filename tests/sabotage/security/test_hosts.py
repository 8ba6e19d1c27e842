"""Why: no machine of anybody's can be misconfigured for a test, so one of our own is, for real, and looked at over SSH."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from stack.engine import DAEMON
from tests.sabotage.security.hosts import IMAGE, Machine, docker, machine
from tests.sabotage.security.ledger import DEFECTS, caught

ROOT = Path(__file__).parents[3]
IDS = [f"SEC-HOST-{number:03}" for number in range(1, 11)]
# An engine as people leave it, with a port that takes orders from anybody on the machine.
CARELESS = {
    "hosts": ["unix:///var/run/docker.sock", "tcp://127.0.0.1:2375"],
    "insecure-registries": ["registry.example:5000"],
    "log-driver": "json-file",
}
LOOSENED = "chmod 666 /var/run/docker.sock /etc/docker/daemon.json; useradd -G docker mallory"
SAYS: dict[str, list[str]] = DEFECTS["hosts"]


def asked(folder: Path, url: str, *more: str) -> tuple[int, dict[str, dict[str, object]], str]:
    """The exit code of the host's checks of a machine, their results by id, and what was written."""
    argv = [sys.executable, "-m", "pytest", "suites/security/test_host.py", "-q", "-p", "no:cacheprovider"]
    argv += ["--reports", str(folder / "reports"), "--host", url, *more]
    # No agent: its keys are somebody's, and a session that can't ask must not be helped by one that could.
    env = {name: value for name, value in os.environ.items() if name != "SSH_AUTH_SOCK"}
    done = subprocess.run(argv, cwd=ROOT, env=env, capture_output=True, text=True, timeout=120, check=False)
    found = sorted((folder / "reports").glob("*/results.json"))
    results = json.loads(found[-1].read_text())["results"] if found else []
    return done.returncode, {one["id"]: one for one in results}, done.stdout + done.stderr


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """A machine whose engine is set up as our set-up does it."""
    docker("image", "inspect", IMAGE)
    with machine(tmp_path_factory.mktemp("good") / "m", DAEMON) as found:
        yield found


@pytest.fixture(scope="module")
def bad(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, dict[str, object]]]:
    """What the checks say of a machine on which everything is wrong."""
    folder = tmp_path_factory.mktemp("bad")
    with machine(folder / "m", CARELESS, then=LOOSENED) as found:
        _, results, said = asked(folder, found.url, "--ssh-config", str(found.ssh_config))
    assert results, said
    yield results


def test_an_engine_as_set_up_leaves_it_passes_everything(good: Machine, tmp_path: Path) -> None:
    code, results, said = asked(tmp_path, good.url, "--ssh-config", str(good.ssh_config))

    assert {id_: one["outcome"] for id_, one in results.items()} == dict.fromkeys(IDS, "PASS"), said
    assert code == 0


@pytest.mark.parametrize("check", IDS)
def test_each_thing_that_is_wrong_with_a_machine_is_found(bad: dict[str, dict[str, object]], check: str) -> None:
    assert bad[check]["outcome"] == "FAIL"
    assert all(text in str(bad[check]["reason"]) for text in SAYS[check])
    caught("hosts", check, float(str(bad[check]["seconds"])))


def test_a_machine_whose_key_is_not_known_is_refused_in_one_sentence(good: Machine, tmp_path: Path) -> None:
    strange = tmp_path / "config"
    strange.write_text(good.ssh_config.read_text().replace("known_hosts", "nobody"))

    code, results, said = asked(tmp_path, good.url, "--ssh-config", str(strange))

    assert code == 4
    assert all(one["outcome"] != "PASS" for one in results.values())
    assert "its key is not known here" in said
    assert "Traceback" not in said


def test_a_machine_that_wants_a_password_does_not_hang(good: Machine, tmp_path: Path) -> None:
    other = tmp_path / "config"
    known = good.ssh_config.with_name("known_hosts")
    other.write_text(f"Host *\n  IdentityFile /dev/null\n  IdentitiesOnly yes\n  UserKnownHostsFile {known}\n")

    _, results, said = asked(tmp_path, good.url, "--ssh-config", str(other))

    assert {one["outcome"] for one in results.values()} == {"INCONCLUSIVE"}, said
    assert "does not let us in with a key" in str(results["SEC-HOST-001"]["reason"])


def test_a_machine_that_can_not_be_reached_is_inconclusive(tmp_path: Path) -> None:
    _, results, said = asked(tmp_path, "ssh://root@127.0.0.1:1")

    assert {one["outcome"] for one in results.values()} == {"INCONCLUSIVE"}, said
    assert "can't be reached" in str(results["SEC-HOST-001"]["reason"])
