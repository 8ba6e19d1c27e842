"""A compose file can be written to hurt whoever reads it: each attack ends in one sentence, in bounded time and memory."""

from __future__ import annotations

import resource
import subprocess
import sys
import time
from pathlib import Path

import pytest

from stack.compose import load_project
from stack.errors import UserError
from tests.corpus.refused import Files

ROOT = Path(__file__).resolve().parents[2]
ONE = "services: {a: {image: x}}\n"


def chain(length: int) -> str:
    links = "".join(f"  s{n}: {{image: x, extends: s{n + 1}}}\n" for n in range(length))
    return f"services:\n{links}  s{length}: {{image: x}}\n"


def bomb() -> str:
    layers = "".join(f"x-{c}: &{c} [{', '.join([f'*{p}'] * 9)}]\n" for p, c in zip("abcdefgh", "bcdefghi", strict=True))
    return f"x-a: &a [{', '.join('l' * 9)}]\n{layers}services: {{a: {{image: x, labels: *i}}}}\n"


def doubling(levels: int) -> Files:
    files: Files = {
        f"i{n}.yaml": f"include: [i{n + 1}.yaml, i{n + 1}.yaml]\nservices: {{b{n}: {{image: x}}}}\n"
        for n in range(levels)
    }
    return files | {f"i{levels}.yaml": ONE, "compose.yaml": f"include: [i0.yaml, i0.yaml]\n{ONE}"}


def one(text: str) -> Files:
    return {"compose.yaml": text}


def service(line: str) -> Files:
    return one(f"services:\n  a:\n    image: x\n    {line}\n")


ATTACKS: dict[str, tuple[Files, str]] = {
    "aliases that multiply": (one(bomb()), "unfolds to more than 500000 values"),
    "depth of lists": (one("a: " + "[" * 100_000), "nested deeper than 200 levels"),
    "depth of mappings": (one("a: " + "{a: " * 50_000), "nested deeper than 200 levels"),
    "depth of blocks": (one("".join(" " * n + "a:\n" for n in range(3000))), "compose.yaml:201: nested deeper than 200 levels"),
    "a chain of extends": (one(chain(3000)), "more than 100 services extend each other in a row"),
    "includes that double": (doubling(14), "more than 200 files are drawn in"),
    "includes in a row": (doubling(30), "includes are nested deeper than 20"),
    "documents": (one(f"---\n{ONE}" * 20_000), "holds more than 100 documents"),
    "defaults in defaults": (service("command: '" + "${A:-" * 1000 + "x" + "}" * 1000 + "'"), "defaults are nested too deep"),
    "ports of many services": (
        one("services:\n" + "".join(f"  s{n}: {{image: x, ports: ['1-65535:1-65535/udp']}}\n" for n in range(50))),
        "compose.yaml:5: services.s3: the project has too many ports",
    ),
    "ports of one entry": (service(f"ports: ['{'1' * 100_000}']"), "has a port that is none"),
    "an env file that never ends": (service("env_file: /dev/zero"), "/dev/zero: is no regular file, not an env file"),
    "an include that never ends": (one("include: [/dev/zero]\n" + ONE), "/dev/zero is not there"),
    "a base that never ends": (one("services: {a: {extends: {file: /dev/zero, service: x}}}"), "/dev/zero is not there"),
    "a number beyond all": (service("mem_limit: 1e999"), "is no size such as 64m"),
    "a size beyond all": (service(f"mem_limit: '{'9' * 400}g'"), "is no size such as 64m"),
    "a duration beyond all": (service(f"stop_grace_period: '{'9' * 400}h'"), "is no duration such as 30s"),
    "digits beyond all": (service(f"environment: {{A: {'1' * 10_000}}}"), "must hold numbers that are finite"),
    "a path longer than any": (service(f"env_file: {'a' * 5000}"), "can be no path"),
    "a path with a zero byte": (service('volumes: ["./a\\0b:/x"]'), "can be no path: './a\\x00b'"),
}  # fmt: skip


@pytest.mark.parametrize("attack", sorted(ATTACKS))
def test_an_attack_ends_in_one_sentence_within_seconds(attack: str, tmp_path: Path) -> None:
    files, expected = ATTACKS[attack]
    for name, content in files.items():
        (tmp_path / name).write_text(str(content))
    # A process of its own, so that it can be held to a time and a memory, and a crash of the interpreter is seen.
    program = (
        "import sys; from pathlib import Path; from stack.compose import load_project; from stack.errors import UserError\n"
        "try: load_project([Path(sys.argv[1])], env={}); print('taken')\n"
        "except UserError as error: print(error)\n"
    )

    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "compose.yaml")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (2 * 2**30, 2 * 2**30)),
    )

    assert done.returncode == 0, done.stderr[-500:]
    assert expected in done.stdout
    assert len(done.stdout.splitlines()) == 1
    assert time.monotonic() - began < 30


def test_a_tag_of_python_is_data_and_runs_nothing(tmp_path: Path) -> None:
    (tmp_path / "compose.yaml").write_text(
        f"services:\n  a:\n    image: x\n    command: !!python/object/apply:os.system ['touch {tmp_path}/ran']\n"
    )

    load_project([tmp_path / "compose.yaml"], env={})

    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda path: path.mkdir(), "is a folder, not a compose file"),
        (lambda path: path.symlink_to(path), "cannot be read"),
        (lambda path: path.write_bytes(b"#" * 50_000_000), "50 MB is too large for a compose file (at most 8 MiB)"),
        (lambda path: path.symlink_to("/dev/zero"), "is no regular file, not a compose file"),
        (lambda path: None, "no such compose file"),
    ],
    ids=["a folder", "a link to itself", "50 MB", "a device", "nothing"],
)
def test_what_is_no_file_of_a_sane_size_is_not_read(make: object, said: str, tmp_path: Path) -> None:
    assert callable(make)
    make(tmp_path / "compose.yaml")

    with pytest.raises(UserError, match="compose.yaml: ") as refused:
        load_project([tmp_path / "compose.yaml"], env={})

    assert said in str(refused.value)


def test_what_lies_outside_is_read_as_compose_would_and_never_repeated(tmp_path: Path) -> None:
    (tmp_path / "private").write_text("root:$6$secret-hash:0\n")
    inner = tmp_path / "project"
    inner.mkdir()
    (inner / "compose.yaml").write_text("include: [../private]\nservices: {a: {image: x}}\n")

    with pytest.raises(UserError) as refused:
        load_project([inner / "compose.yaml"], env={})

    assert "secret-hash" not in str(refused.value)
