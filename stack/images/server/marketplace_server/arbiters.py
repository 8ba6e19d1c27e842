"""Names the accounts that decide disputes: an operator's act, for no account can appoint itself.

`python -m marketplace_server.arbiters ACCOUNT_ID` in the server's container appoints one.
"""

import sys
from collections.abc import Sequence

import sqlcipher3

from . import journal
from .connection import Connection, DatabaseUnavailable, open_connection
from .settings import Settings, SettingsError


def is_one(connection: Connection, account_id: str) -> bool:
    """Whether the account decides disputes."""
    return connection.execute("SELECT 1 FROM arbiters WHERE account_id = ?", (account_id,)).fetchone() is not None


def appoint(connection: Connection, account_id: str) -> bool:
    """Appoint an account, harmless when it is one; False when there is no such account."""
    if connection.execute("SELECT 1 FROM accounts WHERE id = ?", (account_id,)).fetchone() is None:
        return False
    if not is_one(connection, account_id):
        sequence = journal.record(connection, "arbiter", account_id)
        connection.execute("INSERT INTO arbiters (account_id, sequence) VALUES (?, ?)", (account_id, sequence))
    return True


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command. Exit codes: 0 appointed, 4 no such account, bad settings, or a database that does not open."""
    given = sys.argv[1:] if arguments is None else arguments
    if len(given) != 1:
        print("Expected one argument: the id of the account that shall decide disputes.", file=sys.stderr)
        return 4
    try:
        settings = Settings.from_environment()
        connection = open_connection(
            settings.database, settings.database_key, busy_timeout_seconds=settings.busy_timeout_seconds, writes=True
        )
    except (SettingsError, DatabaseUnavailable) as error:
        print(error, file=sys.stderr)
        return 4
    try:
        connection.execute("BEGIN IMMEDIATE")
        appointed = appoint(connection, given[0])
        connection.execute("COMMIT")
    except sqlcipher3.Error as error:
        print(f"The database could not be written to ({type(error).__name__}).", file=sys.stderr)
        return 4
    finally:
        connection.close()
    if not appointed:
        print("There is no such account.", file=sys.stderr)
    return 0 if appointed else 4


if __name__ == "__main__":
    sys.exit(main())
