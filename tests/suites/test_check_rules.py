"""What is not a check is refused before anything runs; what a check is about comes from the stack and never
vanishes.
"""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from stack.errors import CannotTell
from suites.check import Area, Check, Impact, Level, Severity, as_mark
from suites.over import Over, parameters

pytest_plugins = "pytester"

_ROOT = Path(__file__).resolve().parents[2]
_HEAD = """
    import pytest
    from suites.check import *

    def checked(id, area=Area.SECURITY, **more):
        given = dict(title="True", severity=Severity.HIGH, level=Level.OBSERVED, impact=Impact.PASSIVE, rationale="r", remediation="m")
        return check(id, area=area, **{**given, **more})
"""


def _check(id_: str = "SEC-RUN-001", area: Area = Area.SECURITY, **more: str) -> Check:
    texts = {"title": "t", "rationale": "r", "remediation": "m", **more}
    return Check(id=id_, area=area, severity=Severity.LOW, level=Level.DECLARED, impact=Impact.PASSIVE, **texts)


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    monkeypatch.setenv("PYTHONPATH", str(_ROOT))
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")  # only what these tests are about: each run is a process
    monkeypatch.setenv("PYTEST_PLUGINS", "pytest_html.plugin,pytest_html.fixtures,pytest_metadata.plugin")
    pytester.makeini("[pytest]\nchecklist_folders = suites chaos\naddopts = --strict-markers --import-mode=importlib\n")
    pytester.makeconftest('pytest_plugins = ("suites.collection", "reports.plugin")')
    return pytester


def _collect(project: pytest.Pytester, body: str, file: str = "suites/test_it.py") -> pytest.RunResult:
    path = project.path / file
    path.parent.mkdir(exist_ok=True)
    path.write_text(textwrap.dedent(_HEAD) + textwrap.dedent(body))
    return project.runpytest_subprocess("--collect-only", "-q")


@pytest.mark.parametrize("id_", ["SEC-RUN-001", "SEC-LINT-CL001", "SEC-GIXY-http_splitting", "MINE-X1-042"])
def test_a_sound_id_is_taken(id_: str) -> None:
    assert _check(id_).problems() == []


@pytest.mark.parametrize(
    "id_", ["", "SEC", "SEC-RUN", "SEC-RUN-1", "sec-run-001", "SEC-RUN-0001", "SEC-RUN-001 ", "SEC-LINT-", "SEC--001"]
)
def test_another_form_of_id_is_a_problem(id_: str) -> None:
    assert any("AREA-SUBJECT-NNN" in problem for problem in _check(id_).problems())


def test_an_id_of_ours_says_its_area() -> None:
    assert _check("RST-DB-001", Area.SECURITY).problems() == ["RST-DB-001 belongs to the area restore, not to security"]


@pytest.mark.parametrize("name", ["title", "rationale", "remediation"])
def test_an_empty_text_is_a_problem(name: str) -> None:
    assert _check(**{name: " "}).problems() == [f"SEC-RUN-001 has an empty {name}"]


def test_static_follows_from_level_and_impact_unless_said() -> None:
    names = [mark.name for mark in as_mark(_check())]

    assert names == ["check", "security", "passive", "static"]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("def test_it(): pass", "suites/test_it.py::test_it is in the checklist but is not a check"),
        ("@checked('SEC-RUN-1')\ndef test_it(): pass", "not of the form AREA-SUBJECT-NNN"),
        ("@checked('SEC-RUN-001', title='')\ndef test_it(): pass", "has an empty title"),
        ("@checked('SEC-A-001')\ndef test_a(): pass\n@checked('SEC-A-001')\ndef test_b(): pass", "is used by 2 tests"),
        ("@checked('SEC-A-001', severity='high')\ndef test_it(): pass", "SEC-A-001: severity is 'high', expected one of Severity.CRITICAL, "),
        ("@checked('SEC-A-001', rationale=None)\ndef test_it(): pass", "SEC-A-001: rationale is missing, expected a text"),
        ("@check('SEC-A-001', title='t')\ndef test_it(): pass", "SEC-A-001: impact is missing, expected one of Impact.PASSIVE, Impact.INTRUSIVE, Impact.DESTRUCTIVE"),
        ("class TestIt:\n    def test_it(self): pass", "is not a check"),
    ],
)
def test_collection_refuses(project: pytest.Pytester, body: str, said: str) -> None:
    done = _collect(project, body)

    assert done.ret == 4
    assert said in done.stderr.str()
    assert "Traceback" not in done.stdout.str() + done.stderr.str()


