"""What every operator command shares: how it is declared, how it answers and with which exit code it ends."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from stack.errors import SeatrialError

OK = 0
FAILED = 1
BAD_INPUT = 4


class Refused(SeatrialError):
    """The command looked and declined: nothing live was touched; the message says what was wrong with what."""


@dataclass(frozen=True)
class Command:
    """One line of the table of commands: the module is imported only when the command is asked for."""

    module: str
    summary: str
    destructive: bool = False
    """Whether it replaces or removes data; such a command must take --dry-run."""


class Parser(argparse.ArgumentParser):
    """An argument parser whose complaint is one sentence and whose exit code is the house's for bad input."""

    def error(self, message: str) -> Any:
        """End with exit code 4 and one sentence that says where to read more."""
        self.exit(BAD_INPUT, f"{self.prog}: {message} (see {self.prog} --help)\n")


def answer(args: argparse.Namespace, facts: Mapping[str, Any], sentence: str) -> None:
    """Print `facts` as one JSON object when --json was asked for, else the `sentence` for people."""
    sys.stdout.write(json.dumps(facts, sort_keys=True) + "\n" if args.json else sentence + "\n")


def guarded(run: Callable[[], int], *, prog: str, as_json: bool) -> int:
    """Run a command and turn the errors it may meet into one sentence and an exit code, never a traceback."""
    from stack.errors import UserError

    try:
        return run()
    except UserError as error:
        code, sentence = BAD_INPUT, str(error)
    except SeatrialError as error:
        code, sentence = FAILED, str(error)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        code, sentence = FAILED, f"{where}{error.strerror or error}"
    if as_json:
        sys.stdout.write(json.dumps({"error": sentence}) + "\n")
    sys.stderr.write(f"{prog}: {sentence}\n")
    return code
