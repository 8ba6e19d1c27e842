"""OPS-DOC-*: what is opened when something is wrong is there, complete, and says the same as the profile."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from chaos.experiments import every
from stack.errors import CannotTell
from stack.model import Stack
from suites.alerts.rule_files import alert_rules, rule_files
from suites.check import Area, Evidence, Impact, Level, Severity, check, not_applicable
from suites.operations.objectives import SECTION, Objective, promised, published
from suites.operations.pages import Page, read

STEPS = "What to do"
FEWEST_STEPS = 2

ROLES = "Roles"
SEVERITIES = "Severities"
PLAYBOOK_STEPS = "Steps"
TEMPLATES = "Templates"
FEWEST = {ROLES: 3, SEVERITIES: 3, PLAYBOOK_STEPS: 5, TEMPLATES: 3}
"""Google's SRE book, chapter 14, names three roles besides the commander's own; a grade that has no second one grades nothing."""


@check(
    "OPS-DOC-001",
    title="Every alert and experiment has a runbook page that says what to do",
    area=Area.OPERATIONS,
    severity=Severity.HIGH,
    level=Level.DECLARED,
    impact=Impact.PASSIVE,
    rationale="Whoever is woken by a name must find under that name what to do first, without asking anybody.",
    remediation=f"Write <folder>/<name>.md with a section “{STEPS}” of numbered steps, for each alert and experiment.",
)
def test_every_alert_and_experiment_has_a_page(stack: Stack, evidence: Evidence) -> None:
    folder = stack.path(stack.profile.documents.runbook)
    if folder is None:
        not_applicable(stack.profile.missing('[documents] runbook = "docs/runbook"'))
    names = [*alerts_of(stack), *experiments_of(stack)]
    if not names:
        not_applicable("the stack has no alert and no experiment")
    wrong = [f"{name}: {lack}" for name in names if (lack := lacking(folder / f"{name}.md"))]

    assert not wrong, "; ".join(wrong)
    evidence.declared(f"{folder.name}: a page with steps for each of {', '.join(names)}")


def alerts_of(stack: Stack) -> list[str]:
    """The names of all alerts in the stack's rule files, each once."""
    return list(dict.fromkeys(rule.name for file in rule_files(stack) for rule in alert_rules(file.path)))


def experiments_of(stack: Stack) -> list[str]:
    """The ids of the experiments that are about services the stack has."""
    known = {service.name for service in stack.services} | stack.excluded
    return [experiment.id for experiment in every() if known.issuperset(experiment.fault.targets)]


def lacking(path: Path) -> str:
    """What a runbook page lacks; empty when it is there and says what to do. Raises CannotTell when it can't be read."""
    page = page_of(path)
    if page is None:
        return "has no page"
    section = page.section(STEPS)
    if section is None:
        return f"{path.name} has no section “{STEPS}”"
    if section.steps < FEWEST_STEPS:
        return f"{path.name} has {section.steps} numbered steps under “{STEPS}”, expected {FEWEST_STEPS} or more"
    return ""


@check(
    "OPS-DOC-002",
    title="The incident response playbook has roles, severities, steps and templates",
    area=Area.OPERATIONS,
    severity=Severity.HIGH,
    level=Level.DECLARED,
    impact=Impact.PASSIVE,
    rationale="In an incident nobody has time to agree on who decides, how bad it is, and what customers are told.",
    remediation="Name it in the profile, and give it the four sections: lists or tables, numbered steps, fenced texts to copy.",
)
def test_playbook_is_complete(stack: Stack, evidence: Evidence) -> None:
    path = stack.path(stack.profile.documents.incident_response)
    if path is None:
        not_applicable(stack.profile.missing('[documents] incident_response = "docs/incident-response.md"'))
    page = page_of(path)
    assert page, f"{path.name} does not exist"
    counted = counts(page)
    short = [
        f"“{name}” has {counted[name]}, expected {fewest} or more" if name in counted else f"no section “{name}”"
        for name, fewest in FEWEST.items()
        if counted.get(name, 0) < fewest
    ]

    assert not short, f"{path.name}: {'; '.join(short)}"
    evidence.declared(f"{path.name}: {', '.join(f'{number} under {name}' for name, number in counted.items())}")


def counts(page: Page) -> dict[str, int]:
    """How much stands in each of the playbook's sections that are there: people, grades, steps, texts."""
    found: dict[str, int] = {}
    for name in FEWEST:
        if section := page.section(name):
            match name:
                case "Steps":
                    found[name] = section.steps
                case "Templates":
                    found[name] = sum(bool(block) for block in section.blocks)
                case _:
                    found[name] = section.entries
    return found


@check(
    "OPS-DOC-004",
    title="The published objectives equal the profile's",
    area=Area.OPERATIONS,
    severity=Severity.MEDIUM,
    level=Level.DECLARED,
    impact=Impact.PASSIVE,
    rationale="Checks judge by the profile and customers by what was published: two numbers for one promise is one broken promise.",
    remediation=f"Correct the table under “{SECTION}”; on the reference stack `make docs` writes it from the profile.",
)
def test_published_objectives_are_the_profiles(stack: Stack, evidence: Evidence) -> None:
    path = stack.path(stack.profile.documents.objectives)
    if path is None:
        not_applicable(stack.profile.missing('[documents] objectives = "docs/objectives.md"'))
    page = page_of(path)
    assert page, f"{path.name} does not exist"
    ours, theirs = promised(stack.profile), published(page)
    differences = differing(ours, theirs)

    assert not differences, f"{path.name}: {'; '.join(differences)}"
    assert ours, "the profile states no objective, so none can be published"
    evidence.declared(f"{path.name} and the profile agree on {', '.join(f'{one.name} = {one.value}' for one in ours)}")


def differing(ours: Iterable[Objective], theirs: Iterable[Objective]) -> list[str]:
    """How what is published differs from what the profile states, both ways, and what is published more than once."""
    stated = {one.name: one.value for one in ours}
    found, seen = [], set[str]()
    for one in theirs:
        if one.name in seen:
            found.append(f"{one.name} is published more than once")
        elif one.name not in stated:
            found.append(f"{one.name} is published as {one.value}, and the profile states none")
        elif one.value != stated[one.name]:
            found.append(f"{one.name} is published as {one.value}, and the profile says {stated[one.name]}")
        seen.add(one.name)
    return [*found, *(f"{name} ({value}) is not published" for name, value in stated.items() if name not in seen)]


def page_of(path: Path) -> Page | None:
    """The page, None when there is none. Raises CannotTell when there is one and it can't be read."""
    try:
        return read(path)
    except (OSError, UnicodeDecodeError) as error:
        raise CannotTell(f"{path} can't be read: {error}") from error