def test_parameters_share_an_id_and_may_carry_their_own(project: pytest.Pytester) -> None:
    body = """
    @checked("SEC-A-001")
    @pytest.mark.parametrize("n", [1, 2])
    def test_a(n): pass

    rules = [Check(f"SEC-LINT-{n}", "t", Area.SECURITY, Severity.LOW, Level.DECLARED, Impact.PASSIVE, "r", "m") for n in "xy"]
    @over("rule", [pytest.param(one.id, marks=as_mark(one)) for one in rules], reason="no rules")
    def test_family(rule): pass
    """

    done = _collect(project, body)

    assert done.ret == 0
    done.stdout.fnmatch_lines(["*test_family*SEC-LINT-x*", "*test_family*SEC-LINT-y*"])


def test_tests_elsewhere_need_no_marker(project: pytest.Pytester) -> None:
    assert _collect(project, "def test_it(): pass", "elsewhere/test_it.py").ret == 0


def test_a_users_own_check_is_taken_wherever_it_is(project: pytest.Pytester) -> None:
    assert _collect(project, "@checked('MINE-X-001', Area.LOAD)\ndef test_it(): pass", "elsewhere/test_it.py").ret == 0


def test_marks_choose_by_area_impact_and_static(project: pytest.Pytester) -> None:
    _collect(
        project,
        "@checked('SEC-A-001')\ndef test_a(): pass\n@checked('SEC-A-002', level=Level.DECLARED)\ndef test_b(): pass",
    )

    done = project.runpytest_subprocess("--collect-only", "-q", "-m", "static and security and passive")

    done.stdout.fnmatch_lines(["*test_b*", "1/2 tests collected*"])


def _sets(items: object, name: str = "port", ids: object = None) -> list[tuple[object, ...]]:
    asked = Over(name, items, "there are none", ids)  # type: ignore[arg-type]
    return [(one.id, *one.values) for one in parameters(asked, lambda: "the stack")]


class _Named:
    name = "nginx"


def test_items_are_named_by_their_name_or_text() -> None:
    (named, number) = _sets([_Named(), 8080])

    assert (named[0], number) == ("nginx", ("8080", 8080))


def test_items_may_come_from_the_stack() -> None:
    assert _sets(lambda stack: [stack]) == [("the stack", "the stack")]


def test_several_names_take_tuples() -> None:
    assert _sets([("a", 1)], "service, port") == [("a-1", "a", 1)]


def test_ids_may_be_given() -> None:
    assert _sets([1, 2], ids=lambda n: f"port{n}") == [("port1", 1), ("port2", 2)]
    assert _sets([1, 2], ids=["x", "y"]) == [("x", 1), ("y", 2)]


def test_nothing_becomes_one_set_that_says_so() -> None:
    (one,) = parameters(Over("port", (), "there are none", None), lambda: None)

    assert [(mark.name, mark.args) for mark in one.marks] == [("nothing_to_check", ("there are none",))]


def test_a_list_that_cannot_be_had_becomes_one_set_that_says_so() -> None:
    def items(_: object) -> list[int]:
        raise CannotTell("no engine")

    (one,) = parameters(Over("port", items, "there are none", None), lambda: None)

    assert [(mark.name, mark.args) for mark in one.marks] == [("cannot_tell", ("no engine",))]


def test_the_authors_own_error_is_not_hidden() -> None:
    with pytest.raises(ZeroDivisionError):
        _sets(lambda _: 1 / 0)
