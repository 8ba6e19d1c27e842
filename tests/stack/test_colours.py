"""The edge finds each colour by the address that compose.yaml gives it, and by no name."""

from __future__ import annotations

from pathlib import Path

from stack import colours
from stack.project import environment


def test_every_colour_is_an_upstream_at_its_fixed_address_behind_the_edge(tmp_path: Path) -> None:
    colours.write(tmp_path, environment("st-somewhere", 2000))

    lines = (tmp_path / "colours.conf").read_text().splitlines()[1:]
    assert lines == [
        "upstream server-blue { server 10.92.1.11:8000; }",
        "upstream server-green { server 10.92.1.12:8000; }",
    ]


def test_a_file_that_says_it_already_is_left_alone_and_one_of_another_subnet_is_not(tmp_path: Path) -> None:
    colours.write(tmp_path, environment("st-somewhere", 2000))
    before = (tmp_path / "colours.conf").stat().st_ino

    colours.write(tmp_path, environment("st-somewhere", 2000))
    same = (tmp_path / "colours.conf").stat().st_ino
    colours.write(tmp_path, environment("st-somewhere", 3000))

    assert same == before
    assert "10.93.1.11" in (tmp_path / "colours.conf").read_text()


def test_a_service_without_an_address_behind_the_edge_is_no_upstream() -> None:
    services = {"server-red": {"networks": {"edge": None}}, "server-blue": {"networks": {}}, "nginx": {}}

    assert "upstream server" not in colours.upstreams(services)
