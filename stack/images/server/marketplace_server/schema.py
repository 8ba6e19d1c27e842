"""The schema as a list of migrations, so that two colours of different age can share one database file."""

import fcntl
from pathlib import Path

from .connection import Connection, DatabaseUnavailable

MIGRATIONS: tuple[str, ...] = (
    """
    -- Every acknowledged write is one row here; AUTOINCREMENT never hands a number out twice, not even after a delete.
    CREATE TABLE writes (
        sequence INTEGER PRIMARY KEY AUTOINCREMENT,
        kind     TEXT NOT NULL,
        subject  TEXT NOT NULL,
        at       REAL NOT NULL
    );

    -- login_name is NULL where the name was already taken: such an account logs in by its id (see accounts.py).
    CREATE TABLE accounts (
        id            TEXT PRIMARY KEY,
        username      TEXT NOT NULL,
        login_name    TEXT UNIQUE,
        password_hash TEXT NOT NULL,
        sequence      INTEGER NOT NULL UNIQUE REFERENCES writes,
        created_at    REAL NOT NULL
    ) WITHOUT ROWID;

    CREATE TABLE sessions (
        token_hash BLOB PRIMARY KEY,
        account_id TEXT NOT NULL REFERENCES accounts,
        created_at REAL NOT NULL,
        expires_at REAL NOT NULL
    ) WITHOUT ROWID;
    CREATE INDEX sessions_by_expiry ON sessions (expires_at);

    -- The rowid is the sequence: stable under VACUUM, which the search index relies on, and already newest-last.
    CREATE TABLE listings (
        sequence       INTEGER PRIMARY KEY REFERENCES writes,
        id             TEXT NOT NULL UNIQUE,
        vendor_id      TEXT NOT NULL REFERENCES accounts,
        title          TEXT NOT NULL,
        description    TEXT NOT NULL,
        price_piconero INTEGER NOT NULL CHECK (price_piconero BETWEEN 1 AND 9007199254740991),
        created_at     REAL NOT NULL
    );
    CREATE INDEX listings_by_vendor ON listings (vendor_id, sequence);
    CREATE VIRTUAL TABLE listings_search USING fts5 (
        title, description, content='listings', content_rowid='sequence', tokenize='unicode61 remove_diacritics 2'
    );
    CREATE TRIGGER listings_searchable AFTER INSERT ON listings BEGIN
        INSERT INTO listings_search (rowid, title, description) VALUES (NEW.sequence, NEW.title, NEW.description);
    END;

    CREATE TABLE order_states (state TEXT PRIMARY KEY, is_final INTEGER NOT NULL) WITHOUT ROWID;
    INSERT INTO order_states VALUES
        ('created', 0), ('funded', 0), ('shipped', 0), ('disputed', 0), ('released', 1), ('refunded', 1);
    CREATE TABLE order_transitions (
        from_state TEXT NOT NULL REFERENCES order_states,
        to_state   TEXT NOT NULL REFERENCES order_states,
        PRIMARY KEY (from_state, to_state)
    ) WITHOUT ROWID;
    INSERT INTO order_transitions VALUES
        ('created', 'funded'), ('funded', 'shipped'), ('shipped', 'released'), ('shipped', 'disputed'),
        ('disputed', 'released'), ('disputed', 'refunded');

    CREATE TABLE orders (
        sequence            INTEGER PRIMARY KEY REFERENCES writes,
        id                  TEXT NOT NULL UNIQUE,
        listing_id          TEXT NOT NULL REFERENCES listings (id),
        buyer_id            TEXT NOT NULL REFERENCES accounts,
        vendor_id           TEXT NOT NULL REFERENCES accounts,
        price_piconero      INTEGER NOT NULL CHECK (price_piconero BETWEEN 1 AND 9007199254740991),
        note                TEXT NOT NULL,
        state               TEXT NOT NULL DEFAULT 'created' REFERENCES order_states,
        idempotency_key     TEXT NOT NULL,
        request_fingerprint BLOB NOT NULL,
        created_at          REAL NOT NULL,
        updated_at          REAL NOT NULL,
        UNIQUE (buyer_id, idempotency_key)
    );
    CREATE INDEX orders_by_vendor ON orders (vendor_id, sequence);
    CREATE INDEX orders_by_state ON orders (state, updated_at);
    CREATE TRIGGER orders_start_created BEFORE INSERT ON orders WHEN NEW.state <> 'created' BEGIN
        SELECT RAISE(ABORT, 'an order starts as created');
    END;
    CREATE TRIGGER orders_move_as_allowed BEFORE UPDATE OF state ON orders
    WHEN NOT EXISTS (SELECT 1 FROM order_transitions WHERE from_state = OLD.state AND to_state = NEW.state) BEGIN
        SELECT RAISE(ABORT, 'this order state does not follow from the present one');
    END;
    CREATE TRIGGER orders_keep_their_terms BEFORE UPDATE OF id, listing_id, buyer_id, vendor_id, price_piconero,
        idempotency_key, request_fingerprint ON orders BEGIN
        SELECT RAISE(ABORT, 'the terms of an order never change');
    END;

    -- UNIQUE (order_id, to_state): each transition happens once, whoever asks and however often.
    CREATE TABLE order_events (
        order_id   TEXT NOT NULL REFERENCES orders (id),
        to_state   TEXT NOT NULL REFERENCES order_states,
        from_state TEXT REFERENCES order_states,
        sequence   INTEGER NOT NULL UNIQUE REFERENCES writes,
        at         REAL NOT NULL,
        PRIMARY KEY (order_id, to_state)
    ) WITHOUT ROWID;

    -- Double entry, in whole piconero: a transaction is written open, given its entries, then posted once and for all.
    CREATE TABLE ledger_accounts (
        name TEXT PRIMARY KEY,
        kind TEXT NOT NULL CHECK (kind IN ('chain', 'escrow', 'vendor', 'buyer', 'fees'))
    ) WITHOUT ROWID;
    INSERT INTO ledger_accounts VALUES
        ('chain', 'chain'), ('escrow', 'escrow'), ('vendors', 'vendor'), ('buyers', 'buyer'), ('fees', 'fees');
    CREATE TABLE ledger_transactions (
        id       TEXT PRIMARY KEY,
        order_id TEXT NOT NULL REFERENCES orders (id),
        kind     TEXT NOT NULL CHECK (kind IN ('deposit', 'release', 'refund')),
        txid     TEXT UNIQUE,
        posted   INTEGER NOT NULL DEFAULT 0 CHECK (posted IN (0, 1)),
        sequence INTEGER NOT NULL UNIQUE REFERENCES writes,
        at       REAL NOT NULL
    ) WITHOUT ROWID;
    CREATE TABLE ledger_entries (
        transaction_id  TEXT NOT NULL REFERENCES ledger_transactions,
        account         TEXT NOT NULL REFERENCES ledger_accounts,
        amount_piconero INTEGER NOT NULL
            CHECK (typeof(amount_piconero) = 'integer' AND amount_piconero <> 0
                   AND amount_piconero BETWEEN -9007199254740991 AND 9007199254740991),
        PRIMARY KEY (transaction_id, account)
    ) WITHOUT ROWID;
    CREATE INDEX ledger_entries_by_account ON ledger_entries (account, amount_piconero);
    CREATE TRIGGER ledger_posts_balanced BEFORE UPDATE OF posted ON ledger_transactions
    WHEN (SELECT COALESCE(SUM(amount_piconero), 1) FROM ledger_entries WHERE transaction_id = NEW.id) <> 0 BEGIN
        SELECT RAISE(ABORT, 'a posted transaction must sum to zero');
    END;
    CREATE TRIGGER ledger_starts_open BEFORE INSERT ON ledger_transactions WHEN NEW.posted <> 0 BEGIN
        SELECT RAISE(ABORT, 'a transaction is posted after its entries');
    END;
    CREATE TRIGGER ledger_transaction_is_final BEFORE UPDATE ON ledger_transactions WHEN OLD.posted = 1 BEGIN
        SELECT RAISE(ABORT, 'a posted transaction never changes');
    END;
    CREATE TRIGGER ledger_transaction_stays BEFORE DELETE ON ledger_transactions BEGIN
        SELECT RAISE(ABORT, 'the ledger is append only');
    END;
    CREATE TRIGGER ledger_entry_is_late BEFORE INSERT ON ledger_entries
    WHEN (SELECT posted FROM ledger_transactions WHERE id = NEW.transaction_id) = 1 BEGIN
        SELECT RAISE(ABORT, 'a posted transaction takes no further entry');
    END;
    CREATE TRIGGER ledger_entry_is_final BEFORE UPDATE ON ledger_entries BEGIN
        SELECT RAISE(ABORT, 'the ledger is append only');
    END;
    CREATE TRIGGER ledger_entry_stays BEFORE DELETE ON ledger_entries BEGIN
        SELECT RAISE(ABORT, 'the ledger is append only');
    END;

    -- What /ready writes, one row a colour: a database that cannot be written to is not ready.
    CREATE TABLE heartbeats (colour TEXT PRIMARY KEY, at REAL NOT NULL) WITHOUT ROWID;
    """,
    """
    -- An escrow belongs to an order whose buyer said where money can be returned to. minor is its subaddress in the one
    -- open 2-of-3 triple: never given twice, and the address never changes once it was told.
    CREATE TABLE escrows (
        order_id        TEXT PRIMARY KEY REFERENCES orders (id),
        refund_address  TEXT NOT NULL,
        payout_address  TEXT,
        minor           INTEGER UNIQUE CHECK (minor > 0),
        deposit_address TEXT UNIQUE,
        CHECK ((minor IS NULL) = (deposit_address IS NULL))
    ) WITHOUT ROWID;
    CREATE INDEX escrows_without_address ON escrows (order_id) WHERE minor IS NULL;
    CREATE TRIGGER escrows_keep_their_address BEFORE UPDATE OF minor, deposit_address, refund_address ON escrows
    WHEN OLD.minor IS NOT NULL BEGIN
        SELECT RAISE(ABORT, 'the address of an escrow never changes');
    END;
    CREATE TRIGGER escrows_keep_their_payee BEFORE UPDATE OF payout_address ON escrows
    WHEN OLD.payout_address IS NOT NULL BEGIN
        SELECT RAISE(ABORT, 'where an escrow pays to never changes');
    END;

    -- payout is NULL until a confirmed payout has spent the deposit.
    CREATE TABLE escrow_deposits (
        order_id        TEXT NOT NULL REFERENCES escrows,
        txid            TEXT NOT NULL,
        amount_piconero INTEGER NOT NULL CHECK (amount_piconero > 0),
        height          INTEGER NOT NULL,
        sequence        INTEGER NOT NULL UNIQUE REFERENCES writes,
        payout          INTEGER,
        PRIMARY KEY (order_id, txid)
    ) WITHOUT ROWID;

    -- Number 0 settles the order, so an order is settled once; further ones return what was deposited afterwards.
    CREATE TABLE payouts (
        order_id   TEXT NOT NULL REFERENCES escrows,
        number     INTEGER NOT NULL CHECK (number >= 0),
        kind       TEXT NOT NULL CHECK (kind IN ('release', 'refund')),
        signers    TEXT NOT NULL,
        txid       TEXT UNIQUE,
        sequence   INTEGER NOT NULL UNIQUE REFERENCES writes,
        decided_at REAL NOT NULL,
        PRIMARY KEY (order_id, number)
    ) WITHOUT ROWID;
    CREATE INDEX payouts_to_make ON payouts (sequence) WHERE txid IS NULL;
    CREATE TRIGGER payouts_happen_once BEFORE UPDATE OF txid ON payouts WHEN OLD.txid IS NOT NULL BEGIN
        SELECT RAISE(ABORT, 'a payout is made by one transaction');
    END;

    -- A signed transaction is written down before it is submitted. All attempts of a payout spend its oldest deposit
    -- (rules.spendable, Triple.sign), so the chain itself lets only one of them happen.
    CREATE TABLE payout_attempts (
        txid         TEXT PRIMARY KEY,
        order_id     TEXT NOT NULL,
        number       INTEGER NOT NULL,
        signed       TEXT NOT NULL,
        fee_piconero INTEGER NOT NULL CHECK (fee_piconero > 0),
        payments     TEXT NOT NULL,
        deposits     TEXT NOT NULL,
        at           REAL NOT NULL,
        FOREIGN KEY (order_id, number) REFERENCES payouts
    ) WITHOUT ROWID;
    CREATE INDEX payout_attempts_by_payout ON payout_attempts (order_id, number, at);

    -- Who may act for the escrows. The token grows with every change of holder, and a write under an old one is refused.
    CREATE TABLE leases (
        name       TEXT PRIMARY KEY,
        holder     TEXT NOT NULL,
        token      INTEGER NOT NULL,
        expires_at REAL NOT NULL
    ) WITHOUT ROWID;

    CREATE TABLE arbiters (
        account_id TEXT PRIMARY KEY REFERENCES accounts,
        sequence   INTEGER NOT NULL UNIQUE REFERENCES writes
    ) WITHOUT ROWID;
    """,
    """
    -- A dispute can begin as soon as there is money in the escrow, so that a vendor who never ships, or a buyer who never
    -- pays the rest, does not lock it for ever (docs/adr/0010).
    INSERT INTO order_transitions VALUES ('created', 'disputed'), ('funded', 'disputed');

    -- A chain can be reorganised: a payout remembers the block that confirmed it, and is made again when the block is gone.
    ALTER TABLE payouts ADD COLUMN height INTEGER;
    CREATE INDEX payouts_by_height ON payouts (height) WHERE txid IS NOT NULL;
    DROP TRIGGER payouts_happen_once;
    CREATE TRIGGER payouts_happen_once BEFORE UPDATE OF txid ON payouts
    WHEN OLD.txid IS NOT NULL AND NEW.txid IS NOT NULL BEGIN
        SELECT RAISE(ABORT, 'a payout is made by one transaction');
    END;

    -- What has been paid out is not looked through again in every round.
    CREATE INDEX escrow_deposits_held ON escrow_deposits (height, order_id) WHERE payout IS NULL;

    -- Up to which block the chain was compared with this database: a restored one goes on from what it knew.
    CREATE TABLE escrow_progress (one INTEGER PRIMARY KEY CHECK (one = 1), height INTEGER NOT NULL);
    INSERT INTO escrow_progress VALUES (1, 0);
    """,
    """
    -- Each output of a deposit is an input of what spends it, and has its price.
    ALTER TABLE escrow_deposits ADD COLUMN outputs INTEGER NOT NULL DEFAULT 1 CHECK (outputs > 0);
    """,
)


def migrate(connection: Connection, path: Path) -> int:
    """Bring the database to the newest schema and return its version; safe when both colours start at once.

    A database that is newer than this program is left alone: the older colour goes on with it during a deployment.
    """
    # The switch to WAL does not wait for a lock, whatever the time-out says; so the colours take turns by a file lock.
    with path.with_name(path.name + ".migrating").open("a") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
        if mode != "wal":
            raise DatabaseUnavailable(f"{path} stays in journal mode {mode}; WAL needs shared memory beside the file")
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        for number, script in enumerate(MIGRATIONS[version:], start=version + 1):
            connection.executescript(f"BEGIN IMMEDIATE; {script}; PRAGMA user_version = {number}; COMMIT;")
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    return int(version)
