//! The rules of browsers for cookies (RFC 6265bis §5.6, §5.7), and names that look protected but
//! are not.

use std::net::IpAddr;

use super::SameSite;
use crate::config_error::ConfigError as Error;
use crate::http::set_cookie;

/// Longer prefixes first: a name has only the first that matches.
const PREFIXES: [&str; 4] = ["__Host-Http-", "__Host-", "__Secure-", "__Http-"];
/// Browsers ignore a longer attribute.
const MAX_VALUE_LEN: usize = 1024;
/// RFC 6265 §6.1 counts name, value and attributes, RFC 6265bis only the first two; this satisfies
/// both.
const MAX_COOKIE_LEN: usize = 4096;

const INSECURE: &str = "use a name without a prefix, or leave out `insecure_for_localhost`";
const BEYOND_ONE_HOST: &str = "leave it out, or name the cookie `__Secure-...`";
const A_DOMAIN: &str = "write a name such as `shop.example`, with `xn--` for non-ASCII labels, \
    without a scheme, a port, spaces, or dots around it";

pub(super) fn name(name: &str, insecure: bool) -> Result<(), Error> {
    if name.is_empty() {
        return Err(Error::new("cookie.name", "is empty; leave it out for the default"));
    }
    if let Some(other) = name.chars().find(|c| !is_token(*c)) {
        let problem = format!("contains {other:?}; use ASCII letters, digits, `-` and `_`");
        return Err(Error::new("cookie.name", problem));
    }
    match prefix(name) {
        Some(prefix) if insecure => {
            let problem = format!("is `{name}`, and `{prefix}` needs `Secure`; {INSECURE}");
            Err(Error::new("cookie.name", problem))
        }
        Some(prefix) if prefix.len() == name.len() => {
            Err(Error::new("cookie.name", format!("is only a prefix; write `{prefix}session`")))
        }
        Some(_) => Ok(()),
        None => not_a_misspelt_prefix(name),
    }
}

/// Refuses names like `Host__session`, `__Host_session` or `__HOST-session`, which promise a
/// protection that browsers, or some of them, do not provide. Ordinary words, such as `hosting`,
/// `host` and `http_session`, pass.
fn not_a_misspelt_prefix(name: &str) -> Result<(), Error> {
    let bare = name.trim_start_matches(['-', '_']);
    let after = |prefix: &&'static str| {
        let word = prefix.trim_matches(['-', '_']);
        let start = bare.get(..word.len())?;
        start.eq_ignore_ascii_case(word).then(|| (*prefix, &bare[word.len()..]))
    };
    let Some((prefix, rest)) = PREFIXES.iter().find_map(after) else { return Ok(()) };
    let ordinary = rest.is_empty()
        || rest.starts_with(|c: char| c.is_ascii_alphanumeric())
        || (rest.starts_with('_') && !rest.starts_with("__"));
    if bare.len() == name.len() && ordinary {
        return Ok(());
    }
    let problem =
        format!("is `{name}`, which browsers do not protect like `{prefix}`; write exactly that, or another name");
    Err(Error::new("cookie.name", problem))
}

pub(super) fn partitioned(same_site: SameSite, insecure: bool) -> Result<(), Error> {
    if insecure {
        let problem = "needs `Secure`; leave out `insecure_for_localhost` or `partitioned`";
        return Err(Error::new("cookie.partitioned", problem));
    }
    if same_site != SameSite::None {
        let problem = format!(
            "is for pages embedded in other sites, where browsers send no cookie with `SameSite={}`; add \
             `same_site(SameSite::None)`, or leave out `partitioned`",
            same_site.as_str()
        );
        return Err(Error::new("cookie.partitioned", problem));
    }
    Ok(())
}

