"""Images are obtained once, rebuilt when they change, and each way of failing is one sentence."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from stack import images, recipes
from stack.errors import UserError
from stack.progress import Progress
from tests.stack.fake_programs import FakePrograms, programs

__all__ = ["programs"]
QUIET = Progress(quiet=True)
INFO = json.dumps({"ServerVersion": "26.1.5", "DockerRootDir": "/nowhere"})


def docker(build: str = "exit 0", pull: str = "exit 1", info: str = f"echo '{INFO}'", present: str = "[]") -> str:
    """Return an engine: what a build, a pull and a look at the engine do, and which images it has."""
    return f"""case "$1 $2" in
'info --format') {info};;
'image inspect') case "$3" in --format) exit 1;; *) echo '{present}';; esac;;
'buildx build') {build};;
'pull '*) {pull};;
esac"""


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project of three images: two stand on the base."""
    for name, parent in {"base": "${ROOTFS}", "a": "seatrial/base:local", "b": "seatrial/base:local"}.items():
        folder = tmp_path / "stack" / "images" / name
        folder.mkdir(parents=True)
        (folder / "Dockerfile").write_text(f"FROM {parent}\n")
    monkeypatch.setattr(images, "ROOT", tmp_path)
    monkeypatch.setattr(images, "recipes", lambda: recipes.recipes(tmp_path))
    monkeypatch.setattr(images, "obtain_rootfs", lambda _: "seatrial/rootfs:local")
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    return tmp_path


@pytest.fixture
def built(programs: FakePrograms) -> Callable[[], list[str]]:
    """Tell which images were built, in order."""
    return lambda: [call.split("seatrial/")[1].split(":")[0] for call in programs.calls if "buildx build" in call]


def present(root: Path, *names: str) -> str:
    """Return what the engine says of images that are current."""
    known = recipes.recipes(root)
    hashes = recipes.fingerprints(recipes.closure(known, known))
    return json.dumps(
        [
            {"RepoTags": [f"seatrial/{name}:local"], "Config": {"Labels": {"seatrial.source": hashes[name]}}}
            for name in names
        ]
    )


def test_what_is_missing_is_built_parents_first(
    root: Path, programs: FakePrograms, built: Callable[[], list[str]]
) -> None:
    programs.add("docker", docker())

    missing = images.obtain(["seatrial/a:local", "b"], QUIET)

    assert missing == []
    assert built()[0] == "base" and sorted(built()) == ["a", "b", "base"]


def test_what_is_current_is_not_touched_and_asked_for_once(
    root: Path, programs: FakePrograms, built: Callable[[], list[str]]
) -> None:
    programs.add("docker", docker(present=present(root, "base", "a", "b")))

    images.obtain(["a", "b"], QUIET)

    assert len(programs.calls) == 1 and built() == []


def test_a_changed_recipe_is_built_again_and_its_siblings_are_not(
    root: Path, programs: FakePrograms, built: Callable[[], list[str]]
) -> None:
    programs.add("docker", docker(present=present(root, "base", "a", "b")))
    (root / "stack/images/a/Dockerfile").write_text("FROM seatrial/base:local\nUSER 1:1\n")

    images.obtain(["a", "b"], QUIET)

    assert built() == ["a"]


def test_fresh_builds_all_anew_without_a_cache(root: Path, programs: FakePrograms) -> None:
    programs.add("docker", docker(present=present(root, "base", "a")))

    images.obtain(["a"], QUIET, fresh=True)

    assert sum("--no-cache" in call for call in programs.calls) == 2


