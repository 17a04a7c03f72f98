-- The tables of version 1 with four sessions, as `pg_dump --column-inserts` of PostgreSQL 15 wrote
-- them. See first_tables.rs. This file never changes.

SELECT pg_catalog.set_config('search_path', '', false);

CREATE FUNCTION public.cloakroom_now() RETURNS bigint
    LANGUAGE sql
    AS $$ SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)::BIGINT $$;

CREATE UNLOGGED TABLE public.cloakroom_changes (
    transaction_id xid8 NOT NULL,
    namespace text NOT NULL,
    selector bytea NOT NULL,
    write bigint NOT NULL
);

CREATE UNLOGGED TABLE public.cloakroom_feed (
    id smallint NOT NULL,
    epoch bigint NOT NULL,
    removed pg_snapshot NOT NULL,
    CONSTRAINT cloakroom_feed_id_check CHECK ((id = 1))
);

CREATE TABLE public.cloakroom_members (
    admission bigint NOT NULL,
    namespace text NOT NULL,
    principal text NOT NULL,
    selector bytea NOT NULL,
    CONSTRAINT cloakroom_members_selector_check CHECK ((length(selector) = 16))
);

ALTER TABLE public.cloakroom_members ALTER COLUMN admission ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.cloakroom_members_admission_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.cloakroom_migrations (
    version bigint NOT NULL,
    applied_at bigint NOT NULL
);

CREATE TABLE public.cloakroom_sessions (
    id bigint NOT NULL,
    namespace text NOT NULL,
    selector bytea NOT NULL,
    format smallint NOT NULL,
    version bigint NOT NULL,
    nonce bigint NOT NULL,
    writers bytea NOT NULL,
    verifier bytea NOT NULL,
    previous_verifier bytea,
    previous_accepted_until bigint,
    previous_replaced_at bigint,
    created_at bigint NOT NULL,
    last_seen bigint NOT NULL,
    idle_timeout bigint NOT NULL,
    absolute_deadline bigint NOT NULL,
    persistent boolean NOT NULL,
    principal text,
    logged_in_at bigint,
    label text,
    expires_at bigint NOT NULL,
    examine_at bigint NOT NULL,
    CONSTRAINT cloakroom_sessions_selector_check CHECK ((length(selector) = 16))
)
WITH (fillfactor='70');

ALTER TABLE public.cloakroom_sessions ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.cloakroom_sessions_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.cloakroom_values (
    session bigint NOT NULL,
    key text NOT NULL,
    version bigint NOT NULL,
    state text NOT NULL,
    json text,
    bytes bytea,
    fresh_until bigint
)
WITH (fillfactor='70');

INSERT INTO public.cloakroom_feed (id, epoch, removed) VALUES (1, -2202883241450766465, '1:1:');

INSERT INTO public.cloakroom_members (admission, namespace, principal, selector) OVERRIDING SYSTEM VALUE VALUES (1, 'default', 'ada\0\\o''hara', '\x000000000000c10a0000000000000003');
INSERT INTO public.cloakroom_members (admission, namespace, principal, selector) OVERRIDING SYSTEM VALUE VALUES (2, 'default', 'ada\0\\o''hara', '\x000000000000c10a0000000000000004');

INSERT INTO public.cloakroom_migrations (version, applied_at) VALUES (1, 1796033324391);

