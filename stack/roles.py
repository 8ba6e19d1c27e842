"""Tells what a service is for (edge, database, cache, …) from image, ports and mounts, so that a stack nobody described can
be judged; the reason is kept, because a guess that can't be questioned is worse than none. A profile overrides it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from stack.profile import Role

_DATABASES = (
    r"postgres(?!t).*|postgis|timescaledb.*|pgvector|mysql.*|mariadb.*|percona.*|mongo(db)?.*|cockroach|cassandra|couchdb|"
    r"couchbase|neo4j|mssql.*|server-mssql|clickhouse.*|elasticsearch|opensearch|rethinkdb|scylla|db2"
)
_BACKUPS = r".*backup.*|restic|duplicati|borg.*|pgbackrest|ofelia"
# An image that ends so is a program of somebody's that uses the database, cache or queue before it.
_USERS_PROGRAM = re.compile(r"[-_](?:workers?|consumer|client|api|web|app|admin|ui|migrat\w*|init|seed\w*)$")
# Image names (last path component, without tag) that tell the role by themselves; the first match wins.
_IMAGES: tuple[tuple[str, Role], ...] = (
    (r".*-?exporter|cadvisor|node[-_]exporter|statsd", "exporter"),
    (r"docker-socket-proxy|engine-api-proxy|socket-proxy", "engine-proxy"),
    (r"alertmanager|karma", "alerts"),
    (r"prometheus|victoria-?metrics|victoriametrics|thanos|mimir|influxdb|graphite.*|telegraf", "metrics"),
    # Consoles for people are named after what they show, so they come before it.
    (r"adminer|phpmyadmin|pgadmin4?|mongo-express|kafka-ui|akhq|kafdrop|redis-?commander|redis-?insight|portainer.*|flower", "dashboards"),
    (r"grafana(-oss|-enterprise)?|kibana|chronograf|opensearch-dashboards|metabase|superset", "dashboards"),
    (r"promtail|fluentd|fluent-bit|filebeat|logstash|vector|alloy|logspout", "log-shipper"),
    (r"loki|graylog|seq", "logs"),
    # What copies a database is named after it.
    (_BACKUPS, "backup"),
    (_DATABASES, "database"),
    (r"redis.*|valkey.*|memcached|keydb|dragonfly|varnish|hazelcast", "cache"),
    (r"rabbitmq|kafka|cp-kafka|zookeeper|nats.*|activemq.*|pulsar|mosquitto|emqx|beanstalkd|nsq", "queue"),
    (r"traefik|caddy|haproxy|envoy|nginx.*|httpd|apache|openresty|kong|swag|tyk.*|pomerium", "edge"),
    (r"minio|seaweedfs|ceph.*|registry|nextcloud-storage", "storage"),
    (r"keycloak|authelia|authentik|server-authentik|dex|oauth2-proxy|vault|hydra|kratos", "identity"),
    (r"monerod?|bitcoind?|geth|client-go|lighthouse", "chain"),
)  # fmt: skip

# Ports of registered services (IANA, or the program's own default), inside the container.
_PORTS: Mapping[int, Role] = {
    5432: "database", 3306: "database", 27017: "database", 1433: "database", 1521: "database", 9042: "database",
    6379: "cache", 11211: "cache",
    5672: "queue", 9092: "queue", 4222: "queue", 1883: "queue",
    9090: "metrics", 9093: "alerts", 3100: "logs",
}  # fmt: skip

# What browsers ask at by default, and the customary ports of web programs that may not bind those.
_WEB_PORTS = frozenset({80, 443})
_WEB_PROGRAM_PORTS = _WEB_PORTS | {8080, 8443, 8000, 3000, 5000}

_DATA_FOLDERS: tuple[tuple[str, Role], ...] = (
    ("/var/lib/postgresql", "database"),
    ("/var/lib/mysql", "database"),
    ("/data/db", "database"),
    ("/prometheus", "metrics"),
    ("/var/lib/grafana", "dashboards"),
    ("/loki", "logs"),
    ("/etc/nginx", "edge"),
)
# Programs that take work from a queue or by the clock, in a service's command.
_WORKERS = re.compile(
    r"\bcelery\b.*\b(?:worker|beat)\b|\bsidekiq\b|\brq\s+worker\b|\bqueue:work\b|\bresque\b|\bdramatiq\b|\bhuey\b|\bcron(?:d|\.sh)\b",
    re.DOTALL,
)
# Words in a service's name: the weakest sign, used only when nothing else speaks.
_NAMES: tuple[tuple[str, Role], ...] = (
    (r"wallet", "wallet"),
    (r"(?<![a-z])(?:flower|adminer|pgadmin|phpmyadmin|dashboard)(?![a-z])", "dashboards"),
    (r"(?<![a-z])(?:proxy|gateway|edge|ingress|nginx|traefik)(?![a-z])", "edge"),
    (r"\bdb\b|database|postgres|mysql|mongo", "database"),
    (r"cache|redis", "cache"),
    (r"queue|broker|rabbit|kafka", "queue"),
    (r"(?<![a-z])(?:workers?|sidekiq|celery|beat|scheduler|consumer|cron)(?![a-z])", "worker"),
    (r"exporter", "exporter"),
)
# What is done to something is said before it or behind it: `backup-db`, `db-migrate`. Neither is the thing itself.
_JOB_NAME = re.compile(r"(?:^|[-_])(migrat\w*|seed(?:s|er|ing)?|init|setup|bootstrap)(?:$|[-_])")
# Commands that run to an end, by the customary tools: migrations of a database, buckets of a store.
_JOB_COMMAND = re.compile(
    r"(?:^|[\s/\"'])(?:alembic\s+(?:\S+\s+)*upgrade|flyway\s+(?:\S+\s+)*migrate|liquibase\s+(?:\S+\s+)*update|"
    r"manage\.py\s+(?:migrate|loaddata|collectstatic)|(?:rails|rake)\s+db:(?:migrate|prepare|seed|setup)|"
    r"artisan\s+(?:migrate|db:seed)|prisma\s+(?:migrate\s+deploy|db\s+(?:push|seed))|knex\s+migrate:\S+|"
    r"sequelize(?:-cli)?\s+db:(?:migrate|seed\S*)|(?:goose|dbmate|migrate)\s+(?:\S+\s+)*up|"
    r"mc\s+(?:mb|alias|admin|anonymous|policy|ilm|event|version))(?=[\s\"']|$)"
)
_ENDS = re.compile(r"exit(?:\s+\d+)?|true|:|echo\b.*|[\"']*")


@dataclass(frozen=True)
class Inference:
    """A role and what it was told by."""

    role: Role
    reason: str


def infer(name: str, config: Mapping[str, Any]) -> Inference:
    """What a rendered service is for."""
    return (
        _by_image(config)
        or _by_command(config)
        or _by_port(config)
        or _by_mount(config)
        or _by_name(name, config)
        or Inference("application", "nothing says otherwise")
    )


def sole_web(services: Mapping[str, Mapping[str, Any]], roles: Mapping[str, Role]) -> tuple[str, str] | None:
    """The application that is the edge because nothing else is: (name, reason); None when there is an edge, none or several.

    Only 80 and 443, inside or on the host, tell so much: any program may listen on 8080, and few of them face the internet.
    """
    if "edge" in roles.values():
        return None
    found = []
    for name, config in services.items():
        ports = _published(config, _WEB_PORTS) if roles.get(name) == "application" else []
        if ports:
            port = ports[0]
            written = f"{port.get('published') or ''}:{port['target']}/{port.get('protocol') or 'tcp'}".lstrip(":")
            found.append((name, f"it alone publishes the web's port: {written}"))
    return found[0] if len(found) == 1 else None


def _published(config: Mapping[str, Any], numbers: frozenset[int]) -> list[Mapping[str, Any]]:
    """The ports published beyond loopback whose number, inside or on the host, is one of `numbers`."""
    texts = {str(number) for number in numbers}
    return [
        port
        for port in config.get("ports") or ()
        if not str(port.get("host_ip") or "").startswith(("127.", "::1", "[::1]", "localhost"))
        and (str(port.get("target")) in texts or str(port.get("published")) in texts)
    ]


def job_reason(name: str, services: Mapping[str, Mapping[str, Any]]) -> str | None:
    """Why a service is taken to run to its end (a migration, a seed); None when it is taken to stay up."""
    config = services[name]
    for other, theirs in services.items():
        how = (theirs.get("depends_on") or {}).get(name) or {}
        if how.get("condition") == "service_completed_successfully":
            return f"{other} waits for it to complete"
    deploy = config.get("deploy") or {}
    if str(deploy.get("mode", "")).endswith("-job"):
        return f"its deploy mode is {deploy['mode']}"
    asked_for = (
        config.get("profiles") and not config.get("ports") and config.get("restart") in (None, "no") and not deploy
    )
    if asked_for and infer(name, config).role == "application":
        return f"it runs only when asked for (profile {', '.join(config['profiles'])}), and nothing restarts it"
    if not _ends_for_good(config):
        return None
    if match := _JOB_NAME.search(name):
        return f"it is named '{match.group(1)}' and nothing restarts it once it has succeeded"
    if not config.get("ports") and (command := _last_command(config)):
        return f"it runs '{command}' and ends"
    return None


def _ends_for_good(config: Mapping[str, Any]) -> bool:
    """Whether nothing starts a service again once it has ended well, whichever of compose's words says so."""
    policy = (config.get("deploy") or {}).get("restart_policy")
    if policy is not None:
        return policy.get("condition") in ("none", "on-failure")  # swarm's own default is `any`
    return str(config.get("restart") or "no").partition(":")[0] in ("no", "on-failure")