pub(super) fn domain(domain: &str, name: &str, insecure: bool) -> Result<(), Error> {
    let refuse = |problem: String| Err(Error::new("cookie.domain", problem));
    if is_host_locked(name) {
        return refuse(format!("cannot be combined with the name `{name}`; {BEYOND_ONE_HOST}"));
    }
    if insecure {
        return refuse("cannot be combined with `insecure_for_localhost`; leave out one of the two".to_owned());
    }
    if is_address(domain) {
        return refuse(format!("is the address {domain:?}, which has no hosts below it; leave it out"));
    }
    let label = |label: &str| {
        let inner = label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        (1..=63).contains(&label.len()) && inner && !label.starts_with('-') && !label.ends_with('-')
    };
    if domain.len() > 253 || !domain.split('.').all(label) {
        return refuse(format!("is {domain:?}; {A_DOMAIN}"));
    }
    if !domain.contains('.') {
        return refuse(format!("is `{domain}`, a top-level domain, for which browsers refuse cookies; leave it out"));
    }
    #[cfg(feature = "public-suffix")]
    if is_public_suffix(domain) {
        return refuse(format!(
            "is `{domain}`, below which anybody can have a host, so that browsers refuse cookies for it; leave it out, \
             or name a domain of your own below it"
        ));
    }
    Ok(())
}

/// Returns `true` if the name is in the list of public suffixes. Browsers compare without case.
#[cfg(feature = "public-suffix")]
fn is_public_suffix(domain: &str) -> bool {
    let domain = domain.to_ascii_lowercase();
    psl::suffix(domain.as_bytes()).is_some_and(|suffix| suffix.is_known() && suffix == domain.as_str())
}

pub(super) fn path(path: &str, name: &str) -> Result<(), Error> {
    let refuse = |problem: String| Err(Error::new("cookie.path", problem));
    if is_host_locked(name) && path != "/" {
        return refuse(format!("is {path:?} and must be `/` for the name `{name}`; {BEYOND_ONE_HOST}"));
    }
    if path.len() > MAX_VALUE_LEN {
        return refuse(format!("is {} bytes, and browsers ignore more than {MAX_VALUE_LEN}", path.len()));
    }
    if !path.starts_with('/') {
        return refuse(format!("is {path:?} and must begin with `/`"));
    }
    if let Some(other) = path.chars().find(|c| !c.is_ascii_graphic() || matches!(c, ';' | '?' | '#')) {
        return refuse(format!(
            "contains {other:?}; write it as `%` and two hexadecimal digits, and leave out `?` and `#`"
        ));
    }
    Ok(())
}

pub(super) fn size(name: &str, attributes: &str, token: usize) -> Result<(), Error> {
    let size = set_cookie::longest(name, attributes, token);
    if size <= MAX_COOKIE_LEN {
        return Ok(());
    }
    let problem = format!(
        "makes a cookie of {size} bytes; shorten it by {} bytes, because browsers keep at most {MAX_COOKIE_LEN}",
        size - MAX_COOKIE_LEN
    );
    Err(Error::new("cookie.name", problem))
}

/// Classifies addresses as browsers do: a name that ends in a number is IPv4, in whatever spelling
/// (WHATWG URL, "ends in a number").
fn is_address(domain: &str) -> bool {
    let domain = domain.strip_suffix('.').unwrap_or(domain);
    let last = domain.rsplit('.').next().unwrap_or_default();
    let is_hexadecimal = last
        .strip_prefix("0x")
        .or_else(|| last.strip_prefix("0X"))
        .is_some_and(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()));
    let is_decimal = !last.is_empty() && last.bytes().all(|b| b.is_ascii_digit());
    domain.parse::<IpAddr>().is_ok() || is_decimal || is_hexadecimal
}

fn is_host_locked(name: &str) -> bool {
    name.starts_with("__Host-")
}

fn prefix(name: &str) -> Option<&'static str> {
    PREFIXES.into_iter().find(|prefix| name.starts_with(prefix))
}

/// RFC 9110 §5.6.2.
fn is_token(c: char) -> bool {
    c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c)
}
