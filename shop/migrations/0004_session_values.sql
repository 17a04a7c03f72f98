-- The carts, preferences and histories of visitors who try the shop without its session cache, by
-- the public id of their session.
CREATE TABLE session_values (
    session  TEXT    NOT NULL,
    name     TEXT    NOT NULL,
    value    TEXT    NOT NULL CHECK (json_valid(value)),
    saved_at INTEGER NOT NULL DEFAULT (unixepoch()),
    PRIMARY KEY (session, name)
) STRICT, WITHOUT ROWID;
