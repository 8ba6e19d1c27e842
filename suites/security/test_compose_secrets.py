"""No secret by value in what is declared, and every variable of it provided."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from stack.located import Where
from stack.model import Service, Stack
from suites.check import Area, Evidence, Impact, Level, Severity, check
from suites.security import said_once
from suites.security.private_paths import private_paths
from suites.security.repository import others_may_read
from suites.security.rules import secret_values
from suites.security.rules.client_words import in_client_words
from suites.security.rules.finding import Finding, judge
from suites.security.secret_origins import Origins

FILE = "a file"
EXAMPLES = (".example", ".sample", ".template", ".dist")


@check(
    "SEC-CMP-003",
    title="No secret stands by value in environment, labels, commands, build args or files beside the compose file, and nothing goes without one",
    area=Area.SECURITY,
    severity=Severity.CRITICAL,
    level=Level.DECLARED,
    impact=Impact.PASSIVE,
    rationale="What stands in a compose file is in every clone and backup of it, and `docker inspect` shows it to everybody.",
    remediation="Hand secrets over as files (`secrets:` or a mount, NAME_FILE=/run/secrets/NAME), encrypted at rest with SOPS; where none is asked for, set one.",
    standards=("CIS-Docker 4.10", "OWASP-Docker 12", "CWE-798"),
)
def test_no_secret_stands_by_value(stack: Stack, evidence: Evidence) -> None:
    origins = Origins(stack)
    files = files_beside(stack)
    for path in files:
        note_file(path, origins)
    offences = [finding for service in stack.services for finding in in_service(stack, service, origins)]
    offences = said_once.together(offences, check="SEC-CMP-003", profile=stack.profile)
    offences += [*in_top_level(stack), *origins.findings()]

    evidence.declared(
        f"{len(stack.services)} services, and {', '.join(path.name for path in files) or 'no env file'} read"
    )
    judge(offences, check="SEC-CMP-003", evidence=evidence, profile=stack.profile)


def in_service(stack: Stack, service: Service, origins: Origins) -> Iterator[Finding]:
    """The secrets by value in one service, with their places; a value is never repeated in a message.

    What came out of an env file is noted there instead: it stands in that file, once.
    """
    allowed = stack.profile.secrets.allowed_environment
    mounted = mounted_in(service)
    for name, value in service.environment.items():
        if name in allowed:
            continue
        open_door = secret_values.opens_to_all(name, value)
        why = secret_values.is_by_value(name, value, mounted=mounted)
        if open_door is None and why is None:
            continue
        text, expected = (open_door, "a password") if open_door else (f"holds {why} by value", FILE)
        place = service.where_of("environment", name)
        origin = origins.of_environment(name, str(value), place)
        if origin is not None:
            origins.reaches(origin, str(text), expected, service.name)
        else:
            yield Finding(f"{service.name}: environment {name} {text}, expected {expected}", place, name, service.name)
    build_arguments = (service.build or {}).get("args") or {}
    mappings = {
        ("labels",): service.labels,
        ("build", "args"): build_arguments if isinstance(build_arguments, dict) else {},
        ("build", "labels"): (service.build or {}).get("labels") or {},
    }
    for path, values in mappings.items():
        for name, why in secret_values.in_mapping(values, allowed=allowed):
            text = f"{service.name}: {'.'.join(path)} {name} holds {why} by value, expected {FILE}"
            yield Finding(text, service.where_of(*path, name), name, service.name)
    yield from in_commands(service, mounted, origins)


def in_commands(service: Service, mounted: list[str], origins: Origins) -> Iterator[Finding]:
    """The secrets by value in what a service runs."""
    words = {"command": service.command, "entrypoint": service.entrypoint}
    test = (service.healthcheck or {}).get("test")
    words["healthcheck"] = [str(word) for word in test] if isinstance(test, list) else [str(test)] if test else None
    for key, line in words.items():
        said = secret_values.in_words(line or [], mounted=mounted)
        for name, why in (*said, *in_client_words(line or [], mounted=mounted)):
            origin = origins.of_text(" ".join(line or []))
            if origin is not None:
                origins.reaches(origin, f"holds {why} by value", FILE, service.name)
                continue
            text = f"{service.name}: {key} {name} holds {why} by value, expected {FILE}"
            yield Finding(text, service.where_of(key), name, service.name)


def mounted_in(service: Service) -> list[str]:
    """The paths in a service under which something is mounted: a value that names one of them is a reference."""
    handed = [entry for key in ("secrets", "configs") for entry in service.config.get(key) or ()]
    targets = [mount.target for mount in service.mounts] + [str(entry.get("target") or "") for entry in handed]
    return [target for target in targets if len(target) > 1]


def in_top_level(stack: Stack) -> Iterator[Finding]:
    """Secrets and configs whose content stands in the compose file itself."""
    for name, entry in (stack.rendered.get("secrets") or {}).items():
        if isinstance(entry, dict) and entry.get("content"):
            yield Finding(f"secrets.{name}: its content stands in the compose file", stack.where("secrets", name), name)
    for name, entry in (stack.rendered.get("configs") or {}).items():
        content = str(entry.get("content") or "") if isinstance(entry, dict) else ""
        for _, key, why in secret_values.in_env_file(content):
            yield Finding(f"configs.{name}: {key} holds {why} by value", stack.where("configs", name), name)


def files_beside(stack: Stack) -> list[Path]:
    """The env files that are read, and others that lie beside the compose files."""
    found = {file.path.resolve() for file in stack.env_files if file.exists}
    for folder in {file.parent for file in stack.compose_files}:
        found |= {path.resolve() for pattern in (".env*", "*.env") for path in folder.glob(pattern) if path.is_file()}
    return sorted(found)


def note_file(path: Path, origins: Origins) -> None:
    """Note the secrets by value in an env file; in an example, `changeme` and the like are what one expects."""
    example = path.name.endswith(EXAMPLES)
    for line, name, why in secret_values.in_env_file(path.read_text(errors="replace"), placeholders=example):
        origins.add_line(path, line, name, f"holds {why} by value", FILE)


@check(
    "SEC-CMP-008",
    title="Every interpolated variable is provided, and env files that hold secrets are not readable by others",
    area=Area.SECURITY,
    severity=Severity.LOW,
    level=Level.DECLARED,
    impact=Impact.PASSIVE,
    rationale="A variable nobody provides becomes an empty text: an empty password, an image without tag, a mount of /.",
    remediation="Give it a default (${NAME:-value}), demand it (${NAME:?reason}), or set it in .env; chmod 600 env files.",
    standards=("OWASP-Docker 12", "CWE-276"),
)
def test_every_variable_is_provided(stack: Stack, evidence: Evidence) -> None:
    offences = [
        Finding(
            f"${{{variable.name}}} has neither a value nor a default: it becomes empty", variable.where, variable.name
        )
        for variable in stack.variables
        if not variable.is_provided
    ]
    # What SEC-SEC-003 judges as private is judged there alone.
    private = {path.resolve() for path in private_paths(stack)}
    for file in stack.env_files:
        if not file.exists and file.required:
            offences.append(
                Finding(
                    f"env file {file.path} of {file.service or 'the project'} is missing", file.where, file.path.name
                )
            )
        elif not file.exists or file.path.resolve() in private or file.path.name.endswith(EXAMPLES):
            continue
        elif not secret_values.in_env_file(file.path.read_text(errors="replace")):
            evidence.declared(
                f"considered: {file.path.name} holds no secret, so everybody may read it", Where(file.path, 1)
            )
        elif problem := others_may_read(file.path):
            offences.append(Finding(problem, Where(file.path, 1), file.path.name))

    evidence.declared(f"{len(stack.variables)} variables, {len(stack.env_files)} env files")
    judge(offences, check="SEC-CMP-008", evidence=evidence, profile=stack.profile)
