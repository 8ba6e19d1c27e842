"""A service's role is told by image, then ports, mounts and name, always with the reason, and a profile overrides it."""

from __future__ import annotations

from pathlib import Path

import pytest

from stack.model import Stack

CASES = {
    "postgres": ("image: postgres:16", "database", "its image is postgres"),
    "registry-path": ("image: ghcr.io/org/timescaledb-ha@sha256:0", "database", "its image is timescaledb-ha"),
    "redis": ("image: bitnami/redis:7", "cache", "its image is redis"),
    "rabbit": ("image: rabbitmq:3-management", "queue", "its image is rabbitmq"),
    "nginx-public": ("image: nginx:1\n    ports: ['80:80']", "edge", "its image is nginx"),
    "nginx-inside": ("image: nginx:1", "application", "its image is nginx, but it publishes nothing"),
    "exporter": ("image: quay.io/prometheuscommunity/postgres-exporter", "exporter", "its image is postgres-exporter"),
    "prometheus": ("image: prom/prometheus:v3", "metrics", "its image is prometheus"),
    "grafana": ("image: grafana/grafana:13.0.0", "dashboards", "its image is grafana"),
    "loki": ("image: grafana/loki:3", "logs", "its image is loki"),
    "promtail": ("image: grafana/promtail:3", "log-shipper", "its image is promtail"),
    "socket-proxy": ("image: tecnativa/docker-socket-proxy", "engine-proxy", "its image is docker-socket-proxy"),
    "by-exposed-port": ("image: own/thing\n    expose: [5432]", "database", "it listens on 5432"),
    "by-public-port": ("image: own/thing\n    ports: ['443:443']", "edge", "it publishes 443 to everyone"),
    "by-loopback-port": ("image: own/thing\n    ports: ['127.0.0.1:443:443']", "application", "nothing says otherwise"),
    "by-mount": ("image: own/thing\n    volumes: ['./x:/var/lib/postgresql/data']", "database", "it mounts /var/lib/postgresql/data"),
    "my-db": ("image: own/thing", "database", "its name says 'db'"),
    "ledger": ("image: own/thing\n    ports: ['127.0.0.1:8080:8080']", "application", "nothing says otherwise"),
    "knowledge-base": ("image: own/thing\n    ports: ['8080:8080']", "application", "nothing says otherwise"),
    "my-gateway": ("image: own/thing\n    ports: ['8080:8080']", "edge", "its name says 'gateway'"),
    "gateway2": ("image: own/thing\n    ports: ['8443:8443']", "edge", "its name says 'gateway'"),
    "api-proxy": ("image: own/thing", "application", "nothing says otherwise"),
    "edge-metrics": ("image: own/thing\n    ports: ['9999:9999']", "application", "nothing says otherwise"),
    "nginxless": ("image: own/thing\n    ports: ['8080:8080']", "application", "nothing says otherwise"),
    "web": ("image: own/web", "application", "nothing says otherwise"),
    "kafka-ui": ("image: provectuslabs/kafka-ui:v0.7.2\n    ports: ['8080:8080']", "dashboards", "its image is kafka-ui"),
    "admin": ("image: mongo-express", "dashboards", "its image is mongo-express"),
    "mongo-exporter": ("image: percona/mongodb_exporter", "exporter", "its image is mongodb_exporter"),
    "flower": ("image: own/app\n    command: celery flower\n    ports: ['5555:5555']", "dashboards", "its name says 'flower'"),
    "tasks": ("image: own/app\n    command: celery -A shop worker -l info", "worker", "it runs 'celery -A shop worker'"),
    "jobs": ("image: own/app\n    command: bundle exec sidekiq", "worker", "it runs 'sidekiq'"),
    "cron": ("image: own/app\n    entrypoint: /cron.sh", "worker", "it runs 'cron.sh'"),
    "order-worker": ("image: own/app", "worker", "its name says 'worker'"),
    "workers-site": ("image: own/app\n    ports: ['8081:8081']", "application", "nothing says otherwise"),
    "nightly": ("image: prodrigestivill/postgres-backup-local:16", "backup", "its image is postgres-backup-local"),
    "rest": ("image: postgrest/postgrest:v12", "application", "nothing says otherwise"),
    "sql": ("image: bitnami/postgresql:16", "database", "its image is postgresql"),
    "redis-worker": ("image: own/app", "worker", "its name says 'worker'"),
    "jobs-of-redis": ("image: own/redis-worker", "cache", "its name says 'redis'"),
    "worker-db": ("image: own/app", "database", "its name says 'db'"),
    "backup-db": ("image: own/app", "backup", "its name says 'backup'"),
    "db-migrate": ("image: own/app\n    restart: always", "application", "nothing says otherwise"),
    "seedbox": ("image: own/app", "application", "nothing says otherwise"),
    "coworker": ("image: own/app", "application", "nothing says otherwise"),
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(CASES))
def test_the_role_and_its_reason(name: str, tmp_path: Path) -> None:
    text, role, reason = CASES[name]
    path = tmp_path / "compose.yaml"
    path.write_text(f"services:\n  {name}:\n    {text}\n")

    service = Stack.load([path]).service(name)

    assert (service.role, service.role_reason) == (role, reason)


@pytest.mark.parametrize(
    ("services", "reason"),
    [
        ("  a: {image: i}\n  b: {image: i, depends_on: {a: {condition: service_completed_successfully}}}\n", "b waits"),
        ("  a: {image: i, deploy: {mode: replicated-job}}\n", "its deploy mode is replicated-job"),
    ],
)
def test_a_job_is_known_by_who_waits_for_it_or_by_its_mode(services: str, reason: str, tmp_path: Path) -> None:
    path = tmp_path / "compose.yaml"
    path.write_text(f"services:\n{services}")

    service = Stack.load([path]).service("a")

    assert service.one_shot
    assert service.role == "job"
    assert reason in service.role_reason


