"""One fault by hand, for as long as it was asked for: `python -m chaos inject latency --service nginx --peer server-blue … --for 30s`."""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import MISSING, Field, dataclass, fields
from datetime import UTC, datetime, timedelta
from types import FrameType
from typing import TYPE_CHECKING, Any

from chaos.effect import Fault, RevertFailed
from chaos.faults import FAULTS, make
from chaos.injection import Injection, injected
from chaos.runner import close, permit
from stack import units
from stack.errors import CannotTell, UserError
from stack.progress import Progress
from stack.waiting import eventually

if TYPE_CHECKING:
    from stack.model import Stack

LONGEST_SECONDS = 600.0
_EVERY = timedelta(milliseconds=200)
_INTERRUPTED = 130


def add_faults(inject: argparse.ArgumentParser) -> None:
    """A command for each fault, with its parameters as options, read from the classes themselves."""
    kinds = inject.add_subparsers(dest="effect", required=True, metavar="FAULT", parser_class=type(inject))
    for effect, kind in sorted(FAULTS.items()):
        if (
            kind.family == "imported"
        ):  # a file's, which --chaos-toolkit reads and checks; without it there is nothing to do
            continue
        about = (kind.__doc__ or "").splitlines()[0]
        command = kinds.add_parser(effect, help=about, description=about)
        for field in fields(kind):
            _add(command, field)
        command.add_argument(
            "--for", dest="seconds", type=_seconds, default=30.0, metavar="DURATION", help="how long it stands (default 30s, at most 10m); Ctrl-C ends it"
        )  # fmt: skip
        command.add_argument(
            "--allow-faults", metavar="PROJECT", help="the project's name once more: it will be broken"
        )
        command.add_argument("--project", default=argparse.SUPPRESS, help="the compose project")


def option_of(name: str) -> str:
    """What a parameter is called on the command line."""
    return f"--{name.replace('_', '-')}"


def _add(command: argparse.ArgumentParser, field: Field[Any]) -> None:
    kind = str(field.type)
    many = kind.startswith("tuple")
    given = {"int": int, "float": float}.get(kind, str)
    required = field.default is MISSING and field.default_factory is MISSING
    default = None if required else field.default
    told = "required" if required else f"default {default!r}"
    if kind == "bool":
        command.add_argument(
            option_of(field.name),
            dest=f"p_{field.name}",
            action=argparse.BooleanOptionalAction,
            required=required,
            default=default,
            help=told,
        )
        return
    command.add_argument(
        option_of(field.name),
        dest=f"p_{field.name}",
        type=given,
        required=required,
        default=default,
        nargs="+" if many else None,
        metavar=kind.split("[")[0].upper() if not many else "NAME",
        help=told,
    )


def inject(stack: Stack, options: argparse.Namespace, progress: Progress | None = None) -> int:
    """Inject it, let it stand, take it back.

    Exit codes: 0 it was seen to bite, and proved gone; 1 nothing showed that it bit, it can't be had here, or REVERT_FAILED;
    130 Ctrl-C, proved gone.

    Raises UserError when the project's name was not said twice, or a parameter is wrong.
    """
    given = {name.removeprefix("p_"): value for name, value in vars(options).items() if name.startswith("p_")}
    fault = make(options.effect, given)
    if fault.goes_after and options.seconds > fault.goes_after.total_seconds():
        raise UserError(f"{fault} goes by itself after {fault.goes_after.total_seconds():g} s: --for can't be longer")
    if options.allow_faults != stack.project:
        raise UserError(f"project {stack.project} is somebody's: breaking it needs --allow-faults {stack.project}")
    permit(stack.project)
    before = signal.signal(signal.SIGTERM, _as_ctrl_c)
    progress = progress or Progress()
    code, injection, watch = 0, None, _Watch(fault, stack, progress)
    try:
        with injected(fault, stack) as injection:
            watch.let_stand(injection, options.seconds)
    except KeyboardInterrupt:
        code = _INTERRUPTED
    except (RevertFailed, CannotTell) as error:
        progress.say(str(error))
        code = 1
    finally:
        signal.signal(signal.SIGTERM, before)
        progress.close()
        close(stack)
    if injection is not None and injection.proof is not None:
        sys.stdout.write(f"{fault}: taken back, and proved gone after {injection.proof.proved_seconds:.1f} s\n")
        if not watch.seen:
            sys.stdout.write(f"{fault}: nothing showed that it bit{watch.why_not}\n")
            code = code or 1
    return code


@dataclass
class _Watch:
    """Lets a fault stand, and looks all the while whether it bites."""

    fault: Fault
    stack: Stack
    progress: Progress
    seen: str | None = None
    """The first evidence that it bit."""
    why_not: str = ""
    """Why the last look found no evidence, where it could not be had at all."""

    def let_stand(self, injection: Injection, seconds: float) -> None:
        until = datetime.now(UTC) + timedelta(seconds=seconds)
        self.progress.say(
            f"{self.fault} stands until {until:%H:%M:%S} UTC, or until Ctrl-C; should this process die, its watchdog takes it back"
        )

        def over() -> bool:
            if not self.seen:
                self._look(injection)
            return False

        with self.progress.step(f"{self.fault} stands"), suppress(AssertionError):
            eventually(over, within=timedelta(seconds=seconds), every=_EVERY)

    def _look(self, injection: Injection) -> None:
        try:
            self.seen, self.why_not = self.fault.witness(self.stack, injection.before), ""
        except (CannotTell, ConnectionError) as error:  # what it breaks may be what is asked
            self.why_not = f" (it could not be asked: {error})"
        if self.seen:
            self.progress.say(f"it bites: {self.seen}")


def _as_ctrl_c(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _seconds(text: str) -> float:
    found = units.seconds(text)
    if not found or not 0 < found <= LONGEST_SECONDS:
        raise argparse.ArgumentTypeError(f"expected a duration such as 30s or 2m, of at most 10m, found {text!r}")
    return found


def words_of(fault: Fault) -> Sequence[str]:
    """The command line that injects this fault."""
    words = ["python", "-m", "chaos", "inject", fault.effect]
    for field in fields(fault):
        value = getattr(fault, field.name)
        if value == field.default or value in ((), "", None):
            continue
        option = option_of(field.name)
        if isinstance(value, bool):
            words.append(option if value else f"--no-{option.removeprefix('--')}")
        else:
            words += [option, *(map(str, value) if isinstance(value, tuple) else [str(value)])]
    return words
