-- Version 1 of Cloakroom's tables.
--
-- Instants and durations are milliseconds; instants count from the Unix epoch.

CREATE TABLE cloakroom_sessions (
    id INTEGER PRIMARY KEY,
    namespace TEXT NOT NULL,
    selector BLOB NOT NULL CHECK (length(selector) = 16),
    -- The format of this row. A row of a format that a release does not know is left alone.
    format INTEGER NOT NULL,
    version INTEGER NOT NULL,
    nonce INTEGER NOT NULL,
    -- The version up to which it may be incomplete, then the nonce and the version of the last
    -- write of each process, newest first; all of eight bytes, big-endian.
    writers BLOB NOT NULL,
    verifier BLOB NOT NULL,
    -- The secret before the current one. It is accepted until an instant after a renewal, and never
    -- after a login or a rotation, which has the instant of the replacement.
    previous_verifier BLOB,
    previous_accepted_until INTEGER,
    previous_replaced_at INTEGER,
    created_at INTEGER NOT NULL,
    last_seen INTEGER NOT NULL,
    idle_timeout INTEGER NOT NULL,
    absolute_deadline INTEGER NOT NULL,
    persistent INTEGER NOT NULL,
    principal TEXT,
    logged_in_at INTEGER,
    label TEXT,
    -- The record is absent from this instant on.
    expires_at INTEGER NOT NULL,
    -- When the cleaner looks at the row. It is not updated when the session is used, so that a
    -- commit changes no index; the cleaner does that if the session is still alive.
    examine_at INTEGER NOT NULL,
    -- The values, as JSON: {"cart": {"version": 7, "json": {"items": [1]}}}. In place of `json`,
    -- `sealed` is encrypted and in base64, `absent` says that the source has no such value, and
    -- `removed` that the session has none any more.
    document TEXT NOT NULL,
    UNIQUE (namespace, selector)
) STRICT;

CREATE INDEX cloakroom_sessions_to_examine ON cloakroom_sessions (namespace, examine_at);

-- The sessions of a principal, in the order of their admission.
CREATE TABLE cloakroom_members (
    admission INTEGER PRIMARY KEY AUTOINCREMENT,
    namespace TEXT NOT NULL,
    principal TEXT NOT NULL,
    selector BLOB NOT NULL CHECK (length(selector) = 16),
    UNIQUE (namespace, selector, principal)
) STRICT;

CREATE INDEX cloakroom_members_by_principal ON cloakroom_members (namespace, principal);

-- The versions of these tables that have been created.
CREATE TABLE cloakroom_migrations (
    version INTEGER PRIMARY KEY,
    applied_at INTEGER NOT NULL
) STRICT;

INSERT INTO cloakroom_migrations VALUES (1, unixepoch() * 1000);
