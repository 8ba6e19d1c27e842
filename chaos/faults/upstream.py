"""Faults of where the edge sends requests: its upstream is nobody."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from chaos.faults.changed import Changed, Meets
from chaos.faults.places import Place, require_plain
from stack.errors import CannotTell, UserError

if TYPE_CHECKING:
    from stack.model import Stack

_SET = re.compile(r"^\s*set\s+(\$\w+)\s+\S+?\s*;", re.MULTILINE)


@dataclass(frozen=True)
class UpstreamWrong(Changed):
    """The edge passes requests to a name that nobody has, as after a switch to a colour that was never started."""

    path: str = "/etc/seatrial/edge/active.conf"
    """The file that says who is active, as the service's container has it: `set $variable name;`."""
    upstream: str = "server-nowhere"
    """The name that nobody has."""

    effect: ClassVar[str] = "upstream_wrong"
    family: ClassVar[str] = "configuration"

    def __post_init__(self) -> None:
        require_plain(self.path)
        if not re.fullmatch(r"[A-Za-z0-9.-]+", self.upstream):
            raise UserError(f"upstream_wrong: {self.upstream!r} is no host name")

    @property
    def paths(self) -> tuple[str, ...]:
        """The file that says who is active."""
        return (self.path,)

    @property
    def meets(self) -> Meets:
        """The edge reads it anew when it is told to."""
        return "by reload"

    def changes(self, stack: Stack, place: Place) -> dict[str, dict[str, Any]]:
        """The same variable with the other name. Raises CannotTell when the file sets none."""
        read = place.do(stack, "read", tag=self.tag, labels=self.tools, path=place.within(self.path))
        variable = _SET.search(base64.b64decode(read).decode(errors="replace"))
        if variable is None:
            raise CannotTell(f"{self}: {self.path} sets no variable, so it is not what names the upstream")
        text = f"set {variable[1]} {self.upstream};\n"
        return {self.path: {"kind": "write", "content": base64.b64encode(text.encode()).decode()}}