def _last_command(config: Mapping[str, Any]) -> str | None:
    """The job that a service's command ends with; None when it goes on to something else, or does no known job."""
    words = [_leaf(str(config.get("image") or ""))]
    words += [str(word) for key in ("entrypoint", "command") for word in config.get(key) or ()]
    steps = [step.strip() for step in re.split(r"&&|\|\||[;\n]", " ".join(words))]
    while steps and _ENDS.fullmatch(steps[-1]):
        steps.pop()
    match = _JOB_COMMAND.search(steps[-1]) if steps else None
    return " ".join(match.group().strip("/\"' ").split()) if match else None


def _leaf(image: str) -> str:
    """`registry/path/name:tag@digest` as `name`."""
    return image.rsplit("/", 1)[-1].partition("@")[0].partition(":")[0].lower()


def _by_image(config: Mapping[str, Any]) -> Inference | None:
    image = config.get("image")
    if not image:
        return None
    last = _leaf(image)
    for pattern, role in _IMAGES:
        if role in ("database", "cache", "queue") and _USERS_PROGRAM.search(last):
            continue
        if re.fullmatch(pattern, last):
            if role == "edge" and not config.get("ports"):
                return Inference("application", f"its image is {last}, but it publishes nothing")
            return Inference(role, f"its image is {last}")
    return None


