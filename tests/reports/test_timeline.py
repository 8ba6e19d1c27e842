"""The picture of an experiment: everything in it is there, in shapes that print tells apart, in words too, and inert."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.document import from_json, result_from_json, result_to_json, to_json
from reports.outcome import Outcome
from reports.render import html
from reports.render.timeline import in_words, picture
from reports.scorecard import score
from reports.text import printable
from suites.chronicle import Answer, Chronicle, Span, Step, Track, Traffic
from tests.reports.sample import HOSTILE, TODAY, realistic, result, waivers

_BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")

WRONG = Track(
    "the edge serves /api/listings",
    (Answer(0.1, 0.02), Answer(2.0, 1.0, "502"), Answer(3.0, 1.0, "502"), Answer(4.5, 0.1)),
    7,
)
RIGHT = Track("the edge serves /health", (Answer(0.1, 0.02), Answer(1.0, 0.04)))
CHRONICLE = Chronicle(
    began="2026-11-24T13:25:00+00:00",
    seconds=12.0,
    experiment={"title": "t"},
    steps=(Step("before", "it is steady", 0.0, 0.1, ok=True),),
    faults=(Span("paused(server-blue)", 2.0, 6.2), Span("latency(nginx)", 4.5, None)),
    recoveries=(Span("steady again", 9.0, 10.1),),
    tracks=(WRONG, RIGHT),
    traffic=(Traffic(0, 10, 0, 0.02), Traffic(1, 10, 4, 0.9)),
    alerts=(Span("ServiceDown", 5.0, 11.0), Span("HighErrorRate", 7.0, None)),
)


def drawn(chronicle: Chronicle = CHRONICLE, name: str = "EXP-SRV-001") -> ElementTree.Element:
    return ElementTree.fromstring(str(picture(chronicle, name)))


def of_class(root: ElementTree.Element, name: str) -> list[ElementTree.Element]:
    return [one for one in root.iter() if one.get("class") == name]


def test_each_kind_of_thing_has_a_shape_of_its_own() -> None:
    root = drawn()

    counted = {
        name: len(of_class(root, f"tl-{name}"))
        for name in ("fault", "recovery", "wrong", "right", "asked", "vain", "p95", "alert")
    }
    assert counted == {"fault": 2, "recovery": 1, "wrong": 1, "right": 2, "asked": 2, "vain": 1, "p95": 1, "alert": 2}
    fills = {of_class(root, f"tl-{name}")[0].get("fill") for name in ("fault", "recovery")}
    assert fills == {"url(#tl-EXP-SRV-001-fault)", "url(#tl-EXP-SRV-001-recovery)"}
    assert {one.get("id") for one in root.iter("pattern")} == {"tl-EXP-SRV-001-fault", "tl-EXP-SRV-001-recovery"}


def test_an_outage_is_as_wide_as_it_was_long() -> None:
    (block,) = of_class(drawn(), "tl-wrong")

    # 696 units are 12 s; the outage goes from the first wrong question at 2.0 s to the right answer's arrival at 4.6 s.
    assert float(str(block.get("x"))) == pytest.approx(10 + 696 * 2.0 / 12, abs=0.1)
    assert float(str(block.get("width"))) == pytest.approx(696 * 2.6 / 12, abs=0.1)


def test_whoever_cannot_see_it_is_told_the_same() -> None:
    root = drawn()

    assert root.get("role") == "img"
    title, desc = root[0], root[1]
    assert root.get("aria-labelledby") == f"{title.get('id')} {desc.get('id')}"
    assert title.text == "Timeline of EXP-SRV-001"
    assert desc.text == " ".join(in_words(CHRONICLE))
    assert in_words(CHRONICLE) == [
        "12.0 s in all.",
        "Fault paused(server-blue): from 2.0 s to 6.2 s.",
        "Fault latency(nginx): from 4.5 s on, and still at the end.",
        "Steady again: from 9.0 s to 10.1 s.",
        "the edge serves /api/listings: 2 of 4 wrong, longest 2.60 s (≤ 7 s), slowest 1.0 s.",
        "the edge serves /health: 0 of 2 wrong, slowest 40 ms.",
        "Users: 20 requests, 4 in vain, p95 at worst 900 ms.",
        "Alert ServiceDown: from 5.0 s to 11.0 s.",
        "Alert HighErrorRate: from 7.0 s on, and still at the end.",
    ]


def test_an_experiment_in_which_nothing_was_asked_has_a_picture_too() -> None:
    root = drawn(Chronicle("2026-11-24T13:25:00+00:00", 0.0))

    assert of_class(root, "tl-fault") == []
    assert in_words(Chronicle("2026-11-24T13:25:00+00:00", 0.0)) == ["0.0 s in all."]


def test_a_long_name_is_cut_and_kept_whole_for_who_points_at_it() -> None:
    root = drawn(replace(CHRONICLE, tracks=(replace(RIGHT, name="x" * 200),)))

    (text,) = [one for one in root.iter("text") if "xxx" in "".join(one.itertext())]
    assert text[0].text == "x" * 200
    assert str(text[0].tail).endswith("…: 0 of 2 wrong, slowest 40 ms")
    assert len(str(text[0].tail)) <= 92


times = st.floats(min_value=0, max_value=900)
answers = st.lists(st.tuples(times, times, st.sampled_from(["", "502", HOSTILE])), max_size=60)


@given(answers, st.lists(st.tuples(times, st.none() | times), max_size=4), times)
def test_whatever_happened_is_drawn_inside_the_picture(
    said: list[tuple[float, float, str]], faults: list[tuple[float, float | None]], lasted: float
) -> None:
    track = Track(printable(HOSTILE), tuple(Answer(at, took, text) for at, took, text in sorted(said)))
    spans = tuple(Span("a fault", begin, end) for begin, end in faults)

    root = drawn(Chronicle("2026-11-24T13:25:00+00:00", lasted, tracks=(track,), faults=spans, alerts=spans))

    # A block or bar at the very end keeps its least width, and so may stand out by that.
    for one in root.iter("rect"):
        assert 9.9 <= float(str(one.get("x"))) <= 706.1
        assert 0 <= float(str(one.get("width"))) <= 696.1
    for one in root.iter("path"):
        across = re.findall(r"[MH](-?[0-9.]+)", str(one.get("d")))
        assert all(-0.1 <= float(x) <= 709.1 for x in across)


def page() -> str:
    run = realistic()
    chronicle = replace(CHRONICLE, tracks=(replace(WRONG, name=HOSTILE), RIGHT), faults=(Span(HOSTILE, 1, 2),))
    results = tuple(replace(one, chronicle=chronicle) if one.id == "EXP-WAL-001" else one for one in run.results)
    return html.render(score((), from_json(to_json(replace(run, results=results))), waivers(), TODAY))


def test_the_scorecard_has_one_picture_an_experiment_and_hostile_names_stay_text() -> None:
    text = page()

    assert text.count('<svg class="tl"') == 1
    assert text.count("<script") == 1
    (svg,) = re.findall(r'<svg class="tl".*?</svg>', text, re.DOTALL)
    assert "&lt;script&gt;alert(1)" in svg
    assert not re.search(r"<script|onload=|javascript:|href=|\x1b|\u202e|style=", svg)
    assert "The picture in words" in text


def test_a_chronicle_survives_the_record() -> None:
    before = result("EXP-SRV-001", Outcome.PASS, chronicle=CHRONICLE)

    assert result_from_json(result_to_json(before)) == before


@pytest.mark.parametrize(
    "damage",
    [
        {"began": "yesterday"},
        {"seconds": float("nan")},
        {"steps": [{"phase": "lunch", "name": "", "at_seconds": 0, "seconds": 0, "ok": True, "said": ""}]},
        {"tracks": [{"name": 7, "allowed_seconds": None, "answers": []}]},
        {"traffic": [[1]]},
        {"experiment": []},
        {"faults": [{"text": "x", "from_seconds": "soon", "to_seconds": None}]},
    ],
    ids=lambda damage: next(iter(damage)),
)
def test_what_is_no_chronicle_is_refused(damage: dict[str, object]) -> None:
    with pytest.raises((KeyError, TypeError, ValueError)):
        Chronicle.from_json(CHRONICLE.to_json() | damage)


@pytest.mark.skipif(_BROWSER is None, reason="no Chromium on this machine (Debian: chromium)")
def test_letters_are_nine_points_or_more_in_print(tmp_path: Path) -> None:
    if shutil.which("pdftotext") is None:
        pytest.skip("no pdftotext on this machine (Debian: poppler-utils)")
    opened = page().replace('<details class="c pass" id="EXP-WAL-001"', '<details open class="c pass" id="EXP-WAL-001"')
    (tmp_path / "page.html").write_text(opened.replace("<style>", "<style>@page { size: A4 }"))
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", f"--user-data-dir={tmp_path / 'data'}"]
    argv = [str(_BROWSER), *flags, f"--print-to-pdf={tmp_path / 'page.pdf'}", f"file://{tmp_path / 'page.html'}"]
    subprocess.run(argv, capture_output=True, timeout=60, check=True)

    boxes = subprocess.run(
        ["pdftotext", "-bbox", str(tmp_path / "page.pdf"), "-"], capture_output=True, text=True, timeout=60, check=True
    ).stdout

    # A word's box is as high as its font's ascent and descent together: 1.16 of its size or more in any sans-serif here.
    heights = [
        float(bottom) - float(top)
        for top, bottom in re.findall(r'yMin="([0-9.]+)"[^>]*yMax="([0-9.]+)">ServiceDown<', boxes)
    ]
    assert heights
    assert min(heights) >= 9 * 1.1
