"""The rules of the checklist, applied while pytest collects: parameters from the stack, and refusal of what is not a
check.

Why this exists: a checklist that silently loses a test, counts one twice or carries one nobody described is worse than
none. A mistake is found before anything starts, told in one sentence each, and ends the run with exit code 4.
"""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

from stack.errors import CannotTell, UserError
from suites.check import Area, Check, Excluded, Impact, Level, NotApplicable, check_of
from suites.evidence import evidence  # noqa: F401  the fixture, registered with this plugin
from suites.over import Over, every_service, parameters

_PRODUCT = Path(__file__).resolve().parent.parent
_REFUSED = pytest.StashKey[list[str]]()

_MARKERS = {
    "check(entry)": "a check of the readiness checklist (set by @check)",
    "static": "needs no engine: reads declarations and touches nothing",
    "over(what)": "runs once for each of several things of the stack (set by over)",
    "needs(*services)": "is about these services: excluded with them",
    "nothing_to_check(reason)": "stands for an empty list: NOT_APPLICABLE",
    "cannot_tell(reason)": "stands for a list that could not be obtained: INCONCLUSIVE",
    **{area.value: f"checks of the area {area.value}" for area in Area},
    **{impact.value: f"checks whose impact is {impact.value}" for impact in Impact},
}


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare which folders hold nothing but checks."""
    parser.addini(
        "checklist_folders",
        "folders in which every test must be a check",
        type="args",
        default=[str(_PRODUCT / "suites"), str(_PRODUCT / "chaos")],
    )


def pytest_configure(config: pytest.Config) -> None:
    """Register the markers, so that ``--strict-markers`` knows them."""
    for marker, meaning in _MARKERS.items():
        config.addinivalue_line("markers", f"{marker}: {meaning}")
    config.stash[_REFUSED] = []


def declared_stack(config: pytest.Config) -> Any:
    """The declared stack of this run (a :class:`stack.model.Stack`).

    Imported late: options and fixtures of the session are another plugin's, and a run of static lists needs no stack at
    all.
    """
    from suites.session import stack_of

    return stack_of(config)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Turn every ``over`` (and a bare ``service``) into parameters."""
    config = metafunc.config
    asked: list[Over] = [mark.args[0] for mark in metafunc.definition.iter_markers("over")]
    entry = check_of(metafunc.definition)
    if entry and "service" in metafunc.fixturenames and "service" not in _given(metafunc, asked):
        asked.append(every_service(entry.level is Level.DECLARED))
    for one in asked:
        try:
            sets = parameters(one, lambda: declared_stack(config))
        except UserError as error:
            config.stash[_REFUSED].append(str(error))
            sets = parameters(Over(one.name, (), str(error), None), lambda: None)
        metafunc.parametrize(one.name, sets)


def _given(metafunc: pytest.Metafunc, asked: list[Over]) -> set[str]:
    """The arguments that somebody already gives values to."""
    texts = [one.name for one in asked]
    texts += [",".join(name) if not isinstance(name, str) else name for name in _parametrized(metafunc)]
    return {part.strip() for text in texts for part in text.split(",")}


def _parametrized(metafunc: pytest.Metafunc) -> list[Any]:
    return [mark.args[0] for mark in metafunc.definition.iter_markers("parametrize") if mark.args]


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Refuse the run (UsageError, exit code 4) if anything collected breaks a rule of the checklist."""
    folders = [Path(folder) for folder in config.getini("checklist_folders")]
    found = [
        *config.stash[_REFUSED],
        *refusals(items, [f if f.is_absolute() else config.rootpath / f for f in folders]),
    ]
    if found:
        raise pytest.UsageError("\n       ".join(dict.fromkeys(found)))


def refusals(items: list[pytest.Item], folders: list[Path]) -> list[str]:
    """Every breach of the rules among ``items``, as sentences: no marker, a bad entry, an id used by different
    tests.
    """
    found: list[str] = []
    users: dict[str, dict[str, Check]] = defaultdict(dict)
    for item in items:
        entry = check_of(item)
        test = item.nodeid.partition("[")[0]
        if entry is None:
            if any(item.path.is_relative_to(folder) for folder in folders):
                found.append(f"{test} is in the checklist but is not a check: decorate it with @check.")
            continue
        found += [f"{test}: {problem}." for problem in entry.problems()]
        other = users[entry.id].setdefault(test, entry)
        if other != entry:
            found.append(f"{test}: the id {entry.id} is given to two different entries.")
    for id_, tests in users.items():
        if len(tests) > 1:
            found.append(f"The id {id_} is used by {len(tests)} tests ({', '.join(tests)}): every check has its own.")
    return found


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """End a check before any fixture of it starts, where there is nothing to check or what it is about was left out."""
    if mark := item.get_closest_marker("nothing_to_check"):
        raise NotApplicable(mark.args[0])
    if mark := item.get_closest_marker("cannot_tell"):
        raise CannotTell(mark.args[0])
    needed = [name for mark in item.iter_markers("needs") for name in mark.args]
    if needed:
        left_out = [name for name in needed if name in declared_stack(item.config).excluded]
        if left_out:
            raise Excluded(f"{left_out[0]} was excluded by name (--without {left_out[0]})")
