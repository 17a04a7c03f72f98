//! The SQL of the store. Everything that varies is a parameter.

use std::sync::OnceLock;

macro_rules! record_columns {
    () => {
        "format, version, nonce, writers, verifier, previous_verifier, previous_accepted_until, previous_replaced_at, \
         created_at, last_seen, idle_timeout, absolute_deadline, persistent, principal, logged_in_at, label, document"
    };
}

macro_rules! select_sessions {
    () => {
        concat!(
            "SELECT selector, id, expires_at, ",
            record_columns!(),
            " FROM cloakroom_sessions WHERE namespace = ? AND selector IN "
        )
    };
}

/// Parameters: namespace, selector.
pub(super) const LOAD: &str = concat!(select_sessions!(), "(?)");

/// Parameters: namespace, the selectors.
pub(super) static LOAD_MANY: Repeated = Repeated::new(concat!(select_sessions!(), "("), "?", ", ", ")");

/// Begins a transaction, and reads in it. It locks the database from its beginning: one that did so
/// with its first write would fail if another program wrote after it had read.
/// Parameters: namespace, the selectors.
pub(super) static BEGIN_AND_LOAD_MANY: Repeated =
    Repeated::new(concat!("BEGIN IMMEDIATE;\n", select_sessions!(), "("), "?", ", ", ")");

pub(super) const BEGIN: &str = "BEGIN IMMEDIATE";
pub(super) const COMMIT: &str = "COMMIT";
pub(super) const ROLL_BACK: &str = "ROLLBACK";

/// Parameters: namespace, selector, the columns of the record, its expiry twice.
pub(super) const INSERT: &str = concat!(
    "INSERT INTO cloakroom_sessions (namespace, selector, ",
    record_columns!(),
    ", expires_at, examine_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id"
);

macro_rules! update_session {
    () => {
        concat!(
            "UPDATE cloakroom_sessions SET (",
            record_columns!(),
            ", expires_at) = (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) WHERE id = ?"
        )
    };
}

macro_rules! touch_session {
    () => {
        "UPDATE cloakroom_sessions SET last_seen = ?, expires_at = ? WHERE id = ?"
    };
}

/// Parameters: the columns of the record, its expiry, the session.
pub(super) static UPDATE: Repeated = Repeated::statement(update_session!());
/// The same, at the end of a transaction.
pub(super) static UPDATE_AND_COMMIT: Repeated = Repeated::last_statement(update_session!());

/// Parameters: the last time it was seen, its expiry, the session.
pub(super) static TOUCH: Repeated = Repeated::statement(touch_session!());
/// The same, at the end of a transaction.
pub(super) static TOUCH_AND_COMMIT: Repeated = Repeated::last_statement(touch_session!());

/// Removes a session with its members. Parameters: session, namespace, selector.
pub(super) static REMOVE: Repeated = Repeated::statement(
    "DELETE FROM cloakroom_sessions WHERE id = ?; \
     DELETE FROM cloakroom_members WHERE namespace = ? AND selector = ?",
);

/// The sessions that may have expired, the first ones first. Parameters: namespace, now, number.
pub(super) const TO_EXAMINE: &str = "SELECT selector, id, expires_at FROM cloakroom_sessions \
     WHERE namespace = ? AND examine_at <= ? ORDER BY examine_at LIMIT ?";

/// Parameter: session.
pub(super) static EXAMINE_LATER: Repeated =
    Repeated::statement("UPDATE cloakroom_sessions SET examine_at = expires_at WHERE id = ?");

/// Removes the dead among the oldest members. Parameters: namespace, principal, number of members
/// to look at, now.
pub(super) const REMOVE_DEAD_MEMBERS: &str = "DELETE FROM cloakroom_members WHERE admission IN (\
     SELECT m.admission FROM (SELECT admission, namespace, selector FROM cloakroom_members \
     WHERE namespace = ? AND principal = ? ORDER BY admission LIMIT ?) m \
     WHERE NOT EXISTS (SELECT 1 FROM cloakroom_sessions s \
     WHERE s.namespace = m.namespace AND s.selector = m.selector AND s.expires_at > ?))";

/// Removes the dead among the oldest members, and among as many from an arbitrary place. Parameters:
/// namespace, principal, number of members to look at, now, a random number, number of members among
/// which the place is.
pub(super) const REMOVE_SOME_DEAD_MEMBERS: &str = "DELETE FROM cloakroom_members WHERE admission IN (\
     SELECT m.admission FROM (\
     SELECT * FROM (SELECT admission, namespace, selector FROM cloakroom_members \
     WHERE namespace = ?1 AND principal = ?2 ORDER BY admission LIMIT ?3) UNION ALL \
     SELECT * FROM (SELECT admission, namespace, selector FROM cloakroom_members \
     WHERE namespace = ?1 AND principal = ?2 ORDER BY admission LIMIT ?3 OFFSET (\
     SELECT ?5 % max(count(*), 1) FROM (SELECT 1 FROM cloakroom_members \
     WHERE namespace = ?1 AND principal = ?2 LIMIT ?6)))) m \
     WHERE NOT EXISTS (SELECT 1 FROM cloakroom_sessions s \
     WHERE s.namespace = m.namespace AND s.selector = m.selector AND s.expires_at > ?4))";

