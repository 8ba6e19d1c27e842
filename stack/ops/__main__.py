"""The door to every operator command: `python -m stack.ops <command> --help` teaches each."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence

from stack.ops.command import BAD_INPUT, OK, Command, Parser, guarded

COMMANDS = {
    "backup-database": Command("stack.ops.backup_database", "copy the live database, verify, encrypt and keep it"),
    "backup-wallets": Command("stack.ops.backup_wallets", "store, archive, encrypt and keep the wallets' files"),
    "restore-database": Command(
        "stack.ops.restore_database", "put a verified backup in the place of the database", destructive=True
    ),
    "rescue-database": Command(
        "stack.ops.rescue_database", "stop a project's servers, restore its database, start them", destructive=True
    ),
    "restore-wallet": Command(
        "stack.ops.restore_wallet", "put a verified backup in the place of a wallet's files", destructive=True
    ),
    "rescue-wallets": Command(
        "stack.ops.rescue_wallets", "stop a project's wallets, restore their files, start and ask them", destructive=True
    ),
    "rescue-system": Command(
        "stack.ops.rescue_system", "rebuild a lost system in an empty project from its backups", destructive=True
    ),
    "deploy": Command(
        "stack.ops.deploy", "put a release into service, watch it, and take it back if it is no good", destructive=True
    ),
    "rollback": Command(
        "stack.ops.rollback", "put the release that served before back into service", destructive=True
    ),
    "list-backups": Command("stack.ops.list_backups", "show the backups of a folder, newest first"),
    "verify-backups": Command("stack.ops.verify_backups", "check every backup of a folder against its manifest"),
    "prune-backups": Command(
        "stack.ops.prune_backups", "remove backups past their age, never the last good one", destructive=True
    ),
    "backup-health": Command("stack.ops.backup_health", "tell whether the scheduler runs and its backups are fresh"),
    "validate-infrastructure": Command("stack.ops.validate", "judge the declared stack by the suites' own checks"),
    "docker-health-check": Command("stack.ops.health_check", "tell for every service whether it runs and does its work"),
    "secrets": Command("stack.ops.secrets", "make, show, encrypt, rotate and render the stack's secrets"),
    "firewall": Command(
        "stack.ops.firewall", "let only the edge's ports in, and nothing undeclared out", destructive=True
    ),
    "host-firewall": Command(
        "stack.ops.host_firewall", "set up ufw for the whole host, ports that Docker publishes included", destructive=True
    ),
}


def usage() -> str:
    """Tell what commands there are, for --help and for a wrong name."""
    width = max(len(name) for name in COMMANDS)
    lines = [f"  {name:<{width}}  {command.summary}" for name, command in COMMANDS.items()]
    return "\n".join(
        [
            "usage: python -m stack.ops <command> [--help] [--json] ...",
            "",
            "The operator's commands. Each explains itself with --help; those that replace or remove data rehearse",
            "with --dry-run. Exit codes: 0 done, 1 failed or refused (nothing live was touched), 4 bad input.",
            "",
            *lines,
            "",
        ]
    )


def main(argv: Sequence[str]) -> int:
    """Run one operator command and return its exit code."""
    if not argv or argv[0] in {"-h", "--help"}:
        sys.stdout.write(usage())
        return OK if argv else BAD_INPUT
    name, rest = argv[0], list(argv[1:])
    if name not in COMMANDS:
        sys.stderr.write(f"stack.ops: there is no command {name!r} (see python -m stack.ops --help)\n")
        return BAD_INPUT
    module = importlib.import_module(COMMANDS[name].module)
    parser = Parser(prog=f"stack.ops {name}", description=module.__doc__, conflict_handler="resolve")
    parser.add_argument("--json", action="store_true", help="answer with one JSON object instead of a sentence")
    module.add_arguments(parser)
    args = parser.parse_args(rest)
    return guarded(lambda: int(module.main(args)), prog=parser.prog, as_json=args.json)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
