"""Runs sslyze, where it is installed, as a process, and says which known holes its scans found.

It is under the AGPL, so it is never imported and no dependency: whoever wants its answers installs it beside us.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stack.completed import complete
from stack.errors import CannotTell

SECONDS = 120.0


@dataclass(frozen=True)
class Scan:
    """One of its scans: its name in the results, the option that asks for it, and what in its answer is a hole."""

    id: str
    option: str
    title: str
    severity: str
    why: str
    remedy: str
    problem: Callable[[Mapping[str, Any]], str | None]


def _if(field: str, bad: object, said: str) -> Callable[[Mapping[str, Any]], str | None]:
    """A problem where a field of the answer has this value. Raises KeyError where the answer has no such field."""
    return lambda result: said if result[field] == bad else None


def _robot(result: Mapping[str, Any]) -> str | None:
    found = str(result["robot_result"])
    return f"RSA decryption leaks ({found})" if found.startswith("VULNERABLE") else None


def _renegotiation(result: Mapping[str, Any]) -> str | None:
    if not result["supports_secure_renegotiation"]:
        return "renegotiation is insecure"
    return "clients may renegotiate at will" if result["is_vulnerable_to_client_renegotiation_dos"] else None


_LIBRARY = "Update the TLS library, and make new keys: the old ones may be known."
_MODERN = "ssl_protocols TLSv1.3; in nginx: the hole is not there in TLS 1.3."
SCANS = (
    Scan(
        "heartbleed", "--heartbleed", "The edge's memory can't be read (Heartbleed)", "critical",
        "Keys and passwords were read out of servers' memory this way for years.", _LIBRARY,
        _if("is_vulnerable_to_heartbleed", True, "it answers a heartbeat with its memory (CVE-2014-0160)"),
    ),
    Scan(
        "openssl_ccs_injection", "--openssl_ccs", "Keys can't be forced upon the edge (CCS injection)", "critical",
        "Who stands in between reads and changes everything.", _LIBRARY,
        _if("is_vulnerable_to_ccs_injection", True, "it takes a ChangeCipherSpec too early (CVE-2014-0224)"),
    ),
    Scan(
        "robot", "--robot", "RSA key exchange leaks nothing (ROBOT)", "high",
        "Recorded traffic is decrypted, or signatures made, with many tries.", _MODERN, _robot,
    ),
    Scan(
        "session_renegotiation", "--reneg", "Renegotiation is secure and not the client's to begin", "medium",
        "Each costs the server ten times what it costs the client.", _MODERN, _renegotiation,
    ),
    Scan(
        "tls_compression", "--compression", "TLS does not compress (CRIME)", "high",
        "The length of what is compressed tells a cookie, byte by byte.", _MODERN,
        _if("supports_compression", True, "it compresses (CVE-2012-4929)"),
    ),
    Scan(
        "tls_extended_master_secret", "--ems", "Sessions are bound to their handshake (extended master secret)", "low",
        "Without it, two handshakes can be joined at a man in the middle.", _MODERN,
        _if("supports_ems_extension", False, "it does not know the extended master secret (RFC 7627)"),
    ),
    Scan(
        "tls_fallback_scsv", "--fallback", "A forced fall back to an older version is noticed", "low",
        "Who stands in between makes both sides speak the oldest version they share.", _MODERN,
        _if("supports_fallback_scsv", False, "it does not notice a forced fall back (RFC 7507)"),
    ),
)  # fmt: skip


def program() -> str | None:
    """The path of sslyze; None where it is not installed."""
    return shutil.which("sslyze")


def scan(address: str, port: int, server_name: str) -> dict[str, Mapping[str, Any]]:
    """What sslyze found at an edge: the scan's name, its status and its answer.

    Raises:
        CannotTell: it is not installed, or could not scan.

    """
    command = program()
    if command is None:
        raise CannotTell("sslyze is not installed")
    options = [one.option for one in SCANS]
    with tempfile.TemporaryDirectory(prefix="st-sslyze-") as folder:
        file = Path(folder) / "results.json"
        argv = [command, "--quiet", f"--json_out={file}", "--mozilla_config=disable", "--sni", server_name, *options]
        done = complete([*argv, f"{address}:{port}"], timeout_seconds=SECONDS)
        try:
            (found,) = json.loads(file.read_text())["server_scan_results"]
        except (OSError, ValueError, KeyError) as error:
            raise CannotTell(f"sslyze left no results: {done.last_words()}") from error
    if found.get("scan_status") != "COMPLETED":
        raise CannotTell(f"sslyze could not scan {address}:{port}: {found.get('connectivity_status')}")
    return dict(found["scan_result"])


def problem_of(one: Scan, results: Mapping[str, Mapping[str, Any]]) -> str | None:
    """What one scan found to be a hole; None when there is none.

    Raises:
        CannotTell: the scan was not done, or its answer is another than this was written for.

    """
    answer = results.get(one.id) or {}
    if answer.get("status") != "COMPLETED":
        raise CannotTell(f"sslyze did not end its scan {one.id}: {answer.get('error_reason') or answer.get('status')}")
    try:
        return one.problem(answer["result"])
    except (KeyError, TypeError) as error:
        raise CannotTell(f"sslyze's answer to {one.id} has another form than that of version 6") from error