/// Parameters: namespace, principal.
pub(super) const COUNT_MEMBERS: &str = "SELECT count(*) FROM cloakroom_members WHERE namespace = ? AND principal = ?";

/// Parameters: namespace, selector, principal.
pub(super) const IS_MEMBER: &str =
    "SELECT count(*) FROM cloakroom_members WHERE namespace = ? AND selector = ? AND principal = ?";

/// Parameters: namespace, selector, principal.
pub(super) const ADD_MEMBER: &str = "INSERT INTO cloakroom_members (namespace, selector, principal) VALUES (?, ?, ?)";

/// Parameters: namespace, selector, principal.
pub(super) static REMOVE_MEMBER: Repeated =
    Repeated::statement("DELETE FROM cloakroom_members WHERE namespace = ? AND selector = ? AND principal = ?");

/// The oldest of the members that are older than the newest live ones, without a session itself. The
/// live ones are found from the end, one by one. Parameters: namespace, principal, selector, number
/// of live ones, number, now.
pub(super) const OLDER_THAN_LIVE: &str = "SELECT selector FROM cloakroom_members \
     WHERE namespace = ?1 AND principal = ?2 AND selector <> ?3 \
     AND admission < CASE ?4 WHEN 0 THEN 9223372036854775807 ELSE coalesce((\
     SELECT m.admission FROM cloakroom_members m \
     WHERE m.namespace = ?1 AND m.principal = ?2 AND m.selector <> ?3 \
     AND EXISTS (SELECT 1 FROM cloakroom_sessions s \
     WHERE s.namespace = m.namespace AND s.selector = m.selector AND s.expires_at > ?6) \
     ORDER BY m.admission DESC LIMIT 1 OFFSET max(?4 - 1, 0)), 0) END \
     ORDER BY admission LIMIT ?5";

/// The members after an admission, each with the summary of its session if that is alive.
/// Parameters: now, namespace, principal, admission, number.
pub(super) const LIST_MEMBERS: &str = "SELECT m.admission, m.selector, s.format, s.created_at, s.last_seen, \
     s.idle_timeout, s.absolute_deadline, s.persistent, s.principal, s.logged_in_at, s.label \
     FROM cloakroom_members m LEFT JOIN cloakroom_sessions s \
     ON s.namespace = m.namespace AND s.selector = m.selector AND s.expires_at > ? \
     WHERE m.namespace = ? AND m.principal = ? AND m.admission > ? ORDER BY m.admission LIMIT ?";

/// The rows after a row, whatever their namespace, so that the rows of others in between cost no
/// more than a page. Parameters: namespace, row, number.
pub(super) const LIST: &str =
    "SELECT id, selector, namespace = ? FROM cloakroom_sessions WHERE id > ? ORDER BY id LIMIT ?";

/// The first member of each principal among the members after an admission, whatever their
/// namespace, so that the rows of others in between cost no more than a page. Parameters: namespace,
/// admission, number.
pub(super) const LIST_PRINCIPALS: &str = "SELECT m.admission, m.principal, m.namespace = ? AND NOT EXISTS (\
     SELECT 1 FROM cloakroom_members f WHERE f.namespace = m.namespace AND f.principal = m.principal \
     AND f.admission < m.admission) \
     FROM cloakroom_members m WHERE m.admission > ? ORDER BY m.admission LIMIT ?";

/// Parameters: namespace, now.
pub(super) const COUNT: &str = "SELECT count(*) FROM cloakroom_sessions WHERE namespace = ? AND expires_at > ?";

/// Text in which a part is repeated, so that one call to the connection's thread does the work of
/// several. A connection prepares each size once.
pub(super) struct Repeated {
    before: &'static str,
    repeated: &'static str,
    between: &'static str,
    after: &'static str,
    texts: [OnceLock<String>; Self::SIZES.len()],
}

impl Repeated {
    /// The numbers of repetitions, in descending order.
    pub(super) const SIZES: [usize; 7] = [64, 32, 16, 8, 4, 2, 1];

    const fn statement(repeated: &'static str) -> Self {
        Self::new("", repeated, ";\n", "")
    }

    const fn last_statement(repeated: &'static str) -> Self {
        Self::new("", repeated, ";\n", ";\nCOMMIT")
    }

    const fn new(before: &'static str, repeated: &'static str, between: &'static str, after: &'static str) -> Self {
        Self { before, repeated, between, after, texts: [const { OnceLock::new() }; Self::SIZES.len()] }
    }

    /// Splits `items` into as few parts as the sizes allow, each with the text for it.
    pub(super) fn parts<'a, T>(&'static self, mut items: &'a [T]) -> impl Iterator<Item = (&'static str, &'a [T])> {
        std::iter::from_fn(move || {
            let (place, size) = Self::SIZES.into_iter().enumerate().find(|(_, size)| *size <= items.len())?;
            let (part, rest) = items.split_at(size);
            items = rest;
            Some((self.text(place), part))
        })
    }

    fn text(&'static self, place: usize) -> &'static str {
        self.texts[place].get_or_init(|| {
            let repeated = vec![self.repeated; Self::SIZES[place]].join(self.between);
            [self.before, &repeated, self.after].concat()
        })
    }
}
