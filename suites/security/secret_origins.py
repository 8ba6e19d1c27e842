"""Tells which line of which env file a value came from, so that one secret in one file is one finding, however many services get it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from stack.located import Where
from stack.model import Stack
from suites.security.rules.finding import Finding

SHORTEST = 4
"""Characters a value must have to be told again inside a longer text; a shorter one is there by chance."""


@dataclass
class FromFile:
    """One offending line of an env file, and the services it reaches."""

    name: str
    text: str
    expected: str
    services: list[str] = field(default_factory=list)


class Origins:
    """The values that came out of env files, and what is wrong with them, one entry a line."""

    def __init__(self, stack: Stack) -> None:
        """Know the project's own env files by value, and the services' by path."""
        self._paths = {file.path.resolve() for file in stack.env_files if file.exists}
        self._project: dict[str, tuple[str, Where]] = {}
        for file in stack.env_files:
            if file.service is None:
                places = getattr(file.values, "at", {})
                self._project |= {name: (value, places[name]) for name, value in file.values.items() if name in places}
        self._uses: dict[Where | None, set[str]] = defaultdict(set)
        for variable in stack.variables:
            self._uses[variable.where].add(variable.name)
        self._lines: dict[tuple[Path, int], FromFile] = {}

    def add_line(self, path: Path, line: int, name: str, text: str, expected: str) -> None:
        """Note what stands in a file, whoever gets it."""
        self._lines.setdefault((path.resolve(), line), FromFile(name, text, expected))

    def of_environment(self, name: str, value: str, place: Where | None) -> tuple[str, Where] | None:
        """The (name, place) in an env file that a service's variable got its value from; None when it stands where it is used."""
        if place is not None and place.file.resolve() in self._paths:
            return name, place
        return self._inside(value, sorted({*self._uses.get(place, ()), name}), shortest=1)

    def of_text(self, text: str) -> tuple[str, Where] | None:
        """The (name, place) in the project's env file of a value that is part of a longer text, such as a command."""
        return self._inside(text, sorted(set().union(*self._uses.values())), shortest=SHORTEST)

    def reaches(self, origin: tuple[str, Where], text: str, expected: str, service: str) -> None:
        """Note that a service gets the offending value of that line."""
        name, place = origin
        self.add_line(place.file, place.line, name, text, expected)
        services = self._lines[place.file.resolve(), place.line].services
        if service not in services:
            services.append(service)

    def findings(self) -> Iterator[Finding]:
        """One finding a line, with the services it reaches behind it."""
        for (path, line), found in sorted(self._lines.items(), key=lambda item: item[0]):
            reached = f" (for {', '.join(found.services)})" if found.services else ""
            only = found.services[0] if len(found.services) == 1 else ""
            text = f"{path.name}: {found.name} {found.text}{reached}, expected {found.expected}"
            yield Finding(text, Where(path, line), found.name, only)

    def _inside(self, text: str, names: list[str], *, shortest: int) -> tuple[str, Where] | None:
        for name in names:
            value, place = self._project.get(name, ("", None))
            if place is not None and len(value) >= shortest and value in text:
                return name, place
        return None
