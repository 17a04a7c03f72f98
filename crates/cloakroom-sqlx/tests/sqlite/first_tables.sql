PRAGMA foreign_keys=OFF;
BEGIN TRANSACTION;
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
INSERT INTO cloakroom_sessions VALUES(1,'default',X'000000000000c10a0000000000000001',1,1,11,X'0000000000000000000000000000000b0000000000000001',X'01010101010101010101010101010101',NULL,NULL,NULL,1796000000123,1796000000123,3153600000000,-1,0,NULL,NULL,NULL,5265056738239,5265056738239,'{}');
INSERT INTO cloakroom_sessions VALUES(2,'default',X'000000000000c10a0000000000000002',1,6,-6,X'0000000000000001fffffffffffffffa000000000000000600000007000000010000000000000004',X'02020202020202020202020202020202',NULL,NULL,NULL,1796000000123,1796000090123,3153600000000,-1,0,NULL,NULL,NULL,5265056738239,5265056738239,'{"\u0000\\":{"version":6,"json":"\u0000"},"absent":{"version":2,"fresh_until":1796000060123,"absent":true},"bytes":{"version":6,"bytes":"AP97"},"cart":{"version":5,"json":{"items": {"tea": 2, "caf\u00e9": 1}, "total": 1e400, "total": 3.50}},"removed":{"version":3,"removed":true},"roles":{"version":4,"fresh_until":4922000000456,"json":["admin"]},"sealed":{"version":6,"sealed":"CQgH"}}');
INSERT INTO cloakroom_sessions VALUES(3,'default',X'000000000000c10a0000000000000003',1,2,31,X'0000000000000000000000000000001f0000000000000001',X'03030303030303030303030303030303',X'04040404040404040404040404040404',NULL,1796000000123,1796000000123,1796000000123,3153600000000,4922000000456,0,CAST(X'616461005C6F2768617261' AS TEXT),1796000000123,'Firefox on "Linux" 🦊',4922000000456,4922000000456,'{}');
INSERT INTO cloakroom_sessions VALUES(4,'default',X'000000000000c10a0000000000000004',1,3,41,X'000000000000000000000000000000290000000000000001',X'05050505050505050505050505050505',X'06060606060606060606060606060606',4922000000456,NULL,1796000000123,1796000000123,1576800000000,4922000000456,1,CAST(X'616461005C6F2768617261' AS TEXT),1796000000123,NULL,3530576738239,3530576738239,'{"cart":{"version":3,"json":{}}}');
CREATE TABLE cloakroom_members (
    admission INTEGER PRIMARY KEY AUTOINCREMENT,
    namespace TEXT NOT NULL,
    principal TEXT NOT NULL,
    selector BLOB NOT NULL CHECK (length(selector) = 16),
    UNIQUE (namespace, selector, principal)
) STRICT;
INSERT INTO cloakroom_members VALUES(1,'default',CAST(X'616461005C6F2768617261' AS TEXT),X'000000000000c10a0000000000000003');
INSERT INTO cloakroom_members VALUES(2,'default',CAST(X'616461005C6F2768617261' AS TEXT),X'000000000000c10a0000000000000004');
CREATE TABLE cloakroom_migrations (
    version INTEGER PRIMARY KEY,
    applied_at INTEGER NOT NULL
) STRICT;
INSERT INTO cloakroom_migrations VALUES(1,1796096738000);
DELETE FROM sqlite_sequence;
INSERT INTO sqlite_sequence VALUES('cloakroom_members',2);
CREATE INDEX cloakroom_sessions_to_examine ON cloakroom_sessions (namespace, examine_at);
CREATE INDEX cloakroom_members_by_principal ON cloakroom_members (namespace, principal);
COMMIT;
