"""Rules as they are written: they parse, are tested at their real durations, and tell whoever is woken what to do."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from stack.timescale import longest_round
from stack.waiting import eventually
from suites.alerts.promql import Selector, impossible, raw_ratios, selectors
from suites.alerts.promtool import complaints, promtool
from suites.alerts.rendered import dead_end
from suites.alerts.rule_files import AlertRule, RuleFile, alert_rules, rule_files
from suites.check import Area, Evidence, Impact, Level, Severity, check, needs, over

if TYPE_CHECKING:
    from stack.model import Stack

NO_RULES = "no folder of rules is known: `[alerts] rules = …` in a profile would enable it"
SEVERITIES = frozenset({"critical", "warning", "info", "none"})
NEEDED = ("summary", "description", "runbook_url")


def _all_files(stack: Stack) -> list[list[RuleFile]]:
    files = rule_files(stack)
    return [files] if files else []


@check(
    "ALR-RULE-001",
    title="Rules parse, and each has unit tests that pass at its real durations",
    area=Area.ALERTS,
    severity=Severity.HIGH,
    level=Level.DECLARED,
    impact=Impact.PASSIVE,
    static=False,  # promtool runs in the metrics store's image
    rationale="A rule that doesn't parse stops all rules of its file; one that was never seen to fire may never do.",
    remediation="Write tests/<file>_test.yml beside the rules folder, with each alert just over and just under its limit.",
)
@needs("prometheus")
@over("files", _all_files, reason=NO_RULES, ids=lambda _files: "all")
def test_rules_parse_and_pass_their_tests(stack: Stack, files: list[RuleFile], evidence: Evidence) -> None:
    folder = files[0].path.parent.parent
    tests = [file.tests for file in files if file.tests]

    parsed = promtool(stack, folder, "check", "rules", files=[file.path for file in files])
    assert parsed.ok, "promtool refuses the rules: " + "; ".join(complaints(parsed))
    untested = [
        f"{rule.name} ({rule.where.file.name}:{rule.where.line})" for file in files for rule in untested_rules(file)
    ]
    assert not untested, f"no unit test names {', '.join(untested)}"
    passed = promtool(stack, folder, "test", "rules", files=tests)
    assert passed.ok, "unit tests of the rules fail: " + "; ".join(complaints(passed)[:6])

    count = sum(len(alert_rules(file.path)) for file in files)
    evidence.declared(
        f"{count} alerts in {len(files)} files, each named by a unit test at its real durations; promtool passes all"
    )


def untested_rules(file: RuleFile) -> list[AlertRule]:
    """The alerts that the file's unit tests never name."""
    tested: set[str] = set()
    if file.tests:
        for case in yaml.safe_load(file.tests.read_text()).get("tests") or []:
            tested |= {str(one["alertname"]) for one in case.get("alert_rule_test") or [] if one.get("exp_alerts")}
            # ALERTS{alertname="X"} with a sample that is expected is as good as an alert that is.
            expected = [str(one["expr"]) for one in case.get("promql_expr_test") or [] if one.get("exp_samples")]
            tested |= {
                rule.name
                for rule in alert_rules(file.path)
                if any(f'alertname="{rule.name}"' in text for text in expected)
            }
    return [rule for rule in alert_rules(file.path) if rule.name not in tested]


@check(
    "ALR-RULE-004",
    title="Every alert has severity, summary, description and a runbook link that resolves",
    area=Area.ALERTS,
    severity=Severity.MEDIUM,
    level=Level.DECLARED,
    impact=Impact.PASSIVE,
    rationale="Whoever is woken at night needs to read what is wrong, how bad it is, and what to do first.",
    remediation="Give each alert labels.severity and the annotations summary, description and runbook_url; write the page.",
)
@over("file", rule_files, reason=NO_RULES)
def test_alert_tells_what_to_do(stack: Stack, file: RuleFile, evidence: Evidence) -> None:
    rules = alert_rules(file.path)
    wrong = []
    for rule in rules:
        if missing := lacks(rule, stack.root):
            evidence.where(rule.where)
            wrong.append(f"{rule.name} ({rule.where.file.name}:{rule.where.line}): {', '.join(missing)}")

    assert not wrong, "; ".join(wrong)
    evidence.declared(f"{', '.join(rule.name for rule in rules)}: complete, and every runbook page is there")


