"""Gives the operator the secrets' whole life as one command: made, looked at, changed, encrypted, rotated, handed out."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from stack import rotation, secrets
from stack.driver import Driver
from stack.errors import UserError
from stack.progress import Progress
from stack.project import environment

ROOT = Path(__file__).resolve().parents[2]
SUMMARY = "make, view, edit, encrypt, rotate and render the stack's secrets"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments on `parser`."""
    parser.description = (
        "The stack's secrets live in stack/secrets.enc.yaml, encrypted value by value with SOPS; .operator/age.key opens it."
    )
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    actions.add_parser("init", help="make the age key, strong random secrets and the backup key where they are missing")
    view = actions.add_parser("view", help="list the names, or print one value")
    view.add_argument("name", nargs="?", help="the secret whose value is printed")
    actions.add_parser("edit", help="open the decrypted file in $EDITOR and encrypt what was changed")
    encrypt = actions.add_parser("encrypt", help="encrypt a JSON object of name to value, read from standard input or a file")
    encrypt.add_argument("file", nargs="?", type=Path, help="the plain file (default: standard input); it is left where it is")
    encrypt.add_argument("--dry-run", action="store_true", help="check names and values, replace nothing")
    rotate = actions.add_parser(
        "rotate",
        help="give secrets new values; with --project also in that running project",
        description="Draws new values. With --project the services that read them are restarted one group after another "
        "and must become healthy with them; a run that was killed is completed by the next. Without, only the file changes.",
    )
    rotate.add_argument("names", nargs="+", metavar="NAME")
    rotate.add_argument("--project", help="render the new values for this project and restart what reads them")
    rotate.add_argument("--dry-run", action="store_true", help="say what would be rotated and restarted, change nothing")
    render = actions.add_parser("render", help="write the files the services of a project read")
    render.add_argument("--project", default="seatrial", help="the compose project (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="answer in JSON")


def main(args: argparse.Namespace) -> int:
    """Run the chosen action; raises `UserError` with one sentence for what the operator can mend."""
    answer = _act(args)
    if args.json:
        print(json.dumps(answer))
    else:
        print(answer.pop("text"))
    return 0


def _act(args: argparse.Namespace) -> dict[str, object]:
    match args.action:
        case "init":
            made = secrets.ensure(ROOT)
            return {"made": made, "text": "made what was missing" if made else "everything is there: nothing was made"}
        case "view":
            return _view(args.name)
        case "edit":
            secrets.edit(ROOT)
            return {"text": "done"}
        case "encrypt":
            return _encrypt(args.file, dry_run=args.dry_run)
        case "rotate" if args.project and not args.dry_run:
            return _rotate_in(args.project, args.names, quiet=args.json)
        case "rotate":
            if args.project:
                rotation.require(ROOT, args.names)
            services = secrets.rotate(ROOT, args.names, dry_run=args.dry_run)
            verb = "would be rotated" if args.dry_run else "rotated"
            text = f"{', '.join(args.names)} {verb}; then render and restart: {', '.join(services) or 'nothing'}"
            return {"rotated": args.names, "restart": services, "dry_run": args.dry_run, "text": text}
        case _:
            folder = secrets.render(secrets.decrypt(ROOT), ROOT / ".seatrial" / args.project)
            return {"folder": str(folder), "text": f"written below {folder}"}


def _rotate_in(project: str, names: list[str], *, quiet: bool) -> dict[str, object]:
    driver = Driver.connect(project, (), env=environment(project))
    done = rotation.rotate(ROOT, driver, ROOT / ".seatrial" / project, names, progress=Progress(quiet=quiet))
    what = "completed the rotation of" if done.resumed else "rotated"
    text = f"{what} {', '.join(done.names)}; restarted and healthy: {', '.join(done.restarted) or 'nothing runs'}"
    return {"rotated": list(done.names), "restarted": list(done.restarted), "resumed": done.resumed, "text": text}


def _view(name: str | None) -> dict[str, object]:
    values = secrets.decrypt(ROOT)
    if name is None:
        return {"names": sorted(values), "text": "\n".join(sorted(values))}
    if name not in values:
        message = f"unknown secret {name}: the file holds {', '.join(sorted(values))}"
        raise UserError(message)
    return {"name": name, "value": values[name], "text": values[name]}


def _encrypt(file: Path | None, *, dry_run: bool) -> dict[str, object]:
    try:
        values = json.loads(file.read_text() if file else sys.stdin.read())
    except OSError as error:
        message = f"{file} can't be read: {error.strerror}"
        raise UserError(message) from error
    except ValueError as error:
        message = f"{file or 'standard input'} is not JSON: {error}"
        raise UserError(message) from error
    if not isinstance(values, dict) or not all(isinstance(value, str) for value in values.values()):
        message = f"{file or 'standard input'} is not a JSON object of strings"
        raise UserError(message)
    secrets.check(values)
    if not dry_run:
        secrets.encrypt(ROOT, values)
    return {"encrypted": not dry_run, "text": "names and values are good" if dry_run else "encrypted"}
