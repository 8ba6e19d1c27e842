"""The page in a real browser: it opens what a link names, filters, stays inert under hostile text, and is quick when it
is large.
"""

from __future__ import annotations

import shutil
import subprocess
import time
from pathlib import Path

import pytest

from reports.document import from_json, to_json
from reports.picture import take
from reports.render import html
from reports.scorecard import score
from tests.reports.sample import TODAY, large, realistic, waivers

_BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
_FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

pytestmark = pytest.mark.skipif(_BROWSER is None, reason="no Chromium on this machine (Debian: chromium)")


def _dom(page: Path, data: Path, fragment: str = "") -> str:
    command = [str(_BROWSER), *_FLAGS, f"--user-data-dir={data}", "--dump-dom", f"file://{page}{fragment}"]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout


def test_a_link_opens_its_check_and_the_filter_is_there(tmp_path: Path) -> None:
    page = tmp_path / "readiness.html"
    page.write_text(html.render(score((), from_json(to_json(realistic())), waivers(), TODAY)))

    dom = _dom(page, tmp_path / "data", "#SEC-RUN-001")

    (check,) = [line for line in dom.splitlines() if 'id="SEC-RUN-001"' in line]
    assert 'open=""' in check
    assert '<form id="filter" class="filter" role="search">' in dom


def test_hostile_text_adds_no_element(tmp_path: Path) -> None:
    page = tmp_path / "readiness.html"
    page.write_text(html.render(score((), from_json(to_json(realistic())), waivers(), TODAY)))

    dom = _dom(page, tmp_path / "data")

    assert dom.count("<script") == 1
    assert "&lt;script&gt;alert(1)" in dom


def test_a_picture_of_the_page_is_taken(tmp_path: Path) -> None:
    (tmp_path / "readiness.html").write_text(html.render(score((), realistic(), waivers(), TODAY)))

    take(tmp_path, tmp_path / "scorecard.png")

    assert (tmp_path / "scorecard.png").read_bytes().startswith(b"\x89PNG")


def test_two_thousand_results_are_ready_in_a_moment(tmp_path: Path) -> None:
    small, big = tmp_path / "small.html", tmp_path / "big.html"
    small.write_text("<!doctype html><title>x</title>")
    big.write_text(html.render(score((), large(2000), (), TODAY)))
    took = []
    for page in (small, big):
        begun = time.monotonic()
        _dom(page, tmp_path / f"data-{page.stem}")
        took.append(time.monotonic() - begun)

    # The browser's own start is in both; a generous bound, because other work shares this machine.
    assert took[1] - took[0] < 3
