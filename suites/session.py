"""Gives the checks their stack: the options that choose it, the fixtures that hand it out, and its start and end.

Nothing is loaded before a check needs it, so that a run of the project's own tests pays nothing; nothing touches an engine
before a check does that is not static; and what this session started it takes down, however it ends.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from stack.errors import CannotTell, UserError
from suites.check import Check, Impact, check_of
from suites.given import refuse_empty
from suites.phases import phase
from suites.roles import roles_of

if TYPE_CHECKING:
    from stack.model import Stack
    from suites.choice import Choice

pytest_plugins = ("suites.interruption",)

_CHOICE = pytest.StashKey["Choice"]()
_SEED = pytest.StashKey[int]()
_ALLOWED = pytest.StashKey[frozenset[str]]()

_RANK = {Impact.PASSIVE: 1, Impact.INTRUSIVE: 2, Impact.DESTRUCTIVE: 3}


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare which stack the checks are about, and what they may do to it."""
    group = parser.getgroup("seatrial", "the stack under trial (default: the reference stack)")
    group.addoption(
        "--compose-file",
        metavar="FILE",
        action="append",
        default=[],
        help="another stack's compose file (repeatable: merged)",
    )
    group.addoption(
        "--profile", metavar="FILE", help="what that stack promises (profile.toml); without one, roles are inferred"
    )
    group.addoption(
        "--attach", metavar="PROJECT", help="use a running project as it is: passive checks only, unless allowed"
    )
    group.addoption(
        "--up", action="store_true", help="start an isolated copy of --compose-file, and take it down at the end"
    )
    group.addoption(
        "--allow",
        metavar="IMPACT",
        action="append",
        default=[],
        help="on a stack that was attached to: `intrusive`, or `destructive PROJECT` (its name, as a confirmation)",
    )
    group.addoption("--allow-faults", metavar="PROJECT", help="faults may be injected into this attached project")
    group.addoption(
        "--without",
        metavar="SERVICE",
        action="append",
        default=[],
        help="exclude a service by name (repeatable, or a,b)",
    )
    group.addoption("--keep-stack", action="store_true", help="leave the stack up at the end")
    group.addoption(
        "--repeat",
        metavar="N",
        type=_count,
        default=3,
        help="how often recovery and loss are measured (default: %(default)s)",
    )
    group.addoption("--seed", metavar="N", help="repeat the random choices of another session")


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be a whole number from 1 on, not {text!r}")
    return int(text)


def pytest_configure(config: pytest.Config) -> None:
    """Check the options that need no stack."""
    refuse_empty(config, "attach", "profile", "allow_faults", "compose_file", "without")
    config.stash[_SEED] = _seed(config.getoption("seed"))
    config.stash[_ALLOWED] = _allowed(config)


def _seed(asked: str | None) -> int:
    if asked is None:
        return random.SystemRandom().getrandbits(32)
    try:
        return int(asked)
    except ValueError as error:
        raise pytest.UsageError(f"--seed {asked}: must be a whole number") from error


def _allowed(config: pytest.Config) -> frozenset[str]:
    """What `--allow` and `--allow-faults` permit on a stack that was attached to.

    Raises pytest.UsageError for an unknown impact, or for `destructive` without the project's own name behind it.
    """
    faults, attached = config.getoption("allow_faults"), config.getoption("attach")
    if faults and faults != attached:
        raise pytest.UsageError(
            f"--allow-faults {faults} permits faults in the project that was attached to: "
            f"--attach {faults} --allow-faults {faults} (attached: {attached or 'nothing'})"
        )
    given = list(config.invocation_params.args)
    allowed: set[str] = set()
    for word in config.getoption("allow"):
        impact, _, project = str(word).partition("=")
        if impact not in ("intrusive", "destructive"):
            raise pytest.UsageError(f"--allow {word}: must be `intrusive` or `destructive PROJECT`")
        if impact == "destructive":
            project = project or _word_after(given, "--allow", "destructive")
            if not attached or project != attached:
                raise pytest.UsageError(
                    f"--allow destructive needs the name of the attached project behind it, as a confirmation: "
                    f"--attach NAME --allow destructive NAME (attached: {attached or 'nothing'}, named: {project or 'nothing'})"
                )
            if project in config.args and not Path(project).exists():
                config.args.remove(project)  # argparse took the confirmation for a path
                config.args[:] = config.args or [str(config.rootpath / path) for path in config.getini("testpaths")]
            allowed.add("intrusive")
        allowed.add(impact)
    return frozenset(allowed)


