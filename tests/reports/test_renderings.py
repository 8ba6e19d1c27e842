"""Every rendering says the same, is well formed, and shows hostile text as text."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from xml.etree import ElementTree as xml

import pytest
from prometheus_client.parser import text_string_to_metric_families

from reports import terminal
from reports.document import from_json, to_json
from reports.publish import RENDERINGS
from reports.render import badge, html, junit, markdown, sarif, textfile
from reports.scorecard import Scorecard, score
from tests.reports.sample import TODAY, realistic, waivers


@pytest.fixture(scope="module")
def card() -> Scorecard:
    return score((), from_json(to_json(realistic())), waivers(), TODAY)


class _Page(HTMLParser):
    """Counts tags and notes what a page would load or run."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.scripts = 0
        self.outside: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.scripts += tag == "script"
        given = dict(attrs)
        self.ids += [given["id"]] if given.get("id") else []  # type: ignore[list-item]
        for name, value in attrs:
            if name in ("src", "href") or name.startswith("on"):
                (self.links if (value or "").startswith("#") else self.outside).append(value or "")
        if tag not in ("meta", "input", "link", "br", "path", "circle"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert not self.open or tag in ("path", "circle") or self.open.pop() == tag


def test_the_page_is_whole_runs_only_our_script_and_loads_nothing(card: Scorecard) -> None:
    page = _Page()

    page.feed(html.render(card))

    assert page.open == []
    assert page.scripts == 1
    assert page.outside == []
    assert len(set(page.ids)) == len(page.ids)


def test_the_page_links_only_to_what_is_on_it(card: Scorecard) -> None:
    page = _Page()

    page.feed(html.render(card))

    assert {link[1:] for link in page.links} <= set(page.ids)


def test_the_page_names_verdict_blockers_evidence_and_remedy(card: Scorecard) -> None:
    text = re.sub(r"<[^>]*>", " ", html.render(card))

    for wanted in (
        "NOT READY",
        "stand in the way of STAGING-READY",
        "uid 0: /run.sh",
        "stack/compose.yaml:214",
        "Mend it.",
        "RPO, database",
        "Replaced by Alloy",
        "69",
        "inject Killed(wallet)",
        "CIS-Docker 4.1",
    ):
        assert wanted in text


@pytest.mark.parametrize("name", RENDERINGS)
def test_no_rendering_lets_hostile_text_act(name: str, card: Scorecard) -> None:
    text = RENDERINGS[name](card)

    assert "\x1b" not in text
    assert "\x07" not in text
    assert "\u202e" not in text
    if name.endswith((".html", ".md", ".xml", ".svg")):
        assert "<script>alert" not in text


def test_markdown_lets_nobody_be_mentioned_or_linked(card: Scorecard) -> None:
    text = markdown.render(card)

    assert "@everyone" not in text
    assert "https://" not in text
    assert "\\[a\\]" in text
    assert "49" not in text.partition("Loki answered")[2].partition("\n")[0]


def test_markdown_fits_into_a_comment_and_closes_what_it_opened() -> None:
    from tests.reports.sample import large

    text = markdown.render(score((), large(20_000), (), TODAY))

    assert len(text) < 65_000
    assert text.count("<details>") == text.count("</details>")
    assert "Cut off here" in text


def test_junit_counts_what_it_holds(card: Scorecard) -> None:
    root = xml.fromstring(junit.render(card).partition("?>\n")[2])

    cases = list(root.iter("testcase"))
    assert len(cases) == len(card.run.results)
    assert sum(int(suite.get("failures", "0")) for suite in root) == len(list(root.iter("failure"))) == 3
    assert sum(int(suite.get("errors", "0")) for suite in root) == len(list(root.iter("error"))) == 2


def test_sarif_points_to_the_line_and_suppresses_what_is_waived(card: Scorecard) -> None:
    (run,) = json.loads(sarif.render(card))["runs"]

    found = {one["ruleId"]: one for one in run["results"]}
    place = found["SEC-RUN-001"]["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == "stack/compose.yaml"
    assert place["region"] == {"startLine": 214, "startColumn": 1, "endLine": 214}
    assert found["SEC-SUP-001"]["suppressions"][0]["kind"] == "external"
    notes = run["invocations"][0]["toolExecutionNotifications"]
    assert "FLV-BG-001" not in found
    assert "FLV-BG-001" in {one["associatedRule"]["id"] for one in notes}
    assert all(run["tool"]["driver"]["rules"][one["ruleIndex"]]["id"] == one["ruleId"] for one in run["results"])


def test_the_metrics_are_well_formed_and_say_the_same(card: Scorecard) -> None:
    samples = {f.name: f for f in text_string_to_metric_families(textfile.render(card))}

    assert samples["seatrial_tier"].samples[0].value == 0
    assert sum(one.value for one in samples["seatrial_checks"].samples) == len(card.checks)
    assert all(0 <= one.value <= 1 for one in samples["seatrial_score_ratio"].samples)


def test_the_badge_is_a_picture_of_the_verdict(card: Scorecard) -> None:
    picture = xml.fromstring(badge.render(card))

    assert "not ready" in (picture.get("aria-label") or "")


@pytest.mark.parametrize("width", [40, 80, 200])
def test_the_terminal_summary_fits_and_has_no_escapes_of_its_own_without_colours(
    card: Scorecard, width: int, tmp_path
) -> None:  # type: ignore[no-untyped-def]
    text = terminal.summary(card, tmp_path, width=width, colours=False)

    assert "\x1b" not in text
    assert max(len(line) for line in text.splitlines() if not line.startswith("  repeat ")) <= max(width, 60)


def test_the_terminal_summary_says_what_where_and_what_to_do(card: Scorecard, tmp_path) -> None:  # type: ignore[no-untyped-def]
    text = terminal.summary(card, tmp_path, width=120, colours=False)

    for wanted in (
        "FAIL SEC-RUN-001",
        "processes run as uid [0]",
        "none as 0",
        "stack/compose.yaml:214",
        "Mend it.",
        "NOT READY",
        "waived until 2027-02-01",
        "In the way of STAGING-READY",
        "bring-up 21 s",
    ):
        assert wanted in text
