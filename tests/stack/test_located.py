"""YAML keeps its places, means what compose takes it to mean, and can't hurt the reader."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stack import located
from stack.compose import load_project
from stack.errors import UserError
from stack.located import plain_value, read_yaml, where_of


def read(tmp_path: Path, text: str) -> Any:
    path = tmp_path / "f.yaml"
    path.write_text(text)
    return read_yaml(path)[0]


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("22:22", "22:22"),
        ("no", "no"),
        ("on", "on"),
        ("true", True),
        ("False", False),
        ("~", None),
        ("null", None),
        ("", None),
        ("12", 12),
        ("-3", -3),
        ("0777", 0o777),
        ("0o777", 0o777),
        ("0x1F", 31),
        ("1_000", 1000),
        ("1.50", 1.5),
        (".5", 0.5),
        ("1e3", 1000.0),
        ("1.2.3", "1.2.3"),
        ("2020-01-01", "2020-01-01 00:00:00 +0000 UTC"),
        ("10m", "10m"),
        ("08", 8.0),  # as the YAML library of compose has it
        ("-", "-"),
        ("...x", "...x"),
    ],
)
def test_plain_scalars_mean_what_compose_takes_them_for(written: str, meant: object) -> None:
    assert plain_value(written) == meant


def test_every_key_and_item_has_its_line(tmp_path: Path) -> None:
    tree = read(tmp_path, "services:\n  web:\n    ports:\n      - 80:80\n      - 81:81\n    user: x\n")

    assert where_of(tree, "services", "web").line == 2  # type: ignore[union-attr]
    assert where_of(tree, "services", "web", "ports", 1).line == 5  # type: ignore[union-attr]
    assert where_of(tree, "services", "web", "user").line == 6  # type: ignore[union-attr]
    assert where_of(tree, "services", "web", "not", "there").line == 2  # type: ignore[union-attr]
    assert where_of(tree, "nothing") is None


def test_a_merged_key_keeps_the_line_where_it_was_written(tmp_path: Path) -> None:
    tree = read(tmp_path, "x: &x\n  user: a\nservices:\n  web:\n    <<: *x\n    image: i\n")

    assert tree["services"]["web"] == {"user": "a", "image": "i"}
    assert where_of(tree, "services", "web", "user").line == 2  # type: ignore[union-attr]


def bomb(levels: int) -> str:
    lines = ["a0: &a0 [" + ", ".join(["x"] * 10) + "]"]
    lines += [f"a{n}: &a{n} [" + ", ".join([f"*a{n - 1}"] * 10) + "]" for n in range(1, levels)]
    return "\n".join(lines) + "\n"


HOSTILE = {
    "billion laughs": bomb(12),
    "deep flow": "a: " + "[" * 20_000,
    "deep closed flow": "a: " + "[" * 900 + "]" * 900,
    "deep mappings": "a: " + "{a: " * 3000,
    "deep blocks": "\n".join(" " * n + "a:" for n in range(600)),
    "recursive": "a: &a\n  b: *a\n",
    "merge of itself": "a: &a\n  <<: *a\n",
    "undefined alias": "a: *nope\n",
    "control characters": "a: \x01\n",
    "tab indentation": "a:\n\t- b\n",
    "python object": "a: !!python/object/apply:os.system [id]\nb: [\n",
    "merge of a text": "a:\n  <<: text\n",
    "complex key": "? [a, b]\n: c\n",
}


@pytest.mark.parametrize("name", sorted(HOSTILE))
def test_hostile_yaml_is_refused_quickly_in_one_sentence(name: str, tmp_path: Path) -> None:
    path = tmp_path / "f.yaml"
    path.write_text(HOSTILE[name])
    began = time.monotonic()

    with pytest.raises(UserError) as refused:
        read_yaml(path)

    assert str(path) in str(refused.value)
    assert "\n" not in str(refused.value)
    assert time.monotonic() - began < 5


def test_a_bomb_in_an_extension_is_refused_when_the_project_is_loaded(tmp_path: Path) -> None:
    path = tmp_path / "compose.yaml"
    path.write_text(bomb(10).replace("a", "x-a").replace("*x-", "*x-") + "services: {a: {image: i, labels: *x-a9}}\n")

    with pytest.raises(UserError):
        load_project([path])


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(located, "LARGEST_FILE", 1000)
    path = tmp_path / "f.yaml"
    path.write_text("a: " + "x" * 2000)

    with pytest.raises(UserError, match="too large for a compose file"):
        read_yaml(path)


@given(st.text(alphabet=st.sampled_from("ab:-[]{}&*!|>'\"#,? \n\t0"), max_size=80))
def test_any_text_is_either_read_or_refused_in_one_sentence(text: str) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "f.yaml"
        path.write_text(text)
        try:
            load_project([path])
        except UserError as error:
            assert "\n" not in str(error)


def test_two_hundred_services_are_rendered_in_linear_time(tmp_path: Path) -> None:
    def seconds(count: int) -> float:
        path = tmp_path / f"{count}.yaml"
        service = "  s{n}:\n    image: i:1\n    ports: ['80']\n    environment: {{A: '1'}}\n    volumes: ['./a:/a']\n"
        path.write_text("services:\n" + "".join(service.format(n=n) for n in range(count)))
        began = time.process_time()
        load_project([path])
        return time.process_time() - began

    small, large = min(seconds(50) for _ in range(3)), min(seconds(200) for _ in range(3))

    assert large < 2
    assert large < small * 4 * 2.5  # four times the services, with room for noise