def _word_after(args: list[Any], *words: str) -> str:
    for index in range(len(args) - len(words)):
        if [str(arg) for arg in args[index : index + len(words)]] == list(words):
            return str(args[index + len(words)])
    return ""


def choice_of(config: pytest.Config) -> Choice:
    """The stack this session is about, loaded at the first call.

    Raises:
        UserError: an option or a file is wrong, or every service is excluded.

    """
    if _CHOICE not in config.stash:
        from suites.choice import Asked, choose

        names = tuple(name for given in config.getoption("without") for name in given.split(",") if name)
        profile = config.getoption("profile")
        here = config.invocation_params.dir
        asked = Asked(
            compose_files=tuple(here / file for file in config.getoption("compose_file")),
            profile=here / profile if profile else None,
            attach=config.getoption("attach"),
            up=config.getoption("up"),
            without=names,
        )
        choice = choose(asked)
        if not choice.stack.services:
            raise UserError(f"--without {','.join(names)}: nothing is left to judge, every service is excluded")
        config.stash[_CHOICE] = choice
    return config.stash[_CHOICE]


def stack_of(config: pytest.Config) -> Stack:
    """The declared stack of this session; raises as `choice_of`."""
    return choice_of(config).stack


def seed_of(config: pytest.Config) -> int:
    """The number all random choices of this session come from; reports keep it, so that a run can be repeated."""
    return config.stash[_SEED]


# ── collection ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.hookimpl(wrapper=True)
def pytest_collection(session: pytest.Session) -> Generator[None, object, object]:
    """Load what was asked for before anything is collected, and answer bad input in one sentence with exit code 4."""
    config = session.config
    try:
        if any(config.getoption(name) for name in ("compose_file", "profile", "attach", "up", "without")):
            choice_of(config)
        return (yield)
    except UserError as error:
        raise pytest.UsageError(str(error)) from error


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Run what only looks before what breaks things, and give every check that is not static a running stack."""
    items.sort(key=_rank)  # stable: the order within a rank stays
    for item in items:
        names = getattr(item, "fixturenames", None)
        if names is not None and needs_running(item) and "running" not in names:
            names.insert(0, "running")


def _rank(item: pytest.Item) -> int:
    entry = check_of(item)
    return 0 if entry is None or not needs_running(item) else _RANK[entry.impact]


def needs_running(item: pytest.Item) -> bool:
    """Whether an item is a check that looks at a running stack; those of a machine that --host names do not."""
    absent = item.get_closest_marker("nothing_to_check") or item.get_closest_marker("cannot_tell")
    absent = absent or (item.get_closest_marker("of_a_host") if item.config.getoption("host", None) else None)
    return check_of(item) is not None and item.get_closest_marker("static") is None and not absent


def pytest_report_collectionfinish(config: pytest.Config, items: Sequence[pytest.Item]) -> list[str]:
    """Say which stack this is, whether it will run, and how to repeat the session's random choices."""
    if _CHOICE not in config.stash:
        return []
    choice = config.stash[_CHOICE]
    excluded = f", without {', '.join(sorted(choice.stack.excluded))}" if choice.stack.excluded else ""
    how = choice.how.value if any(map(needs_running, items)) else "read as declared: nothing is brought up"
    stack = f"stack: {choice.stack.project} ({how}{excluded}) · seed: {config.stash[_SEED]}"
    return [stack, *roles_of(choice.stack)]


