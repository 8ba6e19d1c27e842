"""RST-WAL-*: a restored wallet is proved by what it can do: see its money, and sign it away together with another."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from stack.errors import CannotTell
from stack.money import broken
from stack.ops.standstill import await_ready
from suites.check import Area, Evidence, Impact, Level, Severity, check
from suites.restore.cosigning import cosigned_and_mined
from suites.restore.disaster import Disaster, Seen, seen_in
from suites.restore.escrows import ended, states_of
from suites.restore.operator import typed

REMEDIATION = "Rehearse with `python -m stack.ops rescue-wallets --dry-run`; back all three wallets up with their keys files."
PAIRS = {"buyer": "vendor", "vendor": "arbiter", "arbiter": "buyer"}


def same(name: str, before: Seen, after: Seen) -> str:
    """Say what of a wallet is not as it was; empty when all is."""
    if after.address != before.address:
        return f"the {name}'s wallet has another address"
    if after.height != before.height:
        return f"the {name}'s wallet has seen {after.height} blocks, expected {before.height}"
    if (after.balance, after.unlocked) != (before.balance, before.unlocked):
        return f"the {name}'s wallet holds {after.balance} ({after.unlocked} unlocked), expected {before.balance} ({before.unlocked})"
    return ""


@check(
    "RST-WAL-001",
    title="Each restored wallet has its address, height and balance",
    area=Area.RESTORE,
    severity=Severity.CRITICAL,
    level=Level.OBSERVED,
    impact=Impact.DESTRUCTIVE,
    rationale="A wallet that opens and shows another balance has lost outputs, and with them customers' money.",
    remediation=REMEDIATION,
)
def test_restored_wallets_are_who_they_were(disaster: Disaster, evidence: Evidence) -> None:
    wrong: list[str] = []
    for name, before in disaster.before.items():
        after = disaster.after[name]
        evidence.observed(f"{name}: {after.height} blocks, {after.balance} piconero ({after.unlocked} unlocked)")
        wrong += filter(None, [same(name, before, after)])

    assert not wrong, "; ".join(wrong)


@pytest.mark.parametrize("second", PAIRS)
@check(
    "RST-WAL-002",
    title="A restored wallet co-signs a spend that is mined",
    area=Area.RESTORE,
    severity=Severity.CRITICAL,
    level=Level.OBSERVED,
    impact=Impact.DESTRUCTIVE,
    rationale="A wallet restored from a seed has the right address and balance and can't sign; only a spend tells.",
    remediation=REMEDIATION,
)
def test_restored_wallet_cosigns(second: str, disaster: Disaster, evidence: Evidence) -> None:
    maker = PAIRS[second]

    txid = cosigned_and_mined(disaster.rebuilt.stack, maker, second)

    evidence.observed(f"made by {maker}, co-signed by {second}, both restored; mined: {txid}")


@check(
    "RST-WAL-003",
    title="Two of three wallets restored at once co-sign a spend that is mined",
    area=Area.RESTORE,
    severity=Severity.HIGH,
    level=Level.OBSERVED,
    impact=Impact.DESTRUCTIVE,
    rationale="A lost disk takes more than one wallet; two that come back together have to find to each other.",
    remediation=REMEDIATION,
)
def test_two_wallets_restored_at_once_cosign(disaster: Disaster, evidence: Evidence) -> None:
    stack = disaster.rebuilt.stack
    told = typed("rescue-wallets", "--project", stack.project, "--from-project", disaster.first.project)
    facts = told["wallets"]
    assert set(facts) == {"buyer", "vendor"}, f"rescue-wallets restored {sorted(facts)}, expected buyer and vendor"
    for name, each in facts.items():
        evidence.table(f"{name}, in the running system", ("phase", "s"), [(k, f"{v:.2f}") for k, v in each["phases"].items()])

    txid = cosigned_and_mined(stack, "buyer", "vendor")

    evidence.observed(f"buyer and vendor, restored at once while the system ran; mined: {txid}")


@check(
    "RST-WAL-004",
    title="A wallet whose cache is lost rebuilds it and spends",
    area=Area.RESTORE,
    severity=Severity.HIGH,
    level=Level.OBSERVED,
    impact=Impact.DESTRUCTIVE,
    rationale="The cache is the file that tears; the keys alone must be enough.",
    remediation="Keep the keys file; without its cache the wallet reads the chain anew when it starts.",
)
def test_wallet_without_its_cache_spends(disaster: Disaster, evidence: Evidence) -> None:
    stack, name = disaster.rebuilt.stack, "arbiter"
    said = stack.profile.wallets[name]
    if said.volume is None or said.file is None:
        raise CannotTell(stack.profile.missing(f"[wallets.{name}] volume = … and file = …"))
    container = stack.container(said.service).id
    stack.driver.stop(container)
    try:
        mount = f"type=volume,source={stack.project}_{said.volume},target=/wallet"
        done = stack.driver.run_helper(["rm", "--", f"/wallet/{said.file}"], network="none", mounts=[mount])
        if isinstance(done, str) or done.code != 0:
            raise CannotTell(f"the cache of the {name}'s wallet could not be removed")
    finally:
        stack.driver.start(container)
    await_ready(stack.driver, [container], what=f"the {name}'s wallet is ready without its cache")
    rebuilt = seen_in(stack)[name]
    evidence.observed(f"{name} without its cache: {rebuilt.height} blocks, {rebuilt.balance} piconero, spent ones included")

    # which outputs are spent a multisig wallet can only tell with the others' shares, which the exchange brings
    txid = cosigned_and_mined(stack, name, "buyer")
    seen = seen_in(stack)

    evidence.observed(f"made by {name}, co-signed by buyer; mined: {txid}; then it holds {seen[name].balance} piconero")
    assert not (wrong := same(name, seen["buyer"], seen[name])), f"{wrong}, as the buyer's has"


@check(
    "RST-WAL-005",
    title="A wallet archive lands where the wallet reads it, for each wallet, with escrows open in every state",
    area=Area.RESTORE,
    severity=Severity.HIGH,
    level=Level.OBSERVED,
    impact=Impact.DESTRUCTIVE,
    rationale="An escrow that was open when the host died is somebody's money: it must end as its parties decide.",
    remediation=REMEDIATION,
)
def test_open_escrows_end_after_a_restore(disaster: Disaster, evidence: Evidence) -> None:
    first, stack, opened = disaster.first, disaster.rebuilt.stack, disaster.opened
    misplaced = [each for name in stack.profile.wallets if (each := misplaced_of(disaster, name))]
    assert not misplaced, "; ".join(misplaced)
    addresses = {left_in: address for left_in, _, address in states_of(stack.edge, opened)}
    told = {left_in: address for left_in, _, address in disaster.orders}
    assert addresses == told, f"deposit addresses after the restore are {addresses}, expected {told}"

    with ThreadPoolExecutor(2) as pool:  # the first one's too: nobody's money stays behind a check
        there, here = pool.submit(ended, first, first.edge, opened), pool.submit(ended, stack, stack.edge, opened)
    paid, _ = here.result(), there.result()

    evidence.observed(f"a deposit that came after the backups was found on the chain: {opened.late_deposit}")
    evidence.table("escrows that were open, by state", ("restored in", "paid out by"), list(paid.items()))
    wrong = broken(stack)
    assert not wrong, f"{stack.project}: {'; '.join(wrong)}"


def misplaced_of(disaster: Disaster, name: str) -> str:
    """Say how the files of a wallet that its RPC reads differ from those that were backed up; empty when they don't."""
    said = disaster.rebuilt.stack.profile.wallets[name]
    made = disaster.rebuilt.restored[f"wallet-{name}"]
    keys = f"{said.file}.keys"
    done = disaster.rebuilt.stack.container(said.service).exec(["sha256sum", f"/{said.volume}/{keys}"])
    found = done.stdout.split()[:1] if done.ok else []
    expected = [made["content"]["files"].get(keys, "")]
    return "" if found == expected else f"{said.service}: /{said.volume}/{keys} is not that of {made['archive']}"