def test_secrets_are_handed_over_and_nothing_of_them_is_left(
    root: Path, programs: FakePrograms, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr(images.tempfile, "tempdir", str(tmp_path / "tmp"))
    programs.add("docker", docker())

    images.obtain(["a"], QUIET)

    assert all("--secret=id=host,src=" in call for call in programs.calls if "buildx build" in call)
    assert list((tmp_path / "tmp").iterdir()) == []


def test_an_image_that_no_registry_gives_is_named_with_the_reason(root: Path, programs: FakePrograms) -> None:
    programs.add("docker", docker(pull='echo "Error: dial tcp: lookup r.test: no such host" >&2; exit 1'))

    assert images.obtain(["them/theirs:1"], QUIET) == [("them/theirs:1", "no registry can be reached")]


def test_a_silent_registry_is_given_up_after_a_while(
    root: Path, programs: FakePrograms, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stack.pulling.FIRST_WORD_SECONDS", 0.2)
    programs.add("docker", docker(pull="sleep 30"))

    assert images.obtain(["them/theirs:1"], QUIET) == [("them/theirs:1", "no registry answered within 0 s")]


UPSTREAM = "ARG PROGRAM=built\nFROM seatrial/base:local AS built\nFROM them/theirs:1 AS pulled\nFROM ${PROGRAM}\n"


@pytest.mark.parametrize(("pulling", "taken"), [("exit 0", True), ("echo 'Error: no such host'; exit 1", False)])
def test_a_program_is_taken_from_its_own_image_where_that_can_be_pulled(
    root: Path, programs: FakePrograms, pulling: str, taken: bool
) -> None:
    (root / "stack/images/a/Dockerfile").write_text(UPSTREAM)
    programs.add("docker", docker(pull=pulling))

    assert images.obtain(["a"], QUIET) == []

    (build,) = (call for call in programs.calls if "--tag seatrial/a:local" in call)
    assert ("--build-arg=PROGRAM=pulled" in build) is taken


def test_an_image_that_does_not_build_costs_itself_and_no_other(
    root: Path, programs: FakePrograms, built: Callable[[], list[str]]
) -> None:
    programs.add("docker", docker(build='case "$*" in *seatrial/a:*) echo "ERROR: exit code: 2"; exit 1;; esac'))

    assert images.obtain(["a", "b"], QUIET) == [("a", "ERROR: exit code: 2")]
    assert sorted(built()) == ["a", "b", "base"]


@pytest.mark.parametrize(
    ("build", "says"),
    [
        ('case "$*" in *seatrial/base:*) echo "ERROR: boom"; exit 1;; esac', "base of all images .* ERROR: boom"),
        ('echo "write /x: no space left on device"; exit 1', "disk is full: building base found no space left"),
    ],
)
def test_what_stands_in_everybodys_way_is_one_sentence(
    root: Path, programs: FakePrograms, build: str, says: str
) -> None:
    programs.add("docker", docker(build=build))

    with pytest.raises(UserError, match=says):
        images.obtain(["a"], QUIET)


def test_an_engine_that_stops_half_way_is_one_sentence(root: Path, programs: FakePrograms, tmp_path: Path) -> None:
    stopped = tmp_path / "stopped"
    alive = f"if [ -e {stopped} ]; then exit 1; fi; echo '{INFO}'"
    programs.add("docker", docker(build=f"touch {stopped}; echo 'ERROR: EOF'; exit 1", info=alive))

    with pytest.raises(UserError, match="engine stopped while base was being built: start it and run again"):
        images.obtain(["a"], QUIET)


def test_no_engine_at_all_is_one_sentence(root: Path, programs: FakePrograms) -> None:
    programs.add("docker", "exit 1")

    with pytest.raises(UserError, match="no Docker engine answers, so no image can be built"):
        images.obtain(["a"], QUIET)


def test_a_disk_that_is_nearly_full_is_told_before_anything_is_built(
    root: Path, programs: FakePrograms, built: Callable[[], list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    info = json.dumps({"ServerVersion": "26.1.5", "DockerRootDir": str(root)})
    programs.add("docker", docker(info=f"echo '{info}'"))
    monkeypatch.setattr(images.shutil, "disk_usage", lambda _: SimpleNamespace(free=10**8))

    with pytest.raises(UserError, match=r"has 0.1 GB free and building 2 images takes about 0.6 GB: free some"):
        images.obtain(["a"], QUIET)

    assert built() == []


INTERRUPTED = """
import sys
from pathlib import Path
from types import SimpleNamespace
from stack import images, recipes
root = Path(sys.argv[1])
images.ROOT = root
images.recipes = lambda: recipes.recipes(root)
images.obtain_rootfs = lambda _: "seatrial/rootfs:local"
sys.exit(images.main(["a", "b"]))
"""


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_build_leaves_nothing(
    root: Path, programs: FakePrograms, tmp_path: Path, number: signal.Signals, code: int
) -> None:
    (tmp_path / "tmp").mkdir()
    started = tmp_path / "started"
    slow = f'case "$*" in *seatrial/base:*) ;; *) echo $$ >> {started}; sleep 60;; esac'
    programs.add("docker", docker(build=slow))
    environment = {**os.environ, "TMPDIR": str(tmp_path / "tmp"), "PYTHONPATH": str(recipes.ROOT)}
    runner = subprocess.Popen(
        [sys.executable, "-c", INTERRUPTED, str(root)], env=environment, stderr=subprocess.PIPE, text=True
    )
    _until(lambda: started.exists() and len(started.read_text().split()) == 2)

    runner.send_signal(number)
    _, said = runner.communicate(timeout=20)

    assert runner.returncode == code, said
    assert "Traceback" not in said
    assert not [pid for pid in started.read_text().split() if Path(f"/proc/{pid}").exists()]
    assert list((tmp_path / "tmp").iterdir()) == []


def _until(true: Callable[[], bool]) -> None:
    from datetime import timedelta

    from stack.waiting import eventually

    eventually(true, within=timedelta(seconds=20), every=timedelta(seconds=0.05), what="the builds run")
