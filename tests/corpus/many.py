"""Writes a compose file of as many services as one likes, in the mixture one meets: half of them sound, half with something to find."""

from __future__ import annotations

_HEAD = """\
x-bounded: &bounded
  restart: unless-stopped
  read_only: true
  cap_drop: [ALL]
  security_opt: ["no-new-privileges:true"]
  logging: {driver: json-file, options: {max-size: 10m}}
  deploy: {resources: {limits: {cpus: "0.5", memory: 256M, pids: 100}}}
x-environment: &environment {LOG_LEVEL: info, REGION: "${REGION:-eu}"}
services:
"""
_KINDS = (
    """\
  web-{n}:
    <<: *bounded
    image: registry.example.com/web@sha256:{digest}
    environment: {{<<: *environment, NUMBER: "{n}"}}
    depends_on: {{db-{n}: {{condition: service_healthy}}}}
    networks: [net-{n}]
    healthcheck: {{test: [CMD, curl, -fsS, "http://localhost:8000/health"], interval: 10s}}
""",
    """\
  db-{n}:
    <<: *bounded
    image: postgres:16@sha256:{digest}
    environment: {{POSTGRES_PASSWORD_FILE: /run/secrets/password}}
    secrets: [password]
    volumes: ["data-{n}:/var/lib/postgresql/data"]
    networks: [net-{n}]
    healthcheck: {{test: pg_isready, interval: 5s}}
""",
    """\
  cache-{n}:
    image: redis:7
    command: redis-server --requirepass hunter{n}abc
    ports: ["{port}:6379"]
    networks: [net-{n}]
""",
    """\
  agent-{n}:
    image: example/agent
    user: root
    volumes: ["/var/run/docker.sock:/var/run/docker.sock", "/etc:/host/etc:ro"]
    environment: ["API_TOKEN=abcdefgh{n}xyz", "PLAIN={n}"]
    healthcheck: {{test: "exit 0"}}
""",
)


def many(services: int) -> str:
    """A compose file of that many services (rounded up to a multiple of four), each group with a network and a volume of its own."""
    groups = range(-(-services // len(_KINDS)))
    made = [_HEAD]
    for n in groups:
        made += [kind.format(n=n, port=20000 + n, digest=f"{n:064x}") for kind in _KINDS]
    made.append("networks:\n" + "".join(f"  net-{n}: {{internal: true}}\n" for n in groups))
    made.append("volumes:\n" + "".join(f"  data-{n}:\n" for n in groups))
    made.append("secrets: {password: {file: ./password.txt}}\n")
    return "".join(made)
