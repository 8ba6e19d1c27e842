"""An image is rebuilt exactly when something it is made of changed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from stack.errors import UserError
from stack.recipes import ROOT, Recipe, closure, fingerprints, recipes


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A project with a base, two images on it, and one on one of those."""
    for name, parent in {"base": "debian:trixie-slim", "a": "seatrial/base:local", "b": "seatrial/a:local"}.items():
        folder = tmp_path / "stack" / "images" / name
        folder.mkdir(parents=True)
        (folder / "Dockerfile").write_text(f"FROM {parent}\nCOPY program /\n")
        (folder / "program").write_text(name)
    return tmp_path


def hashes(root: Path) -> dict[str, str]:
    known = recipes(root)
    return fingerprints(closure(known, known))


def test_parents_come_first(tree: Path) -> None:
    assert [recipe.name for recipe in closure(["b"], recipes(tree))] == ["base", "a", "b"]


def test_a_parent_may_be_the_source_of_a_copy(tree: Path) -> None:
    (tree / "stack/images/b/Dockerfile").write_text("FROM debian\nCOPY --from=seatrial/a:local /x /x\n")

    assert recipes(tree)["b"].parents == ("a",)


def test_a_changed_file_changes_the_image_and_what_stands_on_it(tree: Path) -> None:
    before = hashes(tree)
    (tree / "stack/images/a/program").write_text("changed")

    after = hashes(tree)

    assert {name for name in after if after[name] != before[name]} == {"a", "b"}


def test_a_file_made_executable_changes_the_image(tree: Path) -> None:
    before = hashes(tree)
    (tree / "stack/images/b/program").chmod(0o755)

    assert hashes(tree)["b"] != before["b"]


def test_the_same_content_elsewhere_is_the_same_image(tree: Path, tmp_path: Path) -> None:
    before = hashes(tree)
    other = tmp_path / "other"
    other.mkdir()
    (tree / "stack").rename(other / "stack")

    assert hashes(other) == before


def test_caches_of_python_change_nothing(tree: Path) -> None:
    before = hashes(tree)
    (tree / "stack/images/a/__pycache__").mkdir()
    (tree / "stack/images/a/__pycache__/program.pyc").write_text("junk")

    assert hashes(tree) == before


@pytest.mark.parametrize(
    ("parent", "says"),
    [("seatrial/b:local", "b → a → b are made from each other"), ("seatrial/gone:local", "no recipe for the image gone")],
)
def test_a_recipe_that_can_not_be_followed_is_one_sentence(tree: Path, parent: str, says: str) -> None:
    (tree / "stack/images/a/Dockerfile").write_text(f"FROM {parent}\n")

    with pytest.raises(UserError, match=says):
        closure(["b"], recipes(tree))


def test_an_unknown_image_is_told_with_the_known_ones(tree: Path) -> None:
    with pytest.raises(UserError, match="no recipe for the image ngnix: there are a, b, base"):
        closure(["ngnix"], recipes(tree))


OURS = recipes()


@pytest.mark.parametrize("recipe", OURS.values(), ids=OURS.keys())
def test_every_shipped_recipe_is_one_that_the_checks_accept(recipe: Recipe) -> None:
    text = recipe.dockerfile.read_text()
    users = re.findall(r"^USER (\S+)", text, re.MULTILINE)

    assert recipe.name in {"base", "python"} or (users and re.fullmatch(r"[1-9]\d*:[1-9]\d*", users[-1]))
    assert not re.search(r"^# *syntax=|^ADD +https?:|curl[^\n]*\| *(ba)?sh", text, re.MULTILINE)


def test_every_image_the_compose_file_builds_has_a_recipe() -> None:
    named = set(re.findall(r"seatrial/([a-z0-9-]+):local", (ROOT / "stack/compose.yaml").read_text()))

    assert named <= OURS.keys()