@check(
    "RST-WAL-006",
    title="Wallet RPO and RTO are within their objectives",
    area=Area.RESTORE,
    severity=Severity.HIGH,
    level=Level.OBSERVED,
    impact=Impact.DESTRUCTIVE,
    rationale="Escrows wait while a wallet is away; how long is a promise to customers.",
    remediation="Shorten the wallets' schedule (backup-wallets.yaml) or the phase that the table shows to be slow.",
)
def test_wallets_recover_in_time(disaster: Disaster, evidence: Evidence) -> None:
    profile = disaster.first.profile
    rpo, rto = profile.objectives.rpo, profile.objectives.rto
    interval = next((job.interval_seconds for job in profile.backup.jobs if job.what == "wallets"), None) if profile.backup else None
    if rpo is None or rto is None or interval is None:
        raise CannotTell(profile.missing('[objectives.rpo], [objectives.rto] and [[backup.jobs]] what = "wallets"'))
    started = disaster.rebuilt.phases["start"] + disaster.rebuilt.phases["verify"]
    took = {name: float(disaster.rebuilt.restored[f"wallet-{name}"]["seconds"]) + started for name in profile.wallets}
    window = disaster.lost_at - disaster.wallets_made
    follows = interval + disaster.wallets_seconds
    for name, seconds in took.items():
        evidence.measure(f"RTO of the {name}'s wallet (n = 1): restore, start, verify", seconds, "s", objective=rto.wallets_seconds)
    evidence.observed(f"lost {window:.1f} s after the backup was begun; what arrived in that time was found on the chain")
    evidence.measure("RPO that follows: interval + duration", follows, "s", objective=rpo.wallets_seconds)

    slow = {name: seconds for name, seconds in took.items() if seconds > rto.wallets_seconds}
    assert not slow, f"took longer than {rto.wallets_seconds:g} s: {slow}"
    assert follows <= rpo.wallets_seconds, f"up to {follows:.0f} s can be lost, expected at most {rpo.wallets_seconds:g}"