def test_a_job_in_a_databases_image_is_no_database(tmp_path: Path) -> None:
    path = tmp_path / "compose.yaml"
    path.write_text("services:\n  seed: {image: 'postgres:16', command: psql -f /seed.sql}\n")

    assert Stack.load([path]).service("seed").role == "job"


@pytest.mark.parametrize(
    ("config", "is_job"),
    [
        ("profiles: [debug]", True),
        ("profiles: [debug], restart: always", False),
        ("profiles: [debug], ports: ['5555:5555']", False),
        ("profiles: [debug], image: 'postgres:16'", False),
    ],
)
def test_what_runs_only_when_asked_for_is_a_job_unless_it_serves(config: str, is_job: bool, tmp_path: Path) -> None:
    path = tmp_path / "compose.yaml"
    image = "" if "image" in config else "image: own/app, "
    path.write_text(f"services:\n  a: {{image: i}}\n  cli: {{{image}{config}}}\n")

    assert Stack.load([path]).service("cli").one_shot is is_job


JOBS = [
    "image: own/app, command: alembic upgrade head",
    "image: own/app, command: [sh, -c, 'wait-for db && alembic -c a.ini upgrade head']",
    "image: 'flyway/flyway:10', command: [-url=jdbc, migrate]",
    "image: own/app, command: python manage.py migrate --noinput",
    "image: own/app, command: bundle exec rails db:migrate",
    "image: minio/mc, entrypoint: [/bin/sh, -c, 'mc alias set a b; mc mb a/x; exit 0;']",
    "image: own/app, command: alembic upgrade head, restart: on-failure",
    "image: 'migrate/migrate', command: [-path=/m, up]",
]
NO_JOBS = [
    "image: own/app, command: [sh, -c, 'alembic upgrade head && exec uvicorn app:app']",
    "image: own/app, command: [sh, -c, 'python manage.py migrate; gunicorn shop']",
    "image: own/app, command: alembic upgrade head, restart: always",
    "image: own/app, command: alembic upgrade head, ports: ['8080:8080']",
    "image: minio/mc, command: mirror --watch a b",
    "image: own/app, command: mcd mb",
]


@pytest.mark.parametrize(("config", "is_job"), [(one, True) for one in JOBS] + [(one, False) for one in NO_JOBS])
def test_a_command_that_ends_in_a_migration_tells_a_job(config: str, is_job: bool, tmp_path: Path) -> None:
    path = tmp_path / "compose.yaml"
    path.write_text(f"services:\n  a: {{{config}}}\n")

    service = Stack.load([path]).service("a")

    assert service.one_shot is is_job
    assert (service.role == "job") is is_job


def test_a_job_by_the_profile_runs_to_its_end(tmp_path: Path) -> None:
    (tmp_path / "compose.yaml").write_text("services: {a: {image: i}}\n")
    (tmp_path / "profile.toml").write_text("[services.a]\nrole = 'job'\n")

    assert Stack.load([tmp_path / "compose.yaml"], profile=tmp_path / "profile.toml").service("a").one_shot


@pytest.mark.parametrize(
    ("restart", "is_job"),
    [
        ("", True),
        (", restart: always", False),
        (", restart: on-failure", True),
        (", restart: 'on-failure:5'", True),
        (", deploy: {restart_policy: {condition: on-failure}}", True),
        (", deploy: {restart_policy: {condition: any}}", False),
        (", deploy: {restart_policy: {delay: 5s}}", False),
    ],
)
def test_a_name_tells_a_job_only_without_a_restart_policy(restart: str, is_job: bool, tmp_path: Path) -> None:
    path = tmp_path / "compose.yaml"
    path.write_text(f"services:\n  db-migrate: {{image: i{restart}}}\n")

    assert Stack.load([path]).service("db-migrate").one_shot is is_job


def test_a_profile_overrides_the_role(tmp_path: Path) -> None:
    path = tmp_path / "compose.yaml"
    path.write_text("services: {a: {image: 'postgres:16'}}\n")
    profile = tmp_path / "profile.toml"
    profile.write_text("[services.a]\nrole = 'cache'\n")

    service = Stack.load([path], profile=profile).service("a")

    assert (service.role, service.role_reason) == ("cache", "the profile says so")


WORDPRESS = "  db: {image: 'mysql:8'}\n  wordpress: {image: wordpress, ports: ['8000:80']}\n"


@pytest.mark.parametrize(
    ("services", "edge", "reason"),
    [
        (WORDPRESS, "wordpress", "it alone publishes the web's port: 8000:80/tcp"),
        ("  a: {image: i, ports: ['80:3000']}\n", "a", "it alone publishes the web's port: 80:3000/tcp"),
        (WORDPRESS + "  admin: {image: i, ports: ['8001:80']}\n", None, ""),  # which one is it?
        (WORDPRESS + "  front: {image: nginx, ports: ['80:80']}\n", "front", "its image is nginx"),
        ("  a: {image: i, ports: ['127.0.0.1:8000:80']}\n", None, ""),
        ("  a: {image: i, ports: ['8080:8080']}\n", None, ""),
        ("  a: {image: 'postgres:16', ports: ['80:80']}\n", None, ""),
    ],
)
def test_what_alone_publishes_the_web_is_the_edge(services: str, edge: str | None, reason: str, tmp_path: Path) -> None:
    path = tmp_path / "compose.yaml"
    path.write_text(f"services:\n{services}")
    found = Stack.load([path]).by_role("edge")

    assert [service.name for service in found] == ([edge] if edge else [])
    assert not edge or found[0].role_reason == reason
