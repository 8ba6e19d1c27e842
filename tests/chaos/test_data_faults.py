"""Each fault of data and configuration on a real engine: it bites, is taken back to the byte, also after what it hit was replaced."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from chaos.effect import Fault
from chaos.faults import decode
from chaos.faults.backups import BackupMissing
from chaos.faults.certificates import CertificateExpired
from chaos.faults.files import FileCorrupted, FileTruncated
from chaos.faults.process import crash
from chaos.faults.secrets import SecretWrong
from chaos.faults.upstream import UpstreamWrong
from chaos.faults.wal import StaleWal
from chaos.fingerprint import Fingerprint
from chaos.heal import heal
from chaos.injection import injected
from chaos.journal import Journal
from chaos.probes import healthy
from stack.errors import CannotTell, UserError
from stack.model import Stack
from stack.waiting import eventually
from tests.chaos.small_here import small_or_skip

PROJECT = f"st-data-{os.getpid()}"
SOON = timedelta(seconds=60)
NOW_AND_THEN = timedelta(milliseconds=100)
ROWS = "import sqlite3; c = sqlite3.connect('/data/store.db'); {}; c.commit()"


@pytest.fixture(scope="module")
def small() -> Iterator[Stack]:
    with small_or_skip(PROJECT) as stack:
        yield stack


@pytest.fixture(autouse=True)
def _well(small: Stack) -> None:
    eventually(lambda: healthy("store", "edge").complaint(small) is None, within=SOON, every=NOW_AND_THEN)


def held(stack: Stack) -> dict[str, str]:
    """Every file of the store's volume and the edge's folders, by checksum, as the host sees it; logs of SQLite left out."""
    volume = next(m["Source"] for m in stack.container("store").attrs["Mounts"] if m["Type"] == "volume")
    find = ["find", volume, str(stack.state_dir), "-type", "f", "!", "-name", "*-shm", "-exec", "sha256sum", "{}", "+"]
    lines = subprocess.run(find, capture_output=True, text=True, check=True).stdout.splitlines()
    return {line.split("  ", 1)[1]: line.split("  ", 1)[0] for line in lines}


def started_anew(stack: Stack, before: dict[str, Any]) -> bool:
    """Whether the edge's container runs again, and not since before."""
    now = stack.container("edge").attrs["State"]
    return bool(now["Running"]) and now["StartedAt"] != before["State"]["StartedAt"]


FAULTS: list[Fault] = [
    FileCorrupted("store", "/data/wallet.bin", seed=7),
    FileCorrupted("store", "/data/wall*", offset=3, bit=7, held=False),
    FileTruncated("store", "/data/wallet.bin", size=100, held=False),
    BackupMissing("store", "/data/backups", "store-*.tar", newest=0),
    CertificateExpired("edge", port=8443),
    UpstreamWrong("edge"),
    SecretWrong("edge", "ca.crt", folder="/etc/seatrial/tls"),
    StaleWal("store", "/data/store.db"),
    StaleWal("store", "/data/store.db", log="old"),
]


@pytest.mark.parametrize("fault", FAULTS, ids=str)
def test_a_fault_bites_and_is_taken_back_to_the_byte(small: Stack, fault: Fault) -> None:
    before, files = Fingerprint.of(small, fault=fault), held(small)

    with injected(fault, small) as injection:
        seen = eventually(lambda: fault.witness(small, injection.before), within=SOON, every=NOW_AND_THEN)
        assert fault.active(small)
        changed = held(small)

    print(f"{fault}: {seen}; proof {injection.proof}")
    assert changed != files
    assert held(small) == files
    assert before.differences(Fingerprint.of(small, fault=fault)) == []
    assert decode(fault.to_json()) == fault


@pytest.mark.parametrize("fault", FAULTS, ids=str)
def test_without_an_injection_a_revert_changes_nothing(small: Stack, fault: Fault) -> None:
    files, started = held(small), [small.container(name).attrs["State"]["StartedAt"] for name in ("store", "edge")]

    fault.revert(small)
    fault.revert(small)

    assert not fault.active(small)
    assert held(small) == files
    assert [small.container(name).attrs["State"]["StartedAt"] for name in ("store", "edge")] == started


def test_a_target_that_was_replaced_meanwhile_gets_its_file_back(small: Stack) -> None:
    fault, files = FileTruncated("store", "/data/wallet.bin", size=9), held(small)

    with injected(fault, small):
        small.driver.remove(small.container("store").id)
        small.driver.compose("up", "--detach", "--no-deps", "--no-build", "--pull", "never", "store")

    assert held(small) == files


def test_what_was_reloaded_for_a_fault_is_started_again_after_a_later_crash(small: Stack) -> None:
    with injected(UpstreamWrong("edge"), small):
        pass

    before = small.container("edge").attrs
    crash(small, before)

    eventually(lambda: started_anew(small, before), within=SOON, every=NOW_AND_THEN, what="a restart")


def test_it_is_healed_when_every_container_is_another_one(small: Stack, tmp_path: Path) -> None:
    fault, files = FileTruncated("store", "/data/wallet.bin", size=9, held=False), held(small)
    journal = Journal(tmp_path / "journal.jsonl")
    before = Fingerprint.of(small, fault=fault).to_json()
    for was in before["incarnations"].values():
        was["id"] = "another"
    journal.note(journal.intend(fault.to_json(), before), "injected")
    fault.inject(small)

    (healed,) = heal(small, journal)

    assert healed.ok, healed.message
    assert held(small) == files


