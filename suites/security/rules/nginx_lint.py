"""Runs gixy-ng's rules over one nginx configuration and says where each finding stands in the files it was made of."""

from __future__ import annotations

import functools
import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from stack.errors import CannotTell
from suites.security.rules.overlaps import GIXY_LEFT_OUT, GIXY_TEXTS_LEFT_OUT

# Of a rule that says what a check of ours says, the severity is that check's: knowing a version opens nothing by itself.
_OWN_SEVERITY = {"version_disclosure": "low", "UNSPECIFIED": "low"}
_ABSOLUTE = re.compile(r"""((?:^|[;{}\s])include\s+["']?)/""", re.MULTILINE)


@dataclass(frozen=True)
class Rule:
    """One rule of gixy-ng."""

    id: str
    summary: str
    description: str
    severity: str
    page: str


@dataclass(frozen=True)
class Issue:
    """One finding: the container's path of the file and the line it is about, where the tool names one."""

    rule: str
    text: str
    path: str
    line: int


@functools.cache
def rules() -> tuple[Rule, ...]:
    """Every rule of the installed gixy-ng that is about security, by id."""
    from gixy.core.config import Config
    from gixy.core.plugins_manager import PluginsManager

    found = [
        Rule(
            plugin.name,
            plugin.summary,
            _sentences(plugin.description) or plugin.summary,
            _OWN_SEVERITY.get(plugin.name, _OWN_SEVERITY.get(plugin.severity, plugin.severity.lower())),
            plugin.help_url,
        )
        for plugin in PluginsManager(Config()).plugins
        if plugin.name not in GIXY_LEFT_OUT
    ]
    return tuple(sorted(found, key=lambda rule: rule.id))


def _sentences(text: str) -> str:
    return " ".join(text.split())


def audit(main: str, texts: Mapping[str, str]) -> tuple[Issue, ...]:
    """What gixy-ng finds in a configuration whose files are `texts`, by their absolute paths, beginning at `main`.

    Raises:
        CannotTell: it can't read the configuration.

    """
    from gixy.core.config import Config
    from gixy.core.manager import Manager

    with tempfile.TemporaryDirectory(prefix="st-nginx-") as folder:
        # The tool follows includes in the file system it runs in, so the container's is laid out for it in a folder.
        for path, text in texts.items():
            file = Path(folder) / path.lstrip("/")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(_ABSOLUTE.sub(rf"\g<1>{folder}/", text), encoding="utf-8")
            _require_whole(file, path)
        start = Path(folder) / main.lstrip("/")
        try:
            with Manager(config=Config(skips=list(GIXY_LEFT_OUT))) as manager, start.open("rb") as opened:
                manager.audit(str(start), opened)
                return tuple(dict.fromkeys(_issues(manager, folder)))
        except Exception as error:  # a parser and 36 plug-ins of somebody else's, which raise what they like
            raise CannotTell(f"gixy-ng can't read it: {type(error).__name__}: {error}".replace(folder, "")) from error


def _require_whole(file: Path, path: str) -> None:
    """Raise CannotTell for a file that is no nginx configuration: gixy-ng would take it for an empty one, and find nothing."""
    import crossplane  # what gixy-ng reads files with

    read = crossplane.parse(str(file), single=True, strict=False, check_ctx=False, check_args=False)
    for error in read["errors"]:
        line = f":{error['line']}" if error.get("line") else ""
        said = str(error.get("error")).partition(" in ")[0]
        raise CannotTell(f"gixy-ng can't read it: {path}{line}: {said}")


def _issues(manager: object, folder: str) -> list[Issue]:
    found = []
    for plugin in getattr(manager, "results"):  # noqa: B009 - the library has no types
        for issue in plugin.issues:
            text = _sentences(issue.reason or issue.summary or plugin.summary)
            if text.startswith(tuple(GIXY_TEXTS_LEFT_OUT)):
                continue
            placed = [directive for directive in issue.directives if getattr(directive, "line", None)]
            path = str(placed[0].file or "").removeprefix(folder) if placed else ""
            found.append(Issue(plugin.name, text, path, int(placed[0].line) if placed else 0))
    return found