def lacks(rule: AlertRule, root: Path) -> list[str]:
    """What an alert doesn't tell. A runbook link resolves when it is a page below `root`; links off this machine are not tried."""
    found = []
    severity = rule.labels.get("severity", "")
    if severity not in SEVERITIES:
        found.append(f"severity is {severity!r}, expected one of {', '.join(sorted(SEVERITIES))}")
    found += [f"no {name}" for name in NEEDED if not str(rule.annotations.get(name, "")).strip()]
    link = str(rule.annotations.get("runbook_url", ""))
    if link and (complaint := dead_end(link, root)):
        found.append(complaint)
    return found


@check(
    "ALR-RULE-003",
    title="No ratio divides unaggregated vectors, and no selector can never match",
    area=Area.ALERTS,
    severity=Severity.HIGH,
    level=Level.DECLARED,
    impact=Impact.PASSIVE,
    rationale="rate(errors) / rate(all) pairs series by all their labels, so that the ratio is 1 or nothing, and never fires.",
    remediation="Sum both sides over the same labels, or say on(...) what pairs them; take contradicting matchers apart.",
)
@over("file", rule_files, reason=NO_RULES)
def test_expressions_can_be_true(file: RuleFile, evidence: Evidence) -> None:
    rules = alert_rules(file.path)
    wrong = []
    for rule in rules:
        if found := blind_spots(rule.expression):
            evidence.where(rule.where)
            wrong.append(f"{rule.name} ({rule.where.file.name}:{rule.where.line}): {'; '.join(found)}")

    assert not wrong, "; ".join(wrong)
    evidence.declared(
        f"{sum(len(selectors(rule.expression)) for rule in rules)} selectors of {len(rules)} alerts were read"
    )


def blind_spots(expression: str) -> list[str]:
    """Why an expression may never be true, as far as its text tells."""
    found = [f"divides what is not aggregated: {ratio}" for ratio in raw_ratios(expression)]
    for selector in selectors(expression):
        if reason := impossible(selector):
            found.append(f"{selector.metric or 'a selector'} never matches: {reason}")
    return found


@check(
    "ALR-RULE-002",
    title="Every metric and label a rule names exists in the running Prometheus",
    area=Area.ALERTS,
    severity=Severity.HIGH,
    level=Level.OBSERVED,
    impact=Impact.PASSIVE,
    rationale="A rule about a metric that was renamed is silent for ever, and silence looks like health.",
    remediation="Correct the name, or add the exporter or scrape job that was meant to provide it.",
)
@needs("prometheus")
@over("file", rule_files, reason=NO_RULES)
def test_metrics_of_rules_exist(stack: Stack, file: RuleFile, evidence: Evidence) -> None:
    wanted = {
        (s.metric, label)
        for rule in alert_rules(file.path)
        for s in selectors(rule.expression)
        for label in ("", *_labels(s))
    }
    prometheus = stack.prometheus
    wrong: list[str] = []

    def all_there() -> bool:
        nonlocal wrong
        known = set(prometheus.metric_names())
        labels = {metric: set().union(*prometheus.series(metric)) for metric in {m for m, _ in wanted if m in known}}
        wrong = absences(wanted, known, labels)
        return not wrong

    with suppress(AssertionError):  # right after a bring-up nothing was scraped yet; what is missing later is a finding
        within = longest_round(prometheus.config())
        eventually(all_there, within=within, every=timedelta(seconds=1), what="the first scrapes")

    evidence.observed(f"asked for {', '.join(sorted({metric for metric, _ in wanted}))}")
    assert not wrong, f"{file.name}: " + "; ".join(wrong)


def absences(wanted: set[tuple[str, str]], known: set[str], labels: Mapping[str, set[str]]) -> list[str]:
    """Which (metric, label) nobody provides; an empty label asks for the metric alone."""
    gone = sorted({metric for metric, _ in wanted if metric not in known})
    bare = sorted(
        f"{metric} has no label {label}"
        for metric, label in wanted
        if label and metric in known and label not in labels[metric]
    )
    return [f"there is no metric {metric}" for metric in gone] + bare


def _labels(selector: Selector) -> list[str]:
    """The labels a selector needs to be there: one that may also be empty or must be unequal need not."""
    return [label for label, operator, value in selector.matchers if operator == "=" and value]
