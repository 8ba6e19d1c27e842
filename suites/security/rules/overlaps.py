"""Which of our checks judges the same as another tool's rule, so that one cause is one finding whoever saw it first.

Ours speak where they look closer: they know roles, exceptions and both syntaxes, or they see the thing itself. A rule that
stands in none of these tables has no check of ours beside it.
"""

from __future__ import annotations

# ── compose-lint ─────────────────────────────────────────────────────────────────────────────────────────────────────────

# A rule that a declared check of ours judges more closely (roles, exceptions, both syntaxes, file content).
LINT_BY_DECLARED = {
    "CL-0001": "SEC-CMP-006",
    "CL-0004": "SEC-CMP-007",
    "CL-0005": "SEC-CMP-004",
    "CL-0013": "SEC-CMP-006",
    "CL-0014": "SEC-CMP-002",
    "CL-0019": "SEC-CMP-007",
    "CL-0020": "SEC-CMP-003",
    "CL-0021": "SEC-CMP-003",
    "CL-0025": "SEC-CMP-006",
    "CL-0026": "SEC-CMP-002",
}

# A rule whose effect is observed when the stack runs: then what is observed speaks, and the rule only where nothing runs.
LINT_BY_RUNNING = {
    "CL-0002": "SEC-RUN-007",
    "CL-0003": "SEC-RUN-003",
    "CL-0007": "SEC-RUN-005",
    "CL-0008": "SEC-RUN-008",
    "CL-0010": "SEC-RUN-008",
    "CL-0016": "SEC-RUN-007",
    "CL-0018": "SEC-RUN-001",
}

# Likewise, but only for findings about one subject: the rule's other subjects stay its own.
LINT_PARTS_BY_RUNNING = {"CL-0009": {"seccomp": "SEC-RUN-004"}}

# ── gixy-ng ──────────────────────────────────────────────────────────────────────────────────────────────────────────────

# A rule about what the edge answers: where the edge is asked in the same run, its answer speaks. Other services' files have
# nobody else to speak for them.
GIXY_BY_EDGE = {
    "add_header_redefinition": "SEC-HDR-001",
    "alias_traversal": "SEC-HDR-010",
    "default_server_flag": "SEC-TLS-010",
    "hsts_header": "SEC-HDR-001",
    "version_disclosure": "SEC-HDR-006",
    "weak_ssl_tls": "SEC-TLS-002",
}

# Rules that are not about security, or that ask what a file can't answer: they would only be noise in a posture.
GIXY_LEFT_OUT = {
    "nginx_cves": "a version does not tell what a distribution has mended: SEC-SUP-001 asks whether somebody mends it",
    "ssl_ecdh_curve": "nginx says itself that it does not know a curve, and SEC-TLS-004 tries the groups",
    "ssl_stapling_letsencrypt": "speed of handshakes",
    "ssl_stapling_without_resolver": "speed of handshakes",
    "quic_bpf_reuseport": "connections at a reload, which FLV checks measure",
    "http2_misdirected_request": "which server answers a reused connection: SEC-TLS-010 asks with an unknown name",
    "regex_exact_match": "style",
    "unanchored_regex": "speed",
    "low_keepalive_requests": "speed",
    "missing_resolver": "an address that changed: failover checks see it",
    "try_files_is_evil_too": "speed",
    "worker_rlimit_nofile_vs_connections": "capacity: load checks measure it",
    "add_header_content_type": "style",
    "error_log_off": "a log file called off: OBS-LOG-001 sees whether logs arrive",
}

# Single findings of rules that stay: how their texts begin, and why they would be noise.
GIXY_TEXTS_LEFT_OUT = {
    "No ssl_ciphers directive found": "nginx's own default has no weak suite with an OpenSSL of today; old protocols are "
    "a finding of their own, and SEC-TLS-003 tries the suites",
    "ssl_prefer_server_ciphers is on": "speed",
}

# ── sslyze ───────────────────────────────────────────────────────────────────────────────────────────────────────────────

# What sslyze scans and a check of ours judges by handshakes of its own; its other scans are the SEC-SSLYZE-* checks.
SSLYZE_BY_OURS = {
    "ssl_2_0_cipher_suites": "SEC-TLS-002",
    "ssl_3_0_cipher_suites": "SEC-TLS-002",
    "tls_1_0_cipher_suites": "SEC-TLS-002",
    "tls_1_1_cipher_suites": "SEC-TLS-002",
    "tls_1_2_cipher_suites": "SEC-TLS-002",
    "tls_1_3_cipher_suites": "SEC-TLS-003",
    "elliptic_curves": "SEC-TLS-004",
    "certificate_info": "SEC-TLS-006",
    "tls_1_3_early_data": "SEC-TLS-009",
    "http_headers": "SEC-HDR-001",
}

# Scans that say nothing about security.
SSLYZE_LEFT_OUT = {"session_resumption": "speed of handshakes"}
