-- The journal: what happened, in the order in which it became known. Rows are only ever added.
CREATE TABLE events (
    seq     INTEGER PRIMARY KEY,            -- 1, 2, 3, ... without a gap
    at_wall INTEGER NOT NULL,               -- milliseconds since the Unix epoch
    at_mono INTEGER NOT NULL,               -- milliseconds since boot
    night   TEXT,                           -- 2026-11-21
    session TEXT,
    kind    TEXT NOT NULL,
    body    TEXT NOT NULL,                  -- JSON
    hash    BLOB NOT NULL                   -- SHA-256 over the hash before and all of the above
) STRICT;

CREATE INDEX events_by_night ON events (night, seq) WHERE night IS NOT NULL;
CREATE INDEX events_by_session ON events (session, seq) WHERE session IS NOT NULL;

CREATE TRIGGER events_are_not_changed BEFORE UPDATE ON events
BEGIN
    SELECT RAISE(ABORT, 'the journal is append-only');
END;

CREATE TRIGGER events_are_not_deleted BEFORE DELETE ON events
BEGIN
    SELECT RAISE(ABORT, 'the journal is append-only');
END;

-- What the events come to: the state as of the event `seq`, so that a start need not read them all.
CREATE TABLE rows (
    kind TEXT NOT NULL,
    key  TEXT NOT NULL,
    body TEXT NOT NULL,                     -- JSON
    seq  INTEGER NOT NULL,
    PRIMARY KEY (kind, key)
) STRICT;

-- head: number of the last event. base, base_hash: the event before the first one kept, once old ones were let go.
CREATE TABLE meta (
    key   TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT;

PRAGMA user_version = 1;