INSERT INTO public.cloakroom_sessions (id, namespace, selector, format, version, nonce, writers, verifier, previous_verifier, previous_accepted_until, previous_replaced_at, created_at, last_seen, idle_timeout, absolute_deadline, persistent, principal, logged_in_at, label, expires_at, examine_at) OVERRIDING SYSTEM VALUE VALUES (1, 'default', '\x000000000000c10a0000000000000001', 1, 1, 11, '\x0000000000000000000000000000000b0000000000000001', '\x01010101010101010101010101010101', NULL, NULL, NULL, 1796000000123, 1796000000123, 3153600000000, -1, false, NULL, NULL, NULL, 5264993324429, 5264993324429);
INSERT INTO public.cloakroom_sessions (id, namespace, selector, format, version, nonce, writers, verifier, previous_verifier, previous_accepted_until, previous_replaced_at, created_at, last_seen, idle_timeout, absolute_deadline, persistent, principal, logged_in_at, label, expires_at, examine_at) OVERRIDING SYSTEM VALUE VALUES (2, 'default', '\x000000000000c10a0000000000000002', 1, 6, -6, '\x0000000000000001fffffffffffffffa000000000000000600000007000000010000000000000004', '\x02020202020202020202020202020202', NULL, NULL, NULL, 1796000000123, 1796000090123, 3153600000000, -1, false, NULL, NULL, NULL, 5264993324439, 5264993324439);
INSERT INTO public.cloakroom_sessions (id, namespace, selector, format, version, nonce, writers, verifier, previous_verifier, previous_accepted_until, previous_replaced_at, created_at, last_seen, idle_timeout, absolute_deadline, persistent, principal, logged_in_at, label, expires_at, examine_at) OVERRIDING SYSTEM VALUE VALUES (3, 'default', '\x000000000000c10a0000000000000003', 1, 2, 31, '\x0000000000000000000000000000001f0000000000000001', '\x03030303030303030303030303030303', '\x04040404040404040404040404040404', NULL, 1796000000123, 1796000000123, 1796000000123, 3153600000000, 4922000000456, false, 'ada\0\\o''hara', 1796000000123, 'Firefox on "Linux" 🦊', 4922000000456, 4922000000456);
INSERT INTO public.cloakroom_sessions (id, namespace, selector, format, version, nonce, writers, verifier, previous_verifier, previous_accepted_until, previous_replaced_at, created_at, last_seen, idle_timeout, absolute_deadline, persistent, principal, logged_in_at, label, expires_at, examine_at) OVERRIDING SYSTEM VALUE VALUES (4, 'default', '\x000000000000c10a0000000000000004', 1, 3, 41, '\x000000000000000000000000000000290000000000000001', '\x05050505050505050505050505050505', '\x06060606060606060606060606060606', 4922000000456, NULL, 1796000000123, 1796000000123, 1576800000000, 4922000000456, true, 'ada\0\\o''hara', 1796000000123, NULL, 3530513324453, 3530513324453);

INSERT INTO public.cloakroom_values (session, key, version, state, json, bytes, fresh_until) VALUES (2, 'absent', 2, 'absent', NULL, NULL, 1796000060123);
INSERT INTO public.cloakroom_values (session, key, version, state, json, bytes, fresh_until) VALUES (2, 'bytes', 6, 'present', NULL, '\x00ff7b', NULL);
INSERT INTO public.cloakroom_values (session, key, version, state, json, bytes, fresh_until) VALUES (2, 'cart', 5, 'present', '{"items": {"tea": 2, "caf\u00e9": 1}, "total": 1e400, "total": 3.50}', NULL, NULL);
INSERT INTO public.cloakroom_values (session, key, version, state, json, bytes, fresh_until) VALUES (2, 'removed', 3, 'removed', NULL, NULL, NULL);
INSERT INTO public.cloakroom_values (session, key, version, state, json, bytes, fresh_until) VALUES (2, 'roles', 4, 'present', '["admin"]', NULL, 4922000000456);
INSERT INTO public.cloakroom_values (session, key, version, state, json, bytes, fresh_until) VALUES (2, 'sealed', 6, 'sealed', NULL, '\x090807', NULL);
INSERT INTO public.cloakroom_values (session, key, version, state, json, bytes, fresh_until) VALUES (2, '\0\\', 6, 'present', '"\u0000"', NULL, NULL);
INSERT INTO public.cloakroom_values (session, key, version, state, json, bytes, fresh_until) VALUES (4, 'cart', 3, 'present', '{}', NULL, NULL);

SELECT pg_catalog.setval('public.cloakroom_members_admission_seq', 2, true);

SELECT pg_catalog.setval('public.cloakroom_sessions_id_seq', 4, true);

ALTER TABLE ONLY public.cloakroom_feed
    ADD CONSTRAINT cloakroom_feed_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.cloakroom_members
    ADD CONSTRAINT cloakroom_members_pkey PRIMARY KEY (admission);

ALTER TABLE ONLY public.cloakroom_members
    ADD CONSTRAINT cloakroom_members_selector_principal_namespace_key UNIQUE (selector, principal, namespace);

ALTER TABLE ONLY public.cloakroom_migrations
    ADD CONSTRAINT cloakroom_migrations_pkey PRIMARY KEY (version);

ALTER TABLE ONLY public.cloakroom_sessions
    ADD CONSTRAINT cloakroom_sessions_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.cloakroom_sessions
    ADD CONSTRAINT cloakroom_sessions_selector_namespace_key UNIQUE (selector, namespace);

ALTER TABLE ONLY public.cloakroom_values
    ADD CONSTRAINT cloakroom_values_pkey PRIMARY KEY (session, key);

CREATE INDEX cloakroom_changes_by_transaction ON public.cloakroom_changes USING btree (transaction_id);

CREATE INDEX cloakroom_members_by_principal ON public.cloakroom_members USING btree (principal, namespace, admission);

CREATE INDEX cloakroom_sessions_to_examine ON public.cloakroom_sessions USING btree (examine_at);

ALTER TABLE ONLY public.cloakroom_values
    ADD CONSTRAINT cloakroom_values_session_fkey FOREIGN KEY (session) REFERENCES public.cloakroom_sessions(id) ON DELETE CASCADE;
