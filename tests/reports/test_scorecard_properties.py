"""What must hold of every scorecard, whatever the results: a score nobody can raise by breaking, hiding or shuffling
things.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from reports.document import Run
from reports.outcome import Outcome, Result
from reports.scorecard import Scorecard, score
from reports.waivers import Waiver
from suites.entry import Area, Check, Severity
from tests.reports.sample import TODAY, entry, run_of

_SUBJECTS = ("", "nginx", "loki")


@st.composite
def catalogues(draw: st.DrawFn) -> list[Check]:
    numbers = draw(st.lists(st.integers(1, 999), unique=True, min_size=1, max_size=8))
    pick = st.tuples(st.sampled_from(Severity), st.sampled_from(Area))
    return [entry(f"TST-PROP-{number:03}", *draw(pick)) for number in numbers]


@st.composite
def runs(draw: st.DrawFn) -> tuple[list[Check], Run]:
    """A catalogue, and a run that planned some of it and has a result of everything it planned."""
    catalogue = draw(catalogues())
    results = []
    for one in catalogue:
        for subject in draw(st.lists(st.sampled_from(_SUBJECTS), unique=True, max_size=3)):
            outcome = draw(st.sampled_from(Outcome))
            left_out = outcome is Outcome.NOT_APPLICABLE and draw(st.booleans())
            reverting = outcome >= Outcome.INCONCLUSIVE and draw(st.integers(0, 9)) == 0
            results.append(Result(one.id, subject, "t", outcome, "why", excluded=left_out, revert_failed=reverting))
    return catalogue, run_of(catalogue, results)


def _waivers(catalogue: list[Check]) -> st.SearchStrategy[list[Waiver]]:
    made = st.builds(
        Waiver,
        id=st.sampled_from([one.id for one in catalogue]),
        reason=st.just("known"),
        owner=st.just("somebody"),
        expires=st.integers(-10, 400).map(lambda days: TODAY + timedelta(days=days)),
        subject=st.sampled_from(_SUBJECTS),
    )
    return st.lists(made, max_size=4)


def _numbers(card: Scorecard) -> tuple[object, ...]:
    return card.total, dict(card.areas), card.tier, [one.entry.id for one in card.checks], card.obstacles, card.boxes


def _not_better(after: Scorecard, before: Scorecard) -> bool:
    return (after.total.score or 0.0) <= (before.total.score or 0.0) + 1e-9 and after.tier <= before.tier


@given(runs())
def test_score_and_coverage_are_percentages_or_nothing(made: tuple[list[Check], Run]) -> None:
    card = score(made[0], made[1], (), TODAY)

    for tally in (card.total, *card.areas.values()):
        assert tally.score is None or 0 <= tally.score <= 100
        assert tally.coverage is None or 0 <= tally.coverage <= 100


@given(runs(), st.data())
def test_a_worse_result_never_raises_the_score_and_an_unanswered_or_failed_one_never_the_tier(
    made: tuple[list[Check], Run], data: st.DataObject
) -> None:
    catalogue, run = made
    passed = [number for number, one in enumerate(run.results) if one.outcome is Outcome.PASS]
    waivers = data.draw(_waivers(catalogue))
    for number in passed:
        before = score(catalogue, run, waivers, TODAY)
        for outcome in (Outcome.INCONCLUSIVE, Outcome.FAIL):
            worse = list(run.results)
            worse[number] = replace(worse[number], outcome=outcome)

            assert _not_better(score(catalogue, replace(run, results=tuple(worse)), waivers, TODAY), before)


@given(runs(), st.data())
def test_failing_instead_of_not_answering_never_raises_the_score_nor_the_tier_where_it_matters(
    made: tuple[list[Check], Run], data: st.DataObject
) -> None:
    catalogue, run = made
    waivers = data.draw(_waivers(catalogue))
    severity = {one.id: one.severity for one in catalogue}
    for number, one in enumerate(run.results):
        if one.outcome is not Outcome.INCONCLUSIVE:
            continue
        worse = list(run.results)
        worse[number] = replace(one, outcome=Outcome.FAIL)
        before, after = (score(catalogue, some, waivers, TODAY) for some in (run, replace(run, results=tuple(worse))))

        assert (after.total.score or 0.0) <= (before.total.score or 0.0) + 1e-9
        if severity[one.id] in (Severity.CRITICAL, Severity.HIGH):
            assert after.tier <= before.tier


@given(runs(), st.data())
def test_losing_results_never_helps(made: tuple[list[Check], Run], data: st.DataObject) -> None:
    catalogue, run = made
    kept = data.draw(st.lists(st.sampled_from(run.results), unique_by=id)) if run.results else []
    waivers = data.draw(_waivers(catalogue))

    before = score(catalogue, run, waivers, TODAY)
    after = score(catalogue, replace(run, results=tuple(kept)), waivers, TODAY)

    assert _not_better(after, before)


@given(runs(), st.data())
def test_leaving_a_check_out_of_the_plan_never_helps(made: tuple[list[Check], Run], data: st.DataObject) -> None:
    catalogue, run = made
    left_out = data.draw(st.sampled_from(catalogue)).id
    fewer = replace(
        run,
        results=tuple(one for one in run.results if one.id != left_out),
        planned=tuple(one for one in run.planned if one.id != left_out),
    )

    assert _not_better(score(catalogue, fewer, (), TODAY), score(catalogue, run, (), TODAY))


@given(runs(), st.randoms(use_true_random=False))
def test_order_is_irrelevant(made: tuple[list[Check], Run], random: object) -> None:
    catalogue, run = made
    shuffled = [list(catalogue), list(run.results), list(run.planned)]
    for one in shuffled:
        random.shuffle(one)  # type: ignore[attr-defined]

    again = score(
        shuffled[0], replace(run, checks=(), results=tuple(shuffled[1]), planned=tuple(shuffled[2])), (), TODAY
    )

    assert _numbers(again) == _numbers(score(catalogue, run, (), TODAY))


@given(runs(), st.data())
def test_a_waiver_never_changes_score_or_coverage(made: tuple[list[Check], Run], data: st.DataObject) -> None:
    catalogue, run = made

    waived = score(catalogue, run, data.draw(_waivers(catalogue)), TODAY)
    plain = score(catalogue, run, (), TODAY)

    assert (waived.total, dict(waived.areas), waived.boxes) == (plain.total, dict(plain.areas), plain.boxes)


@given(runs(), st.data())
@settings(max_examples=200)
def test_a_reached_tier_means_what_it_says(made: tuple[list[Check], Run], data: st.DataObject) -> None:
    catalogue, run = made
    card = score(catalogue, run, data.draw(_waivers(catalogue)), TODAY)
    if card.tier == 0:
        return

    grave = [one for one in card.checks if one.entry.severity in (Severity.CRITICAL, Severity.HIGH)]
    assert card.total.score is not None
    assert card.total.score >= (85, 95)[card.tier - 1]
    assert not any(one.revert_failed for one in card.checks)
    assert all(one.waivers for one in grave if one.outcome >= Outcome.INCONCLUSIVE)
    assert all(one.waivers for one in card.checks if one.outcome is Outcome.INCONCLUSIVE)


@given(st.dates(date(2020, 1, 1), date(2100, 1, 1)), runs())
def test_the_day_matters_to_waivers_only(day: date, made: tuple[list[Check], Run]) -> None:
    assert _numbers(score(*made, (), day)) == _numbers(score(*made, (), TODAY))
