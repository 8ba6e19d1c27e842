"""Obtains the images a stack needs: present, else pulled, else built, several at once; a second run does nothing.

Standard library only. An image of ours carries the hash of what it is made of as a label, so that a changed recipe is
rebuilt and an unchanged one is not looked at twice. `python -m stack.images [--fresh] [NAME...]` does it by hand.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import json
import shutil
import sys
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from functools import partial
from pathlib import Path

from stack.build_settings import write_secrets
from stack.command import Ran, end_running, run
from stack.engine import Engine, find_engine
from stack.errors import SeatrialError, UserError
from stack.interruption import Terminated, interruptible
from stack.progress import Progress
from stack.pulling import Unobtainable, pull
from stack.recipes import PREFIX, ROOT, SOURCE_LABEL, TAG, Recipe, closure, fingerprints, recipes
from stack.rootfs import obtain_rootfs

# Builds wait for mirrors about as much as for the processor.
AT_ONCE = 3
# What faults, probes and the firewall drill run in: no services, but no run is whole without them.
ALWAYS = ("faultbox", "host")
# Measured (docker buildx du, docker images): 9.5 GB in all, of which Loki's Go modules and compiled packages about 5.
GIGABYTES = {"loki": 5.0, "promtail": 1.0}
GIGABYTES_EACH = 0.3
_NO_SPACE = ("no space left on device", "ENOSPC", "disk quota exceeded")


def obtain(names: Iterable[str], progress: Progress, *, fresh: bool = False) -> list[tuple[str, str]]:
    """Have every image of `names` (ours by name or reference, others by reference); return the missing with the reason.

    `fresh` builds ours anew without any cache, for today's security fixes.

    Raises:
        UserError: the engine stopped, the disk is nearly full, or an image has no recipe; one sentence.

    """
    wanted = list(dict.fromkeys(names))
    ours = {name: _short(name) for name in wanted if _is_ours(name)}
    known = recipes()
    chosen = closure([*ours.values(), *(name for name in ALWAYS if name in known)], known)
    hashes = fingerprints(chosen)
    foreign = [name for name in wanted if name not in ours]
    with _one_at_a_time(progress):
        present = _present([recipe.reference for recipe in chosen] + foreign)
        stale = [r for r in chosen if fresh or present.get(r.reference) != hashes[r.name]]
        absent = [reference for reference in foreign if reference not in present]
        if not stale and not absent:
            return []
        failed = _Work(progress, hashes, fresh=fresh).do(stale, absent)
    asked = {**{short: name for name, short in ours.items()}, **{name: name for name in foreign}}
    for name in failed.keys() - asked.keys():
        progress.say(f"! {PREFIX}{name}{TAG} could not be had: {failed[name]}")
    return [(asked[name], reason) for name, reason in failed.items() if name in asked]


def absent(known: Mapping[str, Recipe]) -> list[str]:
    """Return the names of those of our images that are not built, or not from what lies here now."""
    chosen = closure(known, known)
    hashes = fingerprints(chosen)
    present = _present([recipe.reference for recipe in chosen])
    return sorted(recipe.name for recipe in chosen if present.get(recipe.reference) != hashes[recipe.name])


def is_present(reference: str) -> bool:
    """Whether the engine has an image by this reference."""
    return reference in _present([reference])


class _Work:
    """Builds and pulls what is missing, parents first, a few at once."""

    def __init__(self, progress: Progress, hashes: dict[str, str], *, fresh: bool) -> None:
        self._progress = progress
        self._hashes = hashes
        self._fresh = fresh
        self._failed: dict[str, str] = {}
        self._stopping = threading.Event()
        self._futures: list[Future[None]] = []

    def do(self, stale: Sequence[Recipe], absent: Sequence[str]) -> dict[str, str]:
        """Return what could not be had: short name (or reference) → reason."""
        engine = find_engine()
        if engine is None:
            message = "no Docker engine answers, so no image can be built"
            raise UserError(message)
        _require_room(engine, stale)
        with tempfile.TemporaryDirectory(prefix="seatrial-build-") as folder, interruptible():
            rootfs = obtain_rootfs(self._progress) if any(recipe.name == "base" for recipe in stale) else ""
            settings = write_secrets(Path(folder)) if stale else []
            pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="images")
            try:
                self._all(pool, stale, absent, [*settings, f"--build-arg=ROOTFS={rootfs}"] if rootfs else settings)
            except BaseException:
                self._stop(pool)
                raise
            finally:
                pool.shutdown()
        return self._failed

    def _stop(self, pool: ThreadPoolExecutor) -> None:
        """End what the threads run: Ctrl-C reaches the main thread only. Nothing half-built ever gets a name."""
        self._stopping.set()
        pool.shutdown(wait=False, cancel_futures=True)
        # Again and again, since a thread may be about to start another program.
        while not all(future.done() for future in self._futures):
            end_running()
            wait(self._futures, timeout=0.2)

    def _all(self, pool: ThreadPoolExecutor, stale: Sequence[Recipe], absent: Sequence[str], settings: list[str]) -> None:
        waiting = {recipe.name: recipe for recipe in stale}
        under_way: dict[Future[None], str] = {}

        def submit(name: str, work: Callable[[], None]) -> None:
            future = pool.submit(work)
            self._futures.append(future)
            under_way[future] = name

        for reference in absent:
            submit(reference, partial(self._pull, reference))
        while waiting or under_way:
            for recipe in _long_ones_first(waiting.values()):
                needs = {*recipe.parents, *recipe.after}
                lacking = [parent for parent in recipe.parents if parent in self._failed]
                if lacking:
                    self._failed[recipe.name] = f"its base {lacking[0]} could not be built"
                    del waiting[recipe.name]
                elif not needs & {*waiting, *under_way.values()}:
                    submit(recipe.name, partial(self._build, recipe, settings))
                    del waiting[recipe.name]
            ended, _ = wait(under_way, return_when=FIRST_COMPLETED)
            for future in ended:
                del under_way[future]
                future.result()

    def _pull(self, reference: str) -> None:
        try:
            with self._progress.step(f"pulling {reference}"):
                pull(reference)
        except Unobtainable as reason:
            self._failed[reference] = str(reason)

    def _build(self, recipe: Recipe, settings: list[str]) -> None:
        command = ["docker", "buildx", "build", "--progress=plain", "--provenance=false", "--load"]
        command += ["--tag", recipe.reference, "--file", str(recipe.dockerfile)]
        command += ["--label", f"{SOURCE_LABEL}={self._hashes[recipe.name]}", *settings]
        command += ["--no-cache"] if self._fresh else []
        if recipe.name != "base":
            command = [argument for argument in command if not argument.startswith("--build-arg=ROOTFS=")]
        if recipe.upstream and self._has_program(recipe.upstream):
            command.append("--build-arg=PROGRAM=pulled")
        before = _image_id(recipe.reference)
        try:
            with self._progress.step(f"building {recipe.name}"):
                answer = run([*command, str(recipe.context)], within_seconds=1800)
                if not answer.ok:
                    raise self._explained(recipe, answer)
        except Unobtainable as reason:
            self._failed[recipe.name] = str(reason)
        else:
            _drop_replaced(before, recipe.reference)

    def _has_program(self, reference: str) -> bool:
        """Whether the image that already holds the program is here or can be pulled."""
        try:
            if not is_present(reference):
                with self._progress.step(f"pulling {reference}"):
                    pull(reference)
        except Unobtainable:
            return False
        return True

    def _explained(self, recipe: Recipe, answer: Ran) -> SeatrialError:
        """Tell what ends the whole run (UserError) from what costs one image (Unobtainable)."""
        if self._stopping.is_set():
            return Unobtainable("it was interrupted")
        if any(words in answer.output for words in _NO_SPACE):
            return UserError(f"the engine's disk is full: building {recipe.name} found no space left, so free some")
        if find_engine() is None:
            return UserError(f"the Docker engine stopped while {recipe.name} was being built: start it and run again")
        if recipe.name == "base":
            return UserError(f"the base of all images could not be built: {answer.last_words()}")
        return Unobtainable(answer.last_words())


def _long_ones_first(waiting: Iterable[Recipe]) -> list[Recipe]:
    return sorted(waiting, key=lambda recipe: -GIGABYTES.get(recipe.name, 0.0))


def _is_ours(name: str) -> bool:
    return name.startswith(PREFIX) or "/" not in name and ":" not in name


def _short(name: str) -> str:
    return name.removeprefix(PREFIX).removesuffix(TAG)


def _present(references: Sequence[str]) -> dict[str, str]:
    """Return which of the references the engine has, with the hash each was built from (empty for others' images)."""
    answer = run(["docker", "image", "inspect", *references], within_seconds=60, merge=False)
    try:
        images = json.loads(answer.output or "[]")
    except ValueError as error:
        message = "the Docker engine gave no readable answer about its images"
        raise UserError(message) from error
    found: dict[str, str] = {}
    for image in images:
        labels = image["Config"].get("Labels") or {}
        found.update({tag: labels.get(SOURCE_LABEL, "") for tag in image.get("RepoTags") or ()})
    return found


def _image_id(reference: str) -> str | None:
    answer = run(["docker", "image", "inspect", "--format", "{{.Id}}", reference], within_seconds=30, merge=False)
    return answer.output.strip() if answer.ok else None


def _drop_replaced(before: str | None, reference: str) -> None:
    """Remove the image that lost its name to a rebuilt one, unless a container or another image still stands on it."""
    if before is not None and before != _image_id(reference):
        run(["docker", "image", "rm", before], within_seconds=60)


def _require_room(engine: Engine, stale: Sequence[Recipe]) -> None:
    root = Path(engine.root)
    if not engine.is_local or not root.is_dir():
        return
    needed = sum(GIGABYTES.get(recipe.name, GIGABYTES_EACH) for recipe in stale)
    free = shutil.disk_usage(root).free / 1e9
    if free < needed:
        message = f"{root} has {free:.1f} GB free and building {len(stale)} images takes about {needed:.1f} GB: free some"
        raise UserError(message)


@contextlib.contextmanager
def _one_at_a_time(progress: Progress) -> Iterator[None]:
    """Let a second run on this machine wait for the first, and then find its images."""
    folder = ROOT / ".seatrial" / "cache"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "images.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            with progress.step("waiting for another run that is obtaining images"):
                fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def main(argv: Sequence[str] | None = None) -> int:
    """Obtain the images named on the command line. Exit codes: 0 all there, 1 some missing, 4 bad input, 130 and 143 interrupted."""
    parser = argparse.ArgumentParser(prog="python -m stack.images", description="Obtain images: present, pulled or built.")
    parser.add_argument("names", nargs="*", metavar="NAME", help="ours by name, others by reference (default: all of ours)")
    parser.add_argument("--fresh", action="store_true", help="build anew without caches, for today's security fixes")
    arguments = parser.parse_args(argv)
    progress = Progress()
    try:
        missing = obtain(arguments.names or recipes(), progress, fresh=arguments.fresh)
    except SeatrialError as error:
        progress.close()
        print(f"images: {error}", file=sys.stderr)
        return 4
    except Terminated:
        return 143
    except KeyboardInterrupt:
        return 130
    finally:
        progress.close()
    for name, reason in missing:
        print(f"images: {name} could not be had: {reason}", file=sys.stderr)
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
