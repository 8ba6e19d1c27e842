"""The alert checks' own reasoning: bounds from a configuration, routes, and what makes an alert incomplete."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaos.faults import Stopped
from stack.clients.receiver import DeliveredAlert
from stack.located import Where
from stack.promises import Expectation
from suites.alerts.bounds import Timers, route_of, timers
from suites.alerts.drill import Heard, Trial, about, broken_silence, hear, stands
from suites.alerts.rule_files import AlertRule, RuleFile, alert_rules
from suites.alerts.test_firing import complaints
from suites.alerts.test_firing import test_fault_raises_its_alerts_and_no_others as the_quiet_check
from suites.alerts.test_rules import lacks, untested_rules
from suites.check import Evidence

BEGAN = datetime(2026, 11, 24, 7, 0, tzinfo=UTC)
TIMERS = Timers(scrape=1, timeout=0.5, evaluation=1, held=4, group_wait=0.5, group_interval=4)


def test_the_bounds_are_those_of_the_book() -> None:
    assert TIMERS.fire == timedelta(seconds=1 + 0.5 + 1 + 4 + 0.5)
    assert TIMERS.resolve == timedelta(seconds=1 + 0.5 + 1 + 0 + 4)


def test_for_is_counted_in_whole_evaluations() -> None:
    assert Timers(scrape=15, timeout=0, evaluation=15, held=20, group_wait=0, group_interval=0).fire == timedelta(seconds=60)


@given(st.floats(0.1, 60), st.floats(0.1, 60), st.floats(0, 600), st.floats(0, 60))
def test_longer_timers_never_make_a_shorter_bound(scrape: float, evaluation: float, held: float, wait: float) -> None:
    short = Timers(scrape, 0, evaluation, held, wait, 0).fire

    assert Timers(scrape, 1, evaluation, held, wait, 0).fire >= short
    assert Timers(scrape + 1, 0, evaluation, held, wait, 0).fire >= short
    assert Timers(scrape, 0, evaluation, held + evaluation, wait, 0).fire >= short
    assert short >= timedelta(seconds=held)


ROUTES: dict[str, Any] = {
    "receiver": "all",
    "group_wait": "10s",
    "group_interval": "1m",
    "routes": [
        {
            "matchers": ['severity = "critical"'],
            "receiver": "pager",
            "group_wait": "5s",
            "routes": [{"match": {"service": "nginx"}, "receiver": "edge"}],
        },
        {"match_re": {"severity": "warn.*"}, "receiver": "mail"},
        {"matchers": ['alertname != "Watchdog"', 'service !~ "a|b"'], "receiver": "rest"},
    ],
}


@pytest.mark.parametrize(
    ("labels", "receiver", "wait"),
    [
        ({"severity": "critical"}, "pager", "5s"),
        ({"severity": "critical", "service": "nginx"}, "edge", "5s"),
        ({"severity": "warning"}, "mail", "10s"),
        ({"alertname": "X", "service": "c"}, "rest", "10s"),
        ({"alertname": "X", "service": "a"}, "all", "10s"),
        ({"alertname": "Watchdog"}, "all", "10s"),
    ],
)
def test_an_alert_takes_the_first_route_that_matches_and_inherits(
    labels: dict[str, str], receiver: str, wait: str
) -> None:
    route = route_of(ROUTES, labels)

    assert (route["receiver"], route["group_wait"]) == (receiver, wait)


def test_timers_are_those_of_the_job_and_of_the_route() -> None:
    prometheus = "global: {scrape_interval: 15s, evaluation_interval: 15s}\nscrape_configs: [{job_name: slow, scrape_interval: 1m, scrape_timeout: 9s}]"
    alertmanager = (
        "route: {receiver: a, group_wait: 10s, routes: [{matchers: ['severity = \"critical\"'], group_wait: 5s}]}"
    )

    found = timers(prometheus, alertmanager, 60, {"severity": "critical"}, job="slow")

    assert (found.scrape, found.timeout, found.evaluation, found.group_wait, found.group_interval) == (60, 9, 15, 5, 300)


def told(name: str, service: str, status: str = "firing") -> DeliveredAlert:
    return DeliveredAlert(name, status, {"service": service}, {}, BEGAN, "")


def heard(fired: float | None, resolved: float | None, summary: str = "x is down") -> Heard:
    def after(seconds: float | None) -> datetime | None:
        return None if seconds is None else BEGAN + timedelta(seconds=seconds)

    said = DeliveredAlert("ServiceDown", "firing", {"service": "x"}, {"summary": summary}, BEGAN, "")
    return Heard(
        "ServiceDown", "x", TIMERS, caused=BEGAN, fired=after(fired), mended=BEGAN, resolved=after(resolved), said=said
    )


@pytest.mark.parametrize(
    ("one", "says"),
    [
        (heard(6.5, 5.9), None),
        (heard(7.9, 7.4), None),
        (heard(None, None), "the receiver heard nothing of x"),
        (heard(8.1, 5), "took 8.1 s to arrive, expected 7.0 s"),
        (heard(6, None), "did not hear within 14.8 s that x is well again"),
        (heard(6, 7.6), None),  # an end that is heard in time to be heard at all has no bound
        (heard(6, 5, summary=""), "arrived without a summary"),
    ],
)
def test_an_alert_is_judged_by_when_it_was_heard(one: Heard, says: str | None) -> None:
    found = complaints(one)

    assert (found == []) if says is None else (says in found[0])


REVERTING, MENDED = 10, 14
"""When the cause began to be undone and when its end was proved, in seconds after it began."""


def listened(*resolved: float, reverting: float | None = REVERTING) -> Heard:
    """One that fired in time, and whose end was told of at these seconds."""

    def at(seconds: float) -> datetime:
        return BEGAN + timedelta(seconds=seconds)

    one = heard(6, None)
    one.reverting, one.mended = (None if reverting is None else at(reverting)), at(MENDED)
    for seconds in resolved:
        hear(one, at(seconds), told("ServiceDown", "x", "resolved"), "resolved")
    return one


@pytest.mark.parametrize(
    ("one", "seconds", "says"),
    [
        (listened(MENDED + 5.9), 5.9, None),
        (listened(REVERTING), 0, None),  # undone, and not yet proved
        (listened(MENDED - 0.1, MENDED + 9), 0, None),
        (listened(MENDED + 7.6), 7.6, None),
        (listened(REVERTING - 0.1), None, "ended while its cause stood"),
        (listened(REVERTING - 3, MENDED + 2), 2, "ended while its cause stood"),
        (listened(8, reverting=None), None, "ended while its cause stood"),
        (listened(), None, "did not hear within 14.8 s that x is well again"),
    ],
)
def test_an_alert_ends_with_its_cause_and_not_before(one: Heard, seconds: float | None, says: str | None) -> None:
    found = complaints(one)

    assert one.resolve_seconds == seconds
    assert (found == []) if says is None else (len(found) == 1 and says in found[0])


def test_what_is_told_of_another_or_of_another_state_is_not_heard() -> None:
    one = listened()

    hear(one, BEGAN, told("ServiceDown", "y", "resolved"), "resolved")
    hear(one, BEGAN, told("ServiceDown", "x"), "resolved")

    assert (one.resolved, one.early) == (None, None)


def test_the_first_delivery_is_the_one_that_counts() -> None:
    one = heard(None, None)

    for seconds in (3, 4):
        hear(one, BEGAN + timedelta(seconds=seconds), told("ServiceDown", "x"), "firing")

    assert one.fire_seconds == 3


def test_a_cause_is_marked_as_being_undone_before_its_revert_and_as_mended_after_it() -> None:
    one = heard(None, None)
    one.caused = one.mended = None
    seen: list[tuple[bool, bool, bool]] = []

    def state() -> None:
        seen.append((one.caused is not None, one.reverting is not None, one.mended is not None))

    @contextmanager
    def fault() -> Iterator[None]:
        state()
        yield
        state()

    with ExitStack() as faults:
        stands(faults, fault(), [one])
        state()
    state()

    assert seen == [(False, False, False), (True, False, False), (True, True, False), (True, True, True)]


@pytest.mark.parametrize(
    ("service", "name", "is_it"),
    [("x", "ServiceDown", True), ("y", "ServiceDown", False), ("x", "HighLatency", False), ("", "ServiceDown", False)],
)
def test_an_alert_about_somebody_else_is_not_the_one_expected(service: str, name: str, is_it: bool) -> None:
    assert about(DeliveredAlert(name, "firing", {"service": service}, {}, BEGAN, ""), heard(1, 1)) is is_it


ARBITER = Expectation(
    fault="stopped", target="wallet-arbiter", fires=("WalletRPCUnreachable",), silent=("ServiceDown", "ExporterDown")
)
LOKI = Expectation(fault="stopped", target="loki", fires=("ServiceDown",))


@pytest.mark.parametrize(
    ("delivered", "says"),
    [
        ([], ()),
        ([told("WalletRPCUnreachable", "wallet-arbiter")], ()),
        ([told("ServiceDown", "loki")], ()),  # the other row's own
        ([told("ServiceDown", "wallet-arbiter", "resolved")], ()),
        ([told("ServiceDown", "wallet-arbiter")], ("ServiceDown about wallet-arbiter",)),
        ([told("ServiceDown", "loki"), told("ServiceDown", "wallet-arbiter")], ("ServiceDown about wallet-arbiter",)),
        ([told("ServiceDown", "monero-exporter")] * 2, ("ServiceDown about monero-exporter, a consequence",)),
        ([told("ExporterDown", "loki")], ("ExporterDown about loki, a consequence",)),
        ([told("ServiceDown", "")], ("ServiceDown about nobody named, a consequence",)),
    ],
)
def test_what_must_be_silent_and_is_not_is_told(delivered: list[DeliveredAlert], says: tuple[str, ...]) -> None:
    assert broken_silence(ARBITER, [ARBITER, LOKI], delivered) == says


def test_a_row_that_asks_for_no_silence_has_none_broken() -> None:
    assert broken_silence(LOKI, [ARBITER, LOKI], [told("ServiceDown", "loki")]) == ()


def quiet(row: Expectation, *delivered: DeliveredAlert) -> None:
    """Judge a row of a drill in which its own alerts arrived, and these."""
    own = [Heard(name, row.target, TIMERS, caused=BEGAN, fired=BEGAN + timedelta(seconds=3)) for name in row.fires]
    trial = Trial(row, Stopped(row.target), own, broken_silence=broken_silence(row, [ARBITER, LOKI], delivered))
    the_quiet_check([trial], row, Evidence())


def test_a_fault_whose_consequence_is_inhibited_passes() -> None:
    quiet(ARBITER, told("WalletRPCUnreachable", "wallet-arbiter"), told("ServiceDown", "loki"))


def test_a_fault_that_raises_what_must_be_silent_fails_though_another_row_expects_that_alert() -> None:
    with pytest.raises(AssertionError, match="ServiceDown about wallet-arbiter was delivered, and must stay silent"):
        quiet(ARBITER, told("ServiceDown", "loki"), told("ServiceDown", "wallet-arbiter"))


def rule(**changed: Any) -> AlertRule:
    sound: dict[str, Any] = {
        "name": "ServiceDown",
        "expression": "up == 0",
        "held": "1m",
        "labels": {"severity": "critical"},
        "annotations": {"summary": "s", "description": "d", "runbook_url": "docs/runbook/ServiceDown.md"},
        "where": Where(Path("rules.yml"), 1),
    }
    return AlertRule(**{**sound, **changed})


ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize(
    ("one", "says"),
    [
        (rule(), []),
        (rule(labels={}), ["severity is '', expected one of critical, info, none, warning"]),
        (rule(labels={"severity": "bad"}), ["severity is 'bad', expected one of critical, info, none, warning"]),
        (rule(annotations={"summary": " "}), ["no summary", "no description", "no runbook_url"]),
        (
            rule(annotations={"summary": "s", "description": "d", "runbook_url": "docs/runbook/None.md#x"}),
            ["its runbook page docs/runbook/None.md#x does not exist"],
        ),
        (rule(annotations={"summary": "s", "description": "d", "runbook_url": "https://runbook.example/x"}), []),
    ],
)
def test_an_incomplete_alert_is_found(one: AlertRule, says: list[str]) -> None:
    assert lacks(one, ROOT) == says


def test_an_alert_that_only_silence_was_asked_of_is_untested(tmp_path: Path) -> None:
    rules = tmp_path / "r.yml"
    rules.write_text(
        "groups: [{name: g, rules: [{alert: A, expr: x}, {alert: B, expr: y}, {alert: C, expr: z}, {record: r, expr: z}]}]"
    )
    tests = tmp_path / "t.yml"
    tests.write_text(
        "tests:\n"
        "  - alert_rule_test: [{alertname: A, exp_alerts: [{}]}, {alertname: B, exp_alerts: []}]\n"
        "    promql_expr_test: [{expr: 'ALERTS{alertname=\"C\"}', exp_samples: [{value: 1}]}]\n"
    )

    assert [one.name for one in untested_rules(RuleFile(rules, tests))] == ["B"]
    assert [one.name for one in untested_rules(RuleFile(rules, None))] == ["A", "B", "C"]


def test_a_rule_knows_its_line(tmp_path: Path) -> None:
    file = tmp_path / "r.yml"
    file.write_text(
        "groups:\n  - name: g\n    rules:\n      - alert: A\n        expr: x\n      - alert: B # why\n        expr: y\n"
    )

    assert [(one.name, one.where.line) for one in alert_rules(file)] == [("A", 4), ("B", 6)]
