"""Why: an edge without HTTPS was three INCONCLUSIVE and no FAIL: the first TLS check has to say it, once."""

from __future__ import annotations

from pathlib import Path

import pytest

from stack.edge import Edge
from stack.model import Stack
from suites.security import plain_http
from suites.security.edge_client import EdgeClient, Request, loopback_dial

PLAIN = Edge("127.0.0.1", None, 8000, "localhost", None)
BOTH = ("SEC-TLS-001", "SEC-TLS-005", "SEC-TLS-007")


def reason(
    tmp_path: Path, own: str, *, edge: Edge = PLAIN, ports: str = "8000:80", run: tuple[str, ...] = BOTH
) -> str | None:
    path = tmp_path / "compose.yaml"
    path.write_text(f"services: {{web: {{image: nginx, ports: ['{ports}']}}}}\n")
    return plain_http.why_not_applicable(edge, Stack.load([path]).service("web"), own, run)


def test_the_first_that_runs_speaks_and_the_others_name_it(tmp_path: Path) -> None:
    assert reason(tmp_path, "SEC-TLS-001") is None
    assert reason(tmp_path, "SEC-TLS-007") == "the edge serves plain HTTP alone: SEC-TLS-001 says so"
    assert reason(tmp_path, "SEC-TLS-005", run=BOTH[1:]) is None
    assert reason(tmp_path, "SEC-TLS-007", run=BOTH[1:]) == "the edge serves plain HTTP alone: SEC-TLS-005 says so"


def test_loopback_alone_needs_none(tmp_path: Path) -> None:
    assert "on loopback alone" in str(reason(tmp_path, "SEC-TLS-001", ports="127.0.0.1:8000:80"))


def test_an_edge_with_https_is_judged_by_all(tmp_path: Path) -> None:
    assert reason(tmp_path, "SEC-TLS-007", edge=Edge("127.0.0.1", 443, 80, "localhost", None)) is None


def test_no_port_at_all_is_no_plain_http(tmp_path: Path) -> None:
    assert "neither" in str(reason(tmp_path, "SEC-TLS-001", edge=Edge("127.0.0.1", None, None, "localhost", None)))


def test_asking_for_https_finds_the_offence() -> None:
    edge = plain_http.without_https(PLAIN)

    with pytest.raises(AssertionError, match=r"serves plain HTTP alone \(port 8000\), expected HTTPS"):
        edge.port_of("https")
    assert edge.port_of("http") == 8000


@pytest.mark.parametrize(
    ("edge", "scheme"), [(PLAIN, "http"), (Edge("127.0.0.1", 443, 80, "localhost", None), "https")]
)
def test_what_is_served_in_plain_text_is_judged_in_plain_text(edge: Edge, scheme: str) -> None:
    assert EdgeClient(edge, loopback_dial(edge)).scheme_of(Request("/")) == scheme
