-- The shop's data. Sessions are not stored here but in Cloakroom.

CREATE TABLE products (
    id       TEXT    PRIMARY KEY,
    category TEXT    NOT NULL CHECK (category IN ('hallway', 'outdoors', 'travel')),
    cents    INTEGER NOT NULL CHECK (cents >= 0),
    in_stock INTEGER NOT NULL DEFAULT 1 CHECK (in_stock IN (0, 1)),
    position INTEGER NOT NULL UNIQUE
) STRICT;

CREATE TABLE product_texts (
    product_id TEXT NOT NULL REFERENCES products (id),
    language   TEXT NOT NULL CHECK (language IN ('en', 'de')),
    name       TEXT NOT NULL,
    blurb      TEXT NOT NULL,
    PRIMARY KEY (product_id, language)
) STRICT, WITHOUT ROWID;

-- Related products, the source of recommendations.
CREATE TABLE related (
    product_id TEXT    NOT NULL REFERENCES products (id),
    other_id   TEXT    NOT NULL REFERENCES products (id),
    weight     INTEGER NOT NULL CHECK (weight > 0),
    PRIMARY KEY (product_id, other_id),
    CHECK (product_id <> other_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE users (
    id            INTEGER PRIMARY KEY,
    name          TEXT NOT NULL UNIQUE COLLATE NOCASE,
    full_name     TEXT NOT NULL,
    password_hash TEXT NOT NULL
) STRICT;

CREATE TABLE user_roles (
    user_id INTEGER NOT NULL REFERENCES users (id),
    role    TEXT    NOT NULL CHECK (role IN ('staff', 'admin')),
    PRIMARY KEY (user_id, role)
) STRICT, WITHOUT ROWID;

CREATE TABLE preferences (
    user_id  INTEGER PRIMARY KEY REFERENCES users (id),
    theme    TEXT NOT NULL CHECK (theme IN ('system', 'light', 'dark')),
    language TEXT NOT NULL CHECK (language IN ('en', 'de'))
) STRICT;

CREATE TABLE views (
    user_id    INTEGER NOT NULL REFERENCES users (id),
    product_id TEXT    NOT NULL REFERENCES products (id),
    seen_at    INTEGER NOT NULL,
    PRIMARY KEY (user_id, product_id)
) STRICT, WITHOUT ROWID;

-- Carts between a sign-out and the next sign-in. The cart of a signed-in user is in the session.
CREATE TABLE saved_carts (
    user_id    INTEGER NOT NULL REFERENCES users (id),
    product_id TEXT    NOT NULL REFERENCES products (id),
    quantity   INTEGER NOT NULL CHECK (quantity > 0),
    PRIMARY KEY (user_id, product_id)
) STRICT, WITHOUT ROWID;
