"""The results as JUnit XML, which every CI system reads: FAIL is a failure, INCONCLUSIVE an error, NOT_APPLICABLE
skipped.
"""

from __future__ import annotations

from xml.etree import ElementTree as xml

from reports.outcome import Outcome, Result
from reports.scorecard import CheckScore, Scorecard

_ELEMENTS = {Outcome.FAIL: "failure", Outcome.INCONCLUSIVE: "error", Outcome.NOT_APPLICABLE: "skipped"}


def render(card: Scorecard) -> str:
    """One test suite for each area, one test case for each instance of a check."""
    root = xml.Element("testsuites", name="seatrial")
    for area in card.areas:
        checks = [one for one in card.checks if one.entry.area is area]
        if checks:
            root.append(_suite(area.value, checks))
    xml.indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + xml.tostring(root, encoding="unicode") + "\n"


def _suite(name: str, checks: list[CheckScore]) -> xml.Element:
    results = [result for one in checks for result in one.results]
    counts = {word: sum(_ELEMENTS.get(one.outcome) == word for one in results) for word in _ELEMENTS.values()}
    suite = xml.Element(
        "testsuite",
        name=name,
        tests=str(len(results)),
        failures=str(counts["failure"]),
        errors=str(counts["error"]),
        skipped=str(counts["skipped"]),
        time=f"{sum(one.seconds for one in results):.3f}",
    )
    for one in checks:
        suite.extend(_case(one, result) for result in one.results)
    return suite


def _case(one: CheckScore, result: Result) -> xml.Element:
    subject = f" [{result.subject}]" if result.subject else ""
    name = f"{one.entry.id} {one.entry.title}{subject}"
    case = xml.Element(
        "testcase", classname=f"seatrial.{one.entry.area.value}", name=name, time=f"{result.seconds:.3f}"
    )
    if element := _ELEMENTS.get(result.outcome):
        said = xml.SubElement(case, element, message=result.reason)
        if element != "skipped":
            said.text = f"{result.reason}\n\n{one.entry.remediation}"
    return case