def test_what_is_lost_with_a_log_comes_back_with_it(small: Stack) -> None:
    def count() -> str:
        asked = small.container("store").exec(
            ["python3", "-c", "print(1);" + ROWS.format("print(c.execute('SELECT count(*) FROM orders').fetchone())")]
        )
        return asked.stdout.split("\n")[1] if asked.ok else asked.last_words()

    done = small.container("store").exec(
        ["python3", "-c", ROWS.format("c.execute(\"INSERT INTO orders VALUES (7777, 'late')\")")]
    )
    assert done.ok, done.last_words()

    with injected(StaleWal("store", "/data/store.db"), small):
        eventually(lambda: healthy("store").complaint(small) is None, within=SOON, every=NOW_AND_THEN)
        forgotten = eventually(lambda: "100" in count(), within=SOON, every=NOW_AND_THEN)

    assert forgotten, "SQLite takes a lost log without a word"
    assert eventually(lambda: "101" in count(), within=SOON, every=NOW_AND_THEN)


def test_where_the_folder_is_not_at_hand_a_helper_does_the_same(small: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chaos.faults.places.os.geteuid", lambda: 1000)
    fault, files = FileTruncated("store", "/data/wallet.bin", size=100, held=False), held(small)

    with injected(fault, small) as injection:
        seen = fault.witness(small, injection.before)

    assert seen
    assert held(small) == files


def test_without_a_helper_s_image_nothing_is_changed(small: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chaos.faults.places.os.geteuid", lambda: 1000)
    real = type(small.driver).run_helper
    missing = {"image": "seatrial/no-such-image:local"}
    monkeypatch.setattr(
        type(small.driver), "run_helper", lambda self, argv, **more: real(self, argv, **more, **missing)
    )
    files = held(small)

    with pytest.raises(CannotTell, match="helper container could not run"):
        FileTruncated("store", "/data/wallet.bin", size=100, held=False).inject(small)

    assert held(small) == files


BAD: list[tuple[Fault, type[Exception], str]] = [
    (FileTruncated("store", "/etc/passwd"), UserError, "in no volume or folder of store"),
    (FileTruncated("edge", "/etc/nginx/nginx.conf"), UserError, "in no volume or folder of edge"),
    (FileTruncated("store", "/opt/store.py"), UserError, "in no volume or folder of store"),
    (FileTruncated("store", "/data/nothing", held=False), CannotTell, "there is no file nothing"),
    (FileCorrupted("store", "/data/no*", held=False), CannotTell, "there is no /data/no"),
    (FileTruncated("store", "/data/backups", held=False), CannotTell, "a folder"),
    (FileTruncated("store", "/data/wallet.bin", size=65536, held=False), CannotTell, "would be what it is"),
    (BackupMissing("store", "/data/backups", "*.gpg"), CannotTell, "holds no"),
    (UpstreamWrong("edge", "/etc/seatrial/tls/ca.crt"), CannotTell, "sets no variable"),
    (StaleWal("store", "/data/wallet.bin"), CannotTell, "nothing in /data/wallet.bin-wal"),
    (FileTruncated("green", "/data/wallet.bin"), CannotTell, "green has no running container"),
]


@pytest.mark.parametrize(("fault", "kind", "says"), BAD, ids=[str(one[0]) for one in BAD])
def test_bad_input_is_refused_in_a_sentence_and_leaves_everything_as_it_was(
    small: Stack, fault: Fault, kind: type[Exception], says: str
) -> None:
    files = held(small)

    with pytest.raises(kind, match=says):
        fault.inject(small)
    if kind is CannotTell and fault.service != "green":
        fault.revert(small)

    assert held(small) == files


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: FileTruncated("store", "/data/../etc/passwd"), "no absolute path"),
        (lambda: FileTruncated("store", "data/wallet.bin"), "no absolute path"),
        (lambda: FileTruncated("store", "/data/wallet.bin", size=-1), "can't have -1 bytes"),
        (lambda: FileCorrupted("store", "/data/wallet.bin", bit=8), "no bit 8"),
        (lambda: StaleWal("store", "/data/store.db", log="new"), "gone or old"),
        (lambda: BackupMissing("store", "/data", "../*"), "can't be missing"),
        (lambda: CertificateExpired("edge", since_seconds=0), "has not expired"),
        (lambda: UpstreamWrong("edge", upstream="a;b"), "is no host name"),
        (lambda: SecretWrong("edge", "../key"), "no absolute path"),
    ],
)
def test_what_can_not_be_meant_is_refused_when_it_is_said(make: object, says: str) -> None:
    assert callable(make)
    with pytest.raises(UserError, match=says):
        make()


def test_a_secret_s_value_is_told_nowhere(small: Stack) -> None:
    fault = SecretWrong("edge", "ca.crt", folder="/etc/seatrial/tls")
    secret = (small.state_dir / "tls" / "ca.crt").read_text()

    with injected(fault, small) as injection:
        told = f"{fault} {fault.witness(small, injection.before)} {fault.touched(small)} {injection.before.to_json()}"

    assert secret.splitlines()[1] not in told
    assert "PRIVATE" not in told
