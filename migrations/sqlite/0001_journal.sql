CREATE TABLE events (
    seq INTEGER PRIMARY KEY,
    at_wall INTEGER NOT NULL,
    at_mono INTEGER NOT NULL,
    night TEXT,
    session TEXT,
    kind TEXT NOT NULL,
    body TEXT NOT NULL,
    hash TEXT NOT NULL
);
CREATE INDEX events_by_night ON events (night, seq);
CREATE INDEX events_by_session ON events (session, seq);
CREATE TABLE rows (
    kind TEXT NOT NULL,
    key TEXT NOT NULL,
    body TEXT NOT NULL,
    seq INTEGER NOT NULL,
    PRIMARY KEY (kind, key)
) WITHOUT ROWID;
