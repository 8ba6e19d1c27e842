"""How users' passwords are stored: read in a copy of the database, judged by the hashes' own text, never shown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from stack.errors import CannotTell
from stack.journey import journey_of
from stack.model import Stack
from stack.profile import Database
from suites.check import Area, Evidence, Impact, Level, Severity, check, not_applicable
from suites.security.rules import password_hash
from suites.security.rules.finding import Finding, judge
from suites.security.test_database import DATABASE_LINE, copied, on_this_machine

MOST_ROWS = 2000
NAMES = ("%pass%", "%pwd%")


@check(
    "SEC-AUTH-004",
    title="Passwords are stored with a memory-hard hash",
    area=Area.SECURITY,
    severity=Severity.HIGH,
    level=Level.OBSERVED,
    impact=Impact.PASSIVE,
    rationale="A stolen table of fast hashes is a list of passwords by the weekend.",
    remediation="argon2id with 19 MiB and two passes or more (OWASP Password Storage); rehash at the next login.",
    standards=("OWASP-ASVS 2.4.1", "OWASP Password Storage", "CWE-916"),
)
def test_passwords_are_hashed_memory_hard(stack: Stack, evidence: Evidence) -> None:
    database = stack.profile.database
    if database is None:
        not_applicable(stack.profile.missing(DATABASE_LINE))
    if database.kind != "sqlcipher":
        not_applicable(f'[database] kind is {database.kind}: only "sqlcipher" files are opened')
    stored = _stored(stack, database)
    if not stored and stack.profile.journey is not None and not stack.attached:
        journey_of(stack).act()  # a stack that has just come up has no account yet; on our own copy one may be made
        stored = _stored(stack, database)
    if not stored:
        raise CannotTell("no account has a password yet")

    problems = Counter((column, password_hash.problem(value)) for column, value in stored)
    evidence.observed(
        f"{len(stored)} stored passwords looked at in {', '.join(sorted({column for column, _ in stored}))}"
    )
    offences = [
        Finding(f"{column}: {number} passwords: {problem}", what=column)
        for (column, problem), number in problems.items()
        if problem
    ]
    judge(offences, check="SEC-AUTH-004", evidence=evidence, profile=stack.profile)


def _stored(stack: Stack, database: Database) -> list[tuple[str, str]]:
    key = stack.secret(database.key_secret)
    with copied(on_this_machine(stack, database)) as copy:
        return list(passwords(copy, key))


def passwords(path: Path, key: str) -> Iterator[tuple[str, str]]:
    """The (table.column, value) of every stored password, found by the columns' names.

    Raises:
        CannotTell: the database does not open, or has no such column.

    """
    from sqlcipher3 import dbapi2

    connection = dbapi2.connect(str(path))
    try:
        connection.execute("PRAGMA key = '" + key.replace("'", "''") + "'")
        columns = connection.execute(
            "SELECT m.name, c.name FROM sqlite_master m JOIN pragma_table_info(m.name) c "
            "WHERE m.type = 'table' AND (c.name LIKE ? OR c.name LIKE ?)",
            NAMES,
        ).fetchall()
        if not columns:
            raise CannotTell("no column of the database is named like a password")
        for table, column in columns:
            # Names of tables and columns can't be bound; they come from the database and are quoted as SQL wants it.
            named = ".".join('"' + name.replace('"', '""') + '"' for name in (table, column))
            query = f"SELECT {named} FROM {named.partition('.')[0]} WHERE {named} IS NOT NULL ORDER BY random() LIMIT ?"
            for (value,) in connection.execute(query, (MOST_ROWS,)):
                yield f"{table}.{column}", str(value)
    except dbapi2.DatabaseError as error:
        raise CannotTell(f"the database can't be read: {error}") from error
    finally:
        connection.close()
