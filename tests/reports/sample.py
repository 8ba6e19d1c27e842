"""A run made up of what real ones hold, so that renderings can be tested, measured and looked at without a stack."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Any

from reports.document import Planned, Run
from reports.outcome import Outcome, Result
from reports.scorecard import Scorecard, score
from reports.waivers import Waiver
from suites.entry import Area, Check, Impact, Level, Severity
from suites.notes import Measure, Moment, Note, Table

TODAY = date(2026, 11, 24)
HOSTILE = "<script>alert(1)</script>\x1b[31mred\x07 \u202egnp.exe | `x` @everyone [a](https://evil.test) ]]> {{ 7*7 }}"

_TITLES = {
    "SEC-RUN-001": ("No process in any container runs as uid 0", Area.SECURITY, Severity.HIGH),
    "SEC-TLS-001": ("TLS 1.3 is accepted", Area.SECURITY, Severity.CRITICAL),
    "SEC-SUP-001": ("Every component is supported by its vendor or its distribution", Area.SECURITY, Severity.MEDIUM),
    "RST-DB-004": ("A backup restored into an empty stack boots and serves", Area.RESTORE, Severity.CRITICAL),
    "LOAD-SLO-001": ("p95 latency is within its objective", Area.LOAD, Severity.HIGH),
    "FLV-BG-001": (
        "A blue-green switch under load loses, duplicates and fails nothing",
        Area.FAILOVER,
        Severity.CRITICAL,
    ),
    "OBS-LOG-001": (
        "A line logged by any service is found in Loki within ten seconds",
        Area.OBSERVABILITY,
        Severity.HIGH,
    ),
    "EXP-WAL-001": ("Orders survive the death of a wallet", Area.CHAOS, Severity.HIGH),
}


def entry(id_: str, severity: Severity = Severity.HIGH, area: Area = Area.SECURITY, **more: Any) -> Check:
    """A sound entry with this id."""
    given = {"title": f"The sentence of {id_} is true", "level": Level.OBSERVED, "impact": Impact.PASSIVE}
    texts = {"rationale": "It matters.", "remediation": "Mend it.", "standards": ("CIS-Docker 4.1",)}
    return Check(id=id_, area=area, severity=severity, **{**given, **texts, **more})


def result(id_: str, outcome: Outcome, subject: str = "", **more: Any) -> Result:
    """A result of the check ``id_``."""
    return Result(id_, subject, f"suites/test_sample.py::test_it[{subject}]", outcome, **more)


def run_of(checks: Iterable[Check], results: Iterable[Result], **more: Any) -> Run:
    """A run that planned exactly what it has results of."""
    results = tuple(results)
    manifest = {"started": "2026-11-24T06:00:00+00:00", "gate": "staging", "exclusions": [], **more.pop("manifest", {})}
    planned = more.pop("planned", tuple(Planned(one.id, one.subject) for one in results))
    return Run(manifest=manifest, checks=tuple(checks), results=results, planned=planned, **more)


def realistic() -> Run:
    """A run with something of everything: evidence at every level, measures, a table, a timeline, hostile text."""
    checks = [entry(id_, severity, area, title=title) for id_, (title, area, severity) in _TITLES.items()]
    results = [
        result(
            "SEC-RUN-001",
            Outcome.PASS,
            "nginx",
            notes=(Note("declared", "user: 10101:10101"), Note("observed", "uids 10101")),
        ),
        result(
            "SEC-RUN-001",
            Outcome.FAIL,
            "grafana",
            reason="grafana: processes run as uid [0], expected none as 0",
            notes=(
                Note("declared", "user: root"),
                Note("effective", "Config.User is ''"),
                Note("observed", "uid 0: /run.sh"),
            ),
            places=(("stack/compose.yaml", 214),),
        ),
        result("SEC-RUN-001", Outcome.PASS, "loki"),
        result("SEC-TLS-001", Outcome.PASS, notes=(Note("observed", "TLSv1.3, TLS_AES_256_GCM_SHA384"),)),
        result(
            "SEC-SUP-001",
            Outcome.FAIL,
            "promtail",
            reason="promtail: end of life since 2026-03, expected a supported version",
        ),
        result(
            "RST-DB-004",
            Outcome.PASS,
            seconds=41.2,
            measures=(Measure("RPO, database", 1832, "s", 3600), Measure("RTO, database", 38.4, "s", 1800)),
            tables=(
                Table(
                    "RTO by phase", ("phase", "seconds"), (("detect", "2.1"), ("decrypt", "3.0"), ("verify", "33.3"))
                ),
            ),
        ),
        result(
            "LOAD-SLO-001",
            Outcome.FAIL,
            reason="p95 is 231 ms, expected under 200 ms",
            measures=(Measure("p95", 231, "ms", 200),),
        ),
        result(
            "FLV-BG-001", Outcome.INCONCLUSIVE, reason="the green colour never became healthy", traceback="Traceback: …"
        ),
        result("OBS-LOG-001", Outcome.INCONCLUSIVE, "nginx", reason=f"Loki answered {HOSTILE}"),
        result(
            "EXP-WAL-001",
            Outcome.PASS,
            seconds=12,
            timeline=(Moment(0, "steady"), Moment(0.2, "inject Killed(wallet)"), Moment(6.1, "back in service")),
        ),
    ]
    manifest = {
        "project": "seatrial",
        "commit": "4f1b98652e0c5f3d9a7b8c6d5e4f3a2b1c0d9e8f",
        "dirty": True,
        "seed": 7,
        "command": "pytest suites --gate staging",
        "compose_sha256": "ab" * 32,
        "images": {"nginx": "sha256:" + "cd" * 32},
        "versions": {"seatrial": "0.1.0", "pytest": "9.2.0"},
        "engine": {"ServerVersion": "26.1.5"},
    }
    phases = (("bring-up", 21.4), ("security", 33.0), ("restore", 41.2), ("tear-down", 4.8))
    return run_of(
        checks, results, manifest=manifest, phases=phases, sources={one.id: ("suites/x.py", 12) for one in checks}
    )


def waivers() -> tuple[Waiver, ...]:
    """One that is used."""
    return (
        Waiver("SEC-SUP-001", "Replaced by Alloy in the next release", "platform team", date(2027, 2, 1), "promtail"),
    )


def card() -> Scorecard:
    """The realistic run, judged by itself."""
    return score((), realistic(), waivers(), TODAY)


def large(number: int, *, each: int = 10) -> Run:
    """A run of ``number`` results, ``each`` of them of one check, with evidence in most and failures in some."""
    areas, severities = list(Area), list(Severity)
    ids = [f"SEC-BIG{n // 999}-{n % 999 + 1:03}" for n in range(max(1, number // each))]
    checks = [entry(id_, severities[n % 4], areas[n % 8]) for n, id_ in enumerate(ids)]
    results = []
    for n in range(number):
        id_, subject = ids[n % len(ids)], f"service-{n // len(ids)}"
        outcome = Outcome.FAIL if n % 37 == 0 else Outcome.PASS
        reason = f"{subject}: processes run as uid [0], expected none as 0" if outcome is Outcome.FAIL else ""
        notes = (Note("declared", "user: 10101:10101"), Note("observed", f"process {n} runs as uid 10101"))
        results.append(result(id_, outcome, subject, reason=reason, notes=notes if n % 2 else (), seconds=0.01))
    return run_of(checks, results)


__all__ = ["HOSTILE", "TODAY", "card", "entry", "large", "realistic", "result", "run_of", "waivers"]
