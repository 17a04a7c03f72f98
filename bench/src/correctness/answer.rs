use crate::load::{Head, named};
use crate::world::Jar;

/// What of an answer can matter to a client.
#[derive(Clone, Debug, Default)]
pub(super) struct Answer {
    /// 0 where none came.
    pub(super) status: u16,
    pub(super) body: String,
    /// The values of its `Set-Cookie` headers.
    pub(super) sets: Vec<String>,
    pub(super) cache_control: String,
    pub(super) vary: String,
}

impl Answer {
    pub(super) fn of(head: &Head<'_, '_>, body: &[u8]) -> Self {
        let joined = |name| named(head, name).collect::<Vec<_>>().join(", ");
        Self {
            status: head.code.unwrap_or_default(),
            body: String::from_utf8_lossy(body).into_owned(),
            sets: named(head, "set-cookie").map(str::to_owned).collect(),
            cache_control: joined("cache-control"),
            vary: joined("vary"),
        }
    }

    /// As it stands in a transcript.
    pub(super) fn words(&self) -> String {
        if self.status == 0 {
            return "no answer within 5 s".to_owned();
        }
        let mut words = self.status.to_string();
        if !self.body.is_empty() && self.status == 200 {
            words += &format!(" “{}”", self.body);
        }
        // In one order, for a line that is the same as the one before.
        let mut sets: Vec<_> = self.sets.iter().map(|set| set_in_short(set)).collect();
        sets.sort();
        for set in sets {
            words += &format!(" · Set-Cookie: {set}");
        }
        for (name, value) in [("Cache-Control", &self.cache_control), ("Vary", &self.vary)] {
            if !value.is_empty() {
                words += &format!(" · {name}: {value}");
            }
        }
        words
    }

    /// Whether it gives out a session's id; to take one away costs nobody anything.
    pub(super) fn gives_an_id(&self) -> bool {
        let mut jar = Jar::default();
        self.sets.iter().for_each(|set| jar.keep(set));
        !jar.is_empty()
    }

    /// What a handler said, and the status where it said nothing.
    pub(super) fn said(&self) -> String {
        match self.status {
            200 => self.body.clone(),
            status => format!("status {status}"),
        }
    }
}

/// The cookie alone, and whether it ends.
fn set_in_short(set: &str) -> String {
    let (pair, attributes) = set.split_once(';').unwrap_or((set, ""));
    let ends = attributes.split(';').any(|attribute| attribute.trim().eq_ignore_ascii_case("max-age=0"));
    format!("{}{}", shortened(pair), if ends { "; Max-Age=0" } else { "" })
}

/// Cookies by the first letters of their values, which is enough to tell them apart.
pub(super) fn shortened(cookies: &str) -> String {
    const LETTERS: usize = 6;
    let pair = |pair: &str| match pair.trim().split_once('=') {
        Some((name, value)) if value.chars().count() > LETTERS => {
            format!("{name}={}…", value.chars().take(LETTERS).collect::<String>())
        }
        _ => pair.trim().to_owned(),
    };
    cookies.split(';').map(pair).collect::<Vec<_>>().join("; ")
}
