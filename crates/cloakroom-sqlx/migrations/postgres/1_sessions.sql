-- Version 1 of Cloakroom's tables, for PostgreSQL 13 and newer.
--
-- Run it in the schema that the tables are to be in: SET search_path = ... before it, if that is
-- not the default one. Instants and durations are milliseconds; instants count from the Unix epoch.
-- In texts of the application, a backslash is `\\` and the character zero is `\0`.

CREATE TABLE cloakroom_sessions (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    namespace TEXT NOT NULL,
    selector BYTEA NOT NULL CHECK (length(selector) = 16),
    -- The format of this row. A row of a format that a release does not know is left alone.
    format SMALLINT NOT NULL,
    version BIGINT NOT NULL,
    nonce BIGINT NOT NULL,
    -- The version up to which it may be incomplete, then the nonce and the version of the last
    -- write of each process, newest first; all of eight bytes, big-endian.
    writers BYTEA NOT NULL,
    verifier BYTEA NOT NULL,
    -- The secret before the current one. It is accepted until an instant after a renewal, and never
    -- after a login or a rotation, which has the instant of the replacement.
    previous_verifier BYTEA,
    previous_accepted_until BIGINT,
    previous_replaced_at BIGINT,
    created_at BIGINT NOT NULL,
    last_seen BIGINT NOT NULL,
    idle_timeout BIGINT NOT NULL,
    absolute_deadline BIGINT NOT NULL,
    persistent BOOLEAN NOT NULL,
    principal TEXT,
    logged_in_at BIGINT,
    label TEXT,
    -- The record is absent from this instant on.
    expires_at BIGINT NOT NULL,
    -- When the cleaner looks at the row. It is not updated when the session is used, so that a
    -- commit changes no index; the cleaner does that if the session is still alive.
    examine_at BIGINT NOT NULL,
    -- The selector first: it alone finds one row, also while the server has no statistics.
    UNIQUE (selector, namespace)
) WITH (fillfactor = 70);

CREATE INDEX cloakroom_sessions_to_examine ON cloakroom_sessions (examine_at);

-- The values of a session. `json` is the value, unless it is not JSON text: then `bytes` is. If
-- `state` is `sealed`, `bytes` is encrypted; if it is `absent`, the source has no such value; if it
-- is `removed`, the session has none any more.
CREATE TABLE cloakroom_values (
    session BIGINT NOT NULL REFERENCES cloakroom_sessions ON DELETE CASCADE,
    key TEXT NOT NULL,
    version BIGINT NOT NULL,
    state TEXT NOT NULL,
    json TEXT,
    bytes BYTEA,
    fresh_until BIGINT,
    PRIMARY KEY (session, key)
) WITH (fillfactor = 70);

-- The sessions of a principal, in the order of their admission.
CREATE TABLE cloakroom_members (
    admission BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    namespace TEXT NOT NULL,
    principal TEXT NOT NULL,
    selector BYTEA NOT NULL CHECK (length(selector) = 16),
    UNIQUE (selector, principal, namespace)
);

CREATE INDEX cloakroom_members_by_principal ON cloakroom_members (principal, namespace, admission);

-- The changes of the last minute or so, which every node reads to drop its copies. Unlogged: if the
-- server crashes, every node drops all its copies.
CREATE UNLOGGED TABLE cloakroom_changes (
    transaction_id XID8 NOT NULL,
    namespace TEXT NOT NULL,
    selector BYTEA NOT NULL,
    -- Identifies the write, so that its node recognises it.
    write BIGINT NOT NULL
);

CREATE INDEX cloakroom_changes_by_transaction ON cloakroom_changes (transaction_id);

-- One row. It is lost together with the changes, and gets another number when it is made again.
CREATE UNLOGGED TABLE cloakroom_feed (
    id SMALLINT PRIMARY KEY CHECK (id = 1),
    epoch BIGINT NOT NULL,
    -- Changes that this snapshot sees may have been removed.
    removed PG_SNAPSHOT NOT NULL
);

-- The clock that decides when sessions end.
CREATE FUNCTION cloakroom_now() RETURNS BIGINT LANGUAGE sql VOLATILE
    AS $$ SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)::BIGINT $$;

-- The versions of these tables that have been created.
CREATE TABLE cloakroom_migrations (
    version BIGINT PRIMARY KEY,
    applied_at BIGINT NOT NULL
);

INSERT INTO cloakroom_migrations VALUES (1, cloakroom_now());