# ── what runs ───────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """On a stack that is not ours, only what was allowed happens; the rest says so and stays unassessed."""
    entry = check_of(item)
    if entry is None or not needs_running(item):
        return
    from suites.choice import How

    choice = choice_of(item.config)
    if choice.how in (How.ATTACHED, How.FOREIGN) and (
        reason := refusal(entry, item.config.stash[_ALLOWED], choice.stack.project)
    ):
        from suites.bringing_up import require_running

        require_running(choice)  # else nothing was attached to, and permission would help nobody
        raise CannotTell(reason)


def may_run(item: pytest.Item) -> bool:
    """Whether a selected check is allowed on this session's stack, so that of several that see one cause one speaks."""
    from suites.choice import How

    entry, choice = check_of(item), choice_of(item.config)
    if entry is None:
        return False
    strange = choice.how in (How.ATTACHED, How.FOREIGN)
    return not strange or refusal(entry, item.config.stash[_ALLOWED], choice.stack.project) is None


def refusal(entry: Check, allowed: frozenset[str], project: str) -> str | None:
    """Why a check does not run on a stack that was attached to; None when it may."""
    if entry.impact is Impact.PASSIVE or entry.impact.value in allowed:
        return None
    word = entry.impact.value + (f" {project}" if entry.impact is Impact.DESTRUCTIVE else "")
    return f"{project} was attached to, where {entry.impact.value} checks run only with --attach {project} --allow {word}"


@pytest.fixture(scope="session")
def stack(pytestconfig: pytest.Config) -> Stack:
    """The stack this session is about: what is declared, and (once it runs) what is observed."""
    with _answered():
        return stack_of(pytestconfig)


@pytest.fixture(scope="session")
def seed(pytestconfig: pytest.Config) -> int:
    """The number all random choices of this session come from."""
    return seed_of(pytestconfig)


@pytest.fixture(scope="session")
def running(pytestconfig: pytest.Config, stack: Stack) -> Iterator[Stack]:
    """The stack, running: brought up or attached to; what this session started it takes down at its end."""
    from suites import bringing_up

    if hasattr(pytestconfig, "workerinput"):
        pytest.exit("checks of a running stack share it: run them without -n (static ones may use it)", returncode=4)
    choice = choice_of(pytestconfig)
    keep: bool = pytestconfig.getoption("keep_stack")
    with _answered(), _spoken(pytestconfig), phase(pytestconfig, "bring-up"):
        take_down = bringing_up.bring_up(choice)
    try:
        yield choice.stack
    finally:
        if take_down is not None and not keep:
            with _spoken(pytestconfig), phase(pytestconfig, "tear-down"):
                take_down()


@pytest.fixture(scope="session", autouse=True)
def _prepared(request: pytest.FixtureRequest) -> Iterator[None]:
    """What a bring-up makes on the host, before the checks that only read files; not where nothing is brought up."""
    from suites import bringing_up

    with ExitStack() as until_the_end:
        if any(map(needs_running, request.session.items)):
            with _answered(), _spoken(request.config), phase(request.config, "bring-up"):
                until_the_end.enter_context(bringing_up.prepared(choice_of(request.config)))
        yield


@contextmanager
def _answered() -> Iterator[None]:
    """Bad input met while fixtures are set up ends the session with its sentence and exit code 4."""
    try:
        yield
    except UserError as error:
        pytest.exit(str(error), returncode=4)


@contextmanager
def _spoken(config: pytest.Config) -> Iterator[None]:
    """Let progress reach the terminal while pytest captures output."""
    capture = config.pluginmanager.getplugin("capturemanager")
    if capture is None:
        yield
        return
    with capture.global_and_fixture_disabled():
        yield
