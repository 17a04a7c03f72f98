//! The directives of a `Cache-Control` header (RFC 9111 §5.2), over several fields.

/// A list of directives that is well-formed to its end.
#[derive(Debug)]
pub(super) struct Directives<'a>(Vec<Directive<'a>>);

#[derive(Clone, Copy, Debug)]
struct Directive<'a> {
    text: &'a [u8],
    name: &'a [u8],
}

impl<'a> Directives<'a> {
    /// Parses the fields. `None` if any part is malformed: two caches might then read it
    /// differently.
    pub(super) fn parse(fields: impl Iterator<Item = &'a [u8]>) -> Option<Self> {
        fields.flat_map(elements).map(Directive::parse).collect::<Option<_>>().map(Self)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns `true` if no shared cache may keep the response.
    pub(super) fn is_private(&self) -> bool {
        !self.is_for_all() && (self.has_plain(b"private") || self.is_never_stored())
    }

    /// Returns `true` if no cache at all may keep the response. `must-understand` tells some caches
    /// to ignore `no-store`.
    pub(super) fn is_never_stored(&self) -> bool {
        !self.is_for_all() && self.has_plain(b"no-store") && !self.has(b"must-understand")
    }

    /// Converts the list into one for a single visitor.
    pub(super) fn made_private(&self) -> Vec<u8> {
        let for_whom: [&[u8]; 3] = [b"private", b"public", b"s-maxage"];
        let mut text = b"private".to_vec();
        let others = |directive: &&Directive<'_>| !for_whom.iter().any(|name| directive.is(name));
        for directive in self.0.iter().filter(others) {
            text.extend_from_slice(b", ");
            text.extend_from_slice(directive.text);
        }
        text
    }

    fn is_for_all(&self) -> bool {
        self.has(b"public") || self.has(b"s-maxage")
    }

    fn has(&self, name: &[u8]) -> bool {
        self.0.iter().any(|directive| directive.is(name))
    }

    /// Returns `true` if the directive occurs without an argument: `private="set-cookie"` applies
    /// only to that header, and the rest is public.
    fn has_plain(&self, name: &[u8]) -> bool {
        self.0.iter().any(|directive| directive.is(name) && directive.text == directive.name)
    }
}

impl<'a> Directive<'a> {
    fn parse(text: &'a [u8]) -> Option<Self> {
        let (name, argument) = text.split_at(text.iter().position(|byte| *byte == b'=').unwrap_or(text.len()));
        let well_formed = match argument {
            [] => true,
            [_, b'"', quoted @ .., b'"'] => is_quoted(quoted),
            [_, token @ ..] => is_token(token),
        };
        (well_formed && is_token(name)).then_some(Self { text, name })
    }

    fn is(&self, name: &[u8]) -> bool {
        self.name.eq_ignore_ascii_case(name)
    }
}

/// Splits at every comma outside of quotes. An unterminated quote stays in its element, which is
/// then malformed.
fn elements(list: &[u8]) -> impl Iterator<Item = &[u8]> {
    let (mut quoted, mut escaped) = (false, false);
    let is_end = move |byte: &u8| {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b',' => return !quoted,
            _ => {}
        }
        false
    };
    list.split(is_end).map(<[u8]>::trim_ascii).filter(|element| !element.is_empty())
}

/// Checks a text between quotes: no bare quote, no backslash that escapes nothing.
fn is_quoted(text: &[u8]) -> bool {
    let mut bytes = text.iter();
    while let Some(byte) = bytes.next() {
        if *byte == b'"' || (*byte == b'\\' && bytes.next().is_none()) {
            return false;
        }
    }
    true
}

/// RFC 9110 §5.6.2.
fn is_token(text: &[u8]) -> bool {
    !text.is_empty() && text.iter().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte))
}
