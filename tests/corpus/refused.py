"""Compose files that nobody can take: what is wrong, the files, and our sentence; docker compose refuses each of them too."""

from __future__ import annotations

Files = dict[str, str | bytes]


def alone(text: str | bytes) -> Files:
    return {"compose.yaml": text}


def service(line: str) -> Files:
    return alone(f"services:\n  a:\n    image: x\n    {line}\n")


#: By what is wrong: the files, and what our sentence must hold.
REFUSED: dict[str, tuple[Files, str]] = {
    # ── not a compose file ──────────────────────────────────────────────────────────────────────────────────────────
    "not YAML": (alone("services:\n  a: [\n"), "not valid YAML"),
    "a tab for indentation": (alone("services:\n\ta: {image: x}\n"), "compose.yaml:2: not valid YAML"),
    "a list": (alone("- a\n"), "not a compose file: its top level must be a mapping"),
    "a text": (alone("just words\n"), "not a compose file: its top level must be a mapping"),
    "empty": (alone(""), "is empty"),
    "comments only": (alone("# nothing\n"), "is empty"),
    "binary": (alone("a: \x00\n"), "not valid YAML"),
    "a program": (alone(b"\x7fELF\x02\x01\x01\x00\xff\xfe" * 50), "not a text file in UTF-8 (byte"),
    "Latin-1": (alone("services:\n  a: {image: x, command: größe}\n".encode("latin-1")), "not a text file in UTF-8 (byte"),
    "services is a list": (alone("services: [a]\n"), "compose.yaml:1: 'services' must be a mapping of names"),
    "services is an empty list": (alone("services: []\n"), "compose.yaml:1: 'services' must be a mapping of names"),
    "services is a text": (alone("services: web\n"), "compose.yaml:1: 'services' must be a mapping of names"),
    "a service is a text": (alone("services:\n  a: text\n"), "compose.yaml:2: the service 'a' must be a mapping, not a text"),
    "a service is empty": (alone("services:\n  a:\n"), "compose.yaml:2: the service 'a' must be a mapping, not empty"),
    "a network is a list": (alone("services: {a: {image: x}}\nnetworks: {n: [x]}\n"), "networks.n must be a mapping, not a list"),
    "a circular anchor": (alone("services: &s\n  a: {image: x, labels: *s}\n"), "an anchor contains itself"),
    "an unknown anchor": (alone("services:\n  a: {image: x, labels: *nope}\n"), "not valid YAML"),
    "a merge of a text": (alone("services:\n  a: {<<: x, image: x}\n"), "only a mapping can be merged with '<<'"),
    # ── keys ────────────────────────────────────────────────────────────────────────────────────────────────────────
    "unknown key": (service("imagee: y"), "compose.yaml:4: services.a: unknown key 'imagee' (did you mean 'image'?)"),
    "unknown top level": (alone("servces:\n  a: {image: x}\n"), "compose.yaml:1: unknown key 'servces' (did you mean 'services'?)"),
    "unknown key of a build": (service("build: {contxt: .}"), "services.a.build: unknown key 'contxt' (did you mean 'context'?)"),
    "unknown key of a health check": (service("healthcheck: {test: x, intervall: 3s}"), "services.a.healthcheck: unknown key 'intervall' (did you mean 'interval'?)"),
    "unknown key of limits": (service("deploy: {resources: {limits: {mem: 1g}}}"), "services.a.deploy.resources.limits: unknown key 'mem'"),
    "unknown key of a port": (service("ports: [{target: 80, publish: 80}]"), "services.a.ports.0: unknown key 'publish' (did you mean 'published'?)"),
    "unknown key of a network": (alone("services: {a: {image: x}}\nnetworks:\n  n: {intern: true}\n"), "compose.yaml:3: networks.n: unknown key 'intern' (did you mean 'internal'?)"),
    "a quoted merge key": (alone("x-a: &a {user: '5'}\nservices:\n  a: {image: x, \"<<\": *a}\n"), "unknown key '<<'"),
    "a key that stands twice": (service("image: y"), "compose.yaml:4: the key 'image' stands twice (first in line 3)"),
    "a service that stands twice": (alone("services:\n  a: {image: x}\n  a: {image: y}\n"), "compose.yaml:3: the key 'a' stands twice (first in line 2)"),
    # ── values ──────────────────────────────────────────────────────────────────────────────────────────────────────
    "ports are a number": (service("ports: 80"), "compose.yaml:4: services.a.ports must be a list, not a number"),
    "a port is no number": (service("ports: ['http']"), "has a port that is none: 'http'"),
    "a port beyond all": (service("ports: ['80:99999']"), "compose.yaml:4: services.a.ports has a port outside 1-65535"),
    "port ranges of two lengths": (service("ports: ['80-82:80-81']"), "port ranges of different lengths"),
    "a port range backwards": (service("ports: ['90-80:90-80']"), "a range that runs backwards"),
    "a mount of nothing": (service("volumes: ['data:']"), "has a mount that is none"),
    "volumes are nothing": (service("volumes:"), "services.a.volumes must be a list, not empty"),
    "environment is nothing": (service("environment:"), "services.a.environment must be a list or a mapping, not empty"),
    "environment is a list of numbers": (service("environment: [1]"), "services.a.environment.0 must hold a text, not a number"),
    "environment holds a list": (service("environment: {A: [1]}"), "services.a.environment must hold texts and numbers only"),
    "a user that is a number": (service("user: 1000"), "services.a.user must be a text, not a number"),
    "a restart that is false": (service("restart: false"), "services.a.restart must be a text, not true or false"),
    "a command of numbers": (service("command: [sleep, 5]"), "services.a.command.1 must hold a text, not a number"),
    "a command with an open quote": (service("command: sh -c 'x"), "has a quote that is never closed"),
    "capabilities are a text": (service("cap_add: ALL"), "services.a.cap_add must be a list, not a text"),
    "privileged is a word": (service("privileged: maybe"), "must be true or false, not 'maybe'"),
    "a duration that is none": (service("healthcheck: {test: t, interval: soon}"), "is no duration such as 30s: 'soon'"),
    "a size that is none": (service("mem_limit: lots"), "is no size such as 64m: 'lots'"),
    "a number that is infinite": (service("labels: {a: .inf}"), "must hold numbers that are finite"),
    "hosts without addresses": (service("extra_hosts: [somehost]"), "must hold NAME=address"),
    # ── names of what is not there ──────────────────────────────────────────────────────────────────────────────────
    "undefined network": (alone("services:\n  a: {image: x, networks: [nope]}\n"), "there is no network 'nope'"),
    "undefined volume": (service("volumes: [vol:/v]"), "compose.yaml:4: services.a.volumes: there is no volume 'vol'"),
    "undefined secret": (service("secrets: [s]"), "compose.yaml:4: services.a.secrets: there is no secret 's'"),
    "undefined config": (service("configs: [c]"), "compose.yaml:4: services.a.configs: there is no config 'c'"),
    "undefined dependency": (alone("services:\n  a: {image: x, depends_on: [b]}\n"), "there is no service 'b'"),
    "undefined namespace": (service("network_mode: service:b"), "there is no service 'b'"),
    "a circle of dependencies": (
        alone("services:\n  a: {image: x, depends_on: [b]}\n  b: {image: x, depends_on: [a]}\n"),
        "services depend on each other in a circle: a → b → a",
    ),
    "a service that depends on itself": (service("depends_on: [a]"), "services depend on each other in a circle: a → a"),
    "neither image nor build": (alone("services:\n  a: {command: x}\n"), "compose.yaml:2: services.a has neither an image nor a build"),
    # ── variables ───────────────────────────────────────────────────────────────────────────────────────────────────
    "a required variable": (alone("services:\n  a:\n    image: ${X:?say which}\n"), "compose.yaml:3: services.a.image: the variable X is required and not set: say which"),
    "an open brace": (alone("services:\n  a: {image: '${X'}\n"), "has no closing brace"),
    "a brace around nothing": (alone("services:\n  a: {image: '${}'}\n"), "'${}' is no variable"),
    "a brace around a number": (alone("services:\n  a: {image: '${1X}'}\n"), "'${1X}' is no variable"),
    # ── other files ─────────────────────────────────────────────────────────────────────────────────────────────────
    "env file missing": (service("env_file: nope.env"), "compose.yaml:4: services.a.env_file:"),
    "env file missing outside": (service("env_file: ../../../../../nope/passwd"), "/nope/passwd is not there"),
    "extends what is not there": (alone("services:\n  a: {image: x, extends: {service: b}}\n"), "has no service 'b'"),
    "extends itself": (alone("services:\n  a: {image: x, extends: {service: a}}\n"), "extends itself"),
    "extends in a circle": (
        alone("services:\n  a: {image: x, extends: b}\n  b: {image: x, extends: c}\n  c: {image: x, extends: a}\n"),
        "extends itself (a → b → c → a)",
    ),
    "extends in a circle of files": (
        {
            "compose.yaml": "services:\n  a: {extends: {file: other.yaml, service: a}}\n",
            "other.yaml": "services:\n  a: {extends: {file: compose.yaml, service: a}}\n",
        },
        "extends itself (a → a → a)",
    ),
    "extends a file that is missing": (alone("services:\n  a: {image: x, extends: {service: b, file: nope.yaml}}\n"), "nope.yaml is not there"),
    "extends a folder": (alone("services:\n  a: {image: x, extends: {service: b, file: ..}}\n"), "is not there"),
    "include missing": (alone("include: [nope.yaml]\nservices:\n  a: {image: x}\n"), "compose.yaml:1: include:"),
    "include outside": (alone("include: [../../../../../nope/passwd]\nservices:\n  a: {image: x}\n"), "/nope/passwd is not there"),
    "include of itself": (alone("include: [compose.yaml]\nservices:\n  a: {image: x}\n"), "includes itself"),
    "include in a circle": (
        {
            "compose.yaml": "include: [b.yaml]\nservices:\n  a: {image: x}\n",
            "b.yaml": "include: [c.yaml]\nservices:\n  b: {image: x}\n",
            "c.yaml": "include: [b.yaml]\nservices:\n  c: {image: x}\n",
        },
        "b.yaml: includes itself",
    ),
    "include of one name twice": (
        {"compose.yaml": "include: [b.yaml]\nservices:\n  a: {image: x}\n", "b.yaml": "services:\n  a: {image: y}\n"},
        "'a' stands both here and in",
    ),
    "include of what is no compose file": (
        {"compose.yaml": "include: [notes.txt]\nservices:\n  a: {image: x}\n", "notes.txt": "buy milk\n"},
        "notes.txt:1: not a compose file",
    ),
    # ── names that act ──────────────────────────────────────────────────────────────────────────────────────────────
    "a service named as a path": (alone("services:\n  '../../etc': {image: x}\n"), "can't be the name of a service"),
    "a service named in HTML": (alone("services:\n  '<script>alert(1)</script>': {image: x}\n"), "can't be the name of a service"),
    "a service named with an escape": (alone('services:\n  "a\\e[31mred": {image: x}\n'), "'a\\x1b[31mred' can't be the name of a service"),
    "a service named on two lines": (alone('services:\n  "a\\nERROR: b": {image: x}\n'), "'a\\nERROR: b' can't be the name of a service"),
    "a key with an escape": (service('"\\e[2Jimage": y'), "unknown key '\\x1b[2Jimage'"),
}  # fmt: skip
