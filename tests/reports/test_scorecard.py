"""The scorecard by example: the published weights, what blocks, what a waiver lifts, the boxes."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from reports.boxes import BOXES
from reports.document import Planned
from reports.gate import Gate, Tier, floored, gates_from
from reports.outcome import Outcome
from reports.scorecard import score
from reports.waivers import Waiver
from suites.entry import Area, Severity
from tests.reports.sample import TODAY, entry, result, run_of

PASS, FAIL, INCONCLUSIVE = Outcome.PASS, Outcome.FAIL, Outcome.INCONCLUSIVE
CRITICAL, HIGH, MEDIUM, LOW = Severity
FORTY = [entry(f"TST-MANY-{n:03}", CRITICAL) for n in range(1, 41)]
FORTY_PASS = [result(one.id, PASS) for one in FORTY]


def _waiver(id_: str, days: int = 30, subject: str = "") -> Waiver:
    return Waiver(id_, "known", "somebody", TODAY + timedelta(days=days), subject)


def test_the_score_is_the_weight_of_what_passed() -> None:
    checks = [entry(f"TST-W-{n:03}", severity) for n, severity in enumerate(Severity, 1)]
    outcomes = [PASS, FAIL, INCONCLUSIVE, PASS]

    card = score((), run_of(checks, [result(c.id, o) for c, o in zip(checks, outcomes, strict=True)]), (), TODAY)

    assert card.total.score == pytest.approx(100 * 12.5 / 25)
    assert card.total.coverage == pytest.approx(75)


def test_nothing_to_assess_is_no_result_and_reaches_no_tier() -> None:
    card = score((), run_of([entry("TST-NA-001")], [result("TST-NA-001", Outcome.NOT_APPLICABLE)]), (), TODAY)

    assert (card.total.score, card.total.coverage, card.tier) == (None, None, Tier.NOT_READY)


@pytest.mark.parametrize("outcome", [FAIL, INCONCLUSIVE])
@pytest.mark.parametrize("severity", [CRITICAL, HIGH])
def test_points_do_not_buy_back_a_grave_failure(severity: Severity, outcome: Outcome) -> None:
    bad = entry("TST-BAD-001", severity)

    card = score((), run_of([*FORTY, bad], [*FORTY_PASS, result(bad.id, outcome)]), (), TODAY)

    assert card.total.score is not None
    assert card.total.score > 97
    assert card.verdict == "NOT READY"
    assert card.blockers[0].about == bad.id


def test_a_medium_failure_costs_its_points_only() -> None:
    bad = entry("TST-BAD-001", MEDIUM)

    card = score((), run_of([*FORTY, bad], [*FORTY_PASS, result(bad.id, FAIL)]), (), TODAY)

    assert card.verdict == "PRODUCTION-READY"


@pytest.mark.parametrize(
    ("listed", "tier"), [(None, Tier.PRODUCTION), (["TST-NA-001"], Tier.PRODUCTION), ([], Tier.NOT_READY)]
)
def test_where_a_stack_lists_what_is_not_applicable_any_other_is_in_the_way(
    listed: list[str] | None, tier: Tier
) -> None:
    beside = entry("TST-NA-001", LOW)
    results = [*FORTY_PASS, result(beside.id, Outcome.NOT_APPLICABLE, reason="no such thing here")]

    card = score((), run_of([*FORTY, beside], results, manifest={"gates": {"not_applicable": listed}}), (), TODAY)

    assert card.tier is tier
    assert [one.about for one in card.blockers] == ([] if tier is Tier.PRODUCTION else [beside.id])


def test_a_check_of_the_catalogue_that_did_not_run_blocks_and_says_so() -> None:
    card = score([entry("TST-GONE-001", LOW)], run_of(FORTY, FORTY_PASS), (), TODAY)

    assert card.tier is Tier.NOT_READY
    assert card.checks[0].reason == "not run"
    assert [one.about for one in card.blockers] == ["coverage"]


def test_a_waiver_lifts_the_gate_and_not_the_score() -> None:
    bad = entry("TST-BAD-001", CRITICAL)
    run = run_of([*FORTY, bad], [*FORTY_PASS, result(bad.id, FAIL, "nginx")])

    plain, waived, other = (
        score((), run, some, TODAY) for some in ((), [_waiver(bad.id)], [_waiver(bad.id, subject="loki")])
    )

    assert (plain.tier, waived.tier, other.tier) == (Tier.NOT_READY, Tier.PRODUCTION, Tier.NOT_READY)
    assert plain.total == waived.total
    assert other.findings[0].endswith("is not used: the check was not asked of loki, but of nginx.")


@pytest.mark.parametrize(("outcome", "subject", "why"), [
    (FAIL, "loki", "the check has no instances; leave its subject out."),
    (Outcome.PASS, "loki", "the check has no instances; leave its subject out."),
    (Outcome.PASS, "", "what it waives no longer happens."),
])  # fmt: skip
def test_a_waiver_that_covers_nothing_says_why(outcome: Outcome, subject: str, why: str) -> None:
    run = run_of([*FORTY, entry("TST-BAD-001")], [*FORTY_PASS, result("TST-BAD-001", outcome)])

    assert score((), run, [_waiver("TST-BAD-001", subject=subject)], TODAY).findings[0].endswith(f"is not used: {why}")


@pytest.mark.parametrize(("days", "finding"), [(-1, "expired on"), (181, "more than 180 days ahead")])
def test_an_expired_or_too_long_waiver_does_not_count(days: int, finding: str) -> None:
    bad = entry("TST-BAD-001", CRITICAL)
    run = run_of([*FORTY, bad], [*FORTY_PASS, result(bad.id, FAIL)])

    card = score((), run, [_waiver(bad.id, days)], TODAY)

    assert card.tier is Tier.NOT_READY
    assert finding in card.findings[0]


def test_an_expired_waiver_blocks_even_when_its_check_passes() -> None:
    card = score((), run_of(FORTY, FORTY_PASS), [_waiver(FORTY[0].id, -1)], TODAY)

    assert [one.about for one in card.blockers] == ["waiver"]


def test_a_waiver_for_an_unknown_check_is_a_finding() -> None:
    card = score((), run_of(FORTY, FORTY_PASS), [_waiver("TST-NO-001")], TODAY)

    assert card.tier is Tier.PRODUCTION
    assert "does not exist" in card.findings[0]


def test_a_failed_revert_blocks_whatever_is_waived() -> None:
    bad = entry("TST-BAD-001", LOW)
    run = run_of([*FORTY, bad], [*FORTY_PASS, result(bad.id, FAIL, revert_failed=True)])

    card = score((), run, [_waiver(bad.id)], TODAY)

    assert card.tier is Tier.NOT_READY
    assert "not reverted" in card.blockers[0].why


def test_a_lost_instance_cannot_be_waived() -> None:
    run = run_of(FORTY, FORTY_PASS)
    run = replace(run, planned=(*run.planned, Planned(FORTY[0].id, "nginx")))

    card = score((), run, [_waiver(FORTY[0].id)], TODAY)

    assert card.tier is Tier.NOT_READY


def test_an_exclusion_by_name_leaves_the_numbers_and_stands_in_the_verdict() -> None:
    out = entry("TST-OUT-001", CRITICAL)
    excluded = result(out.id, Outcome.NOT_APPLICABLE, excluded=True)

    card = score((), run_of([*FORTY, out], [*FORTY_PASS, excluded], manifest={"exclusions": ["grafana"]}), (), TODAY)

    assert card.verdict == "PRODUCTION-READY WITH EXCLUSIONS"
    assert card.total.excluded == 1


def test_an_interrupted_run_reaches_nothing() -> None:
    assert score((), run_of(FORTY, FORTY_PASS, ended="interrupted"), (), TODAY).tier is Tier.NOT_READY


def test_a_profile_can_demand_ids_areas_and_other_numbers() -> None:
    gates = {"staging": {"score": 50, "require": ["TST-NO-001"], "areas": ["load"]}}

    card = score((), run_of(FORTY, FORTY_PASS, manifest={"gates": gates}), (), TODAY)

    assert [one.about for one in card.obstacles[Tier.STAGING]] == ["TST-NO-001", "area"]
    assert card.tier is Tier.NOT_READY


def test_the_default_thresholds_are_85_and_95() -> None:
    assert gates_from(None) == (Gate(Tier.STAGING, 85), Gate(Tier.PRODUCTION, 95))


@pytest.mark.parametrize(
    ("value", "shown"), [(94.99, "94.9"), (95.0, "95.0"), (100 / 3, "33.3"), (100.0, "100.0"), (16.7, "16.7")]
)
def test_a_percentage_is_rounded_down(value: float, shown: str) -> None:
    assert floored(value) == shown


def test_there_are_sixteen_boxes_and_each_is_ticked_by_its_checks_alone() -> None:
    ids = sorted({id_ for box in BOXES for id_ in box.ids})
    checks = [entry(id_, area=Area.SECURITY) for id_ in ids]

    every = score((), run_of(checks, [result(id_, PASS) for id_ in ids]), (), TODAY)
    one_less = score((), run_of(checks[1:], [result(id_, PASS) for id_ in ids[1:]]), (), TODAY)
    one_bad = score((), run_of(checks, [result(id_, FAIL if id_ == "SEC-TLS-001" else PASS) for id_ in ids]), (), TODAY)

    assert len(BOXES) == 16
    assert all(state.ticked for _, state in every.boxes)
    assert [(box.name, state.missing) for box, state in one_less.boxes if not state.ticked] == [
        (box.name, (ids[0],)) for box in BOXES if ids[0] in box.ids
    ]
    assert [(box.name, state.open) for box, state in one_bad.boxes if not state.ticked] == [
        ("TLS 1.3", ("SEC-TLS-001: FAIL",))
    ]
