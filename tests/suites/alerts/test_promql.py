"""Enough PromQL to see what can never be true, and never more than that."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from suites.alerts.promql import Selector, impossible, raw_ratios, selectors, tokens
from suites.alerts.rule_files import alert_rules
from suites.alerts.test_rules import absences, blind_spots

RULES = Path(__file__).parents[3] / "stack" / "config" / "prometheus" / "rules"


@pytest.mark.parametrize(
    ("expression", "metrics"),
    [
        ("up == 0", ["up"]),
        ("sum by (le, route) (rate(x_bucket[5m])) > 0.2", ["x_bucket"]),
        ("sum(rate(a[5m])) by (job) / on (job) group_left (x) sum(b)", ["a", "b"]),
        ('label_replace(absent(up{job=~"s.*"} == 1), "service", "server", "", "")', ["up"]),
        ("max_over_time(a[1h:5m] offset 5m) unless b and c or vector(1)", ["a", "b", "c"]),
        ('{__name__="a"} > bool 1 # b', [""]),
        ("time() - a > 14 * 86400 + 1e3", ["a"]),
    ],
)
def test_selectors_are_found_and_nothing_else(expression: str, metrics: list[str]) -> None:
    assert [one.metric for one in selectors(expression)] == metrics


def test_matchers_are_read() -> None:
    assert selectors('x{a="1", b!~"2|3"}') == [Selector("x", (("a", "=", "1"), ("b", "!~", "2|3")))]


@pytest.mark.parametrize(
    ("expression", "ratio"),
    [
        ('rate(e{code="500"}[5m]) / rate(e[5m]) > 0.05', 'rate ( e { code = "500" } [ 5m ] ) / rate ( e [ 5m ] )'),
        ("sum(rate(e[5m])) / rate(a[5m])", "sum ( rate ( e [ 5m ] ) ) / rate ( a [ 5m ] )"),
        ("1 - a / b > 0.9", "a / b"),
        ("(a / b) > 1", "a / b"),
    ],
)
def test_a_ratio_of_unaggregated_vectors_is_found(expression: str, ratio: str) -> None:
    assert list(raw_ratios(expression)) == [ratio]


@pytest.mark.parametrize(
    "expression",
    [
        "sum(rate(e[5m])) / sum(rate(a[5m])) > 0.05",
        "min by (m) (a) / max by (m) (b) < 0.1",
        "(sum(a)) / (count(b))",
        "a / 1024",
        "a / on (instance) b",
        "a / ignoring (code) b",
        "sum(a) / scalar(b)",
        'x{path="/a/b"} > 1',
    ],
)
def test_a_sound_ratio_is_not(expression: str) -> None:
    assert list(raw_ratios(expression)) == []


@pytest.mark.parametrize(
    ("expression", "says"),
    [
        ('x{a="1", a="2"}', "a can't be both '1' and '2'"),
        ('x{a="1", a!="1"}', "a can't be '1' and !='1'"),
        ('x{a="1", a=~"2|3"}', "a can't be '1' and =~'2|3'"),
        ('x{a="1", a!~"1.*"}', "a can't be '1' and !~'1.*'"),
        ('x{a="1", b="2", a=~"1|2"}', None),
        ('x{a="1", a=~"(?i:1"}', None),
    ],
)
def test_a_selector_that_contradicts_itself_is_found(expression: str, says: str | None) -> None:
    (selector,) = selectors(expression)

    assert impossible(selector) == says


@given(st.text(max_size=80))
def test_no_text_breaks_it(text: str) -> None:
    tokens(text)
    blind_spots(text)


def test_the_reference_rules_are_sound() -> None:
    assert {
        rule.name: blind_spots(rule.expression)
        for f in RULES.glob("*.yml")
        for rule in alert_rules(f)
        if blind_spots(rule.expression)
    } == {}


def test_absent_metrics_and_labels_are_named() -> None:
    wanted = {("up", ""), ("up", "job"), ("upp", ""), ("up", "nojob")}

    assert absences(wanted, {"up"}, {"up": {"job"}}) == ["there is no metric upp", "up has no label nojob"]
    assert absences({("up", "job")}, {"up"}, {"up": {"job"}}) == []
