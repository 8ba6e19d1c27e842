"""One fault at a time whose beginning and end are steps of a list, so that other steps happen while it stands."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from datetime import timedelta
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from chaos.effect import Fault
from chaos.faults import make
from chaos.injection import Injection, injected
from stack.errors import CannotTell, UserError
from stack.waiting import eventually

if TYPE_CHECKING:
    from stack.model import Stack

_WITNESS_WITHIN = timedelta(seconds=15)
_EVERY = timedelta(milliseconds=100)


class Standing:
    """Holds the fault that stands. The end of its block ends the fault, whatever happens in it."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._open = ExitStack()
        self._injection: Injection | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()

    @property
    def fault(self) -> Fault | None:
        """What stands, if anything does."""
        return self._injection.fault if self._injection else None

    def begin(self, effect: str, parameters: Mapping[str, Any]) -> str:
        """Inject a fault, ending the one that stands, and return what shows that it bit.

        Raises CannotTell when it can't be had here or nothing shows that it bit, RevertFailed as `end` does.
        """
        fault = make(effect, parameters)
        self.end()
        injection = self._open.enter_context(injected(fault, self._stack))
        self._injection = injection
        try:
            return eventually(
                lambda: fault.witness(self._stack, injection.before),
                within=_WITNESS_WITHIN,
                every=_EVERY,
                what="the witness",
            )
        except AssertionError as error:
            raise CannotTell(f"{fault} was injected and nothing shows that it bit") from error

    def end(self) -> str:
        """Take back what stands, and say how; nothing stands: nothing to do.

        Raises RevertFailed when it could not be proved gone.
        """
        injection, self._injection = self._injection, None
        self._open.close()
        if injection is None or injection.proof is None:
            return "nothing stands"
        return f"{injection.fault} is gone after {injection.proof.proved_seconds:.2f} s"


def refuse_unknown(effect: object, parameters: object) -> None:
    """Raises UserError for a fault that can't be made of this: no such effect, not its parameters."""
    if not isinstance(effect, str) or not isinstance(parameters, Mapping):
        raise UserError("a fault is an effect and its parameters")
    if not isinstance(parameters.get("service"), str):
        raise UserError(f"the fault {effect!r} names no service")
    try:
        targets = list(make(effect, parameters).targets)
    except (TypeError, ValueError) as error:
        raise UserError(f"fault {effect}: {error}") from error
    if not all(isinstance(target, str) for target in targets):
        raise UserError(f"fault {effect}: its targets are names of services, found {targets}")