def _by_command(config: Mapping[str, Any]) -> Inference | None:
    line = " ".join(str(word) for key in ("entrypoint", "command") for word in config.get(key) or ())
    match = None if config.get("ports") else _WORKERS.search(line)
    return Inference("worker", f"it runs '{' '.join(match.group().split())}'") if match else None


def _by_port(config: Mapping[str, Any]) -> Inference | None:
    inside = [int(port["target"]) for port in config.get("ports") or ()]
    exposed = [int(digits) for port in config.get("expose") or () if (digits := str(port).partition("/")[0]).isdigit()]
    for port in inside + exposed:
        if port in _PORTS:
            return Inference(_PORTS[port], f"it listens on {port}")
    for port in config.get("ports") or ():
        public = not str(port.get("host_ip", "")).startswith(("127.", "::1"))
        if int(port["target"]) in (80, 443) and public and str(port.get("published")) in {"80", "443"}:
            return Inference("edge", f"it publishes {port['published']} to everyone")
    return None


def _by_mount(config: Mapping[str, Any]) -> Inference | None:
    for mount in config.get("volumes") or ():
        target = str(mount.get("target", ""))
        for folder, role in _DATA_FOLDERS:
            if target == folder or target.startswith(folder + "/"):
                return Inference(role, f"it mounts {target}")
    return None


def _by_name(name: str, config: Mapping[str, Any]) -> Inference | None:
    """By the last telling word, which is what the others are said of: `redis-worker` is a worker."""
    low = name.lower()
    if match := re.search(r"backup", low):
        return Inference("backup", f"its name says '{match.group(0)}'")
    if _JOB_NAME.search(low):
        return None
    told = []
    for pattern, role in _NAMES:
        if not (matches := list(re.finditer(pattern, low))):
            continue
        if role == "edge" and not _published(config, _WEB_PROGRAM_PORTS):
            continue
        if role == "worker" and config.get("ports"):
            continue
        told.append((matches[-1].end(), matches[-1].group(0), role))
    if not told:
        return None
    _, word, role = max(told, key=lambda one: one[0])
    return Inference(role, f"its name says '{word}'")
