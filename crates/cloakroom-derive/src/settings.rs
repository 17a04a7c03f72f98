use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::meta::ParseNestedMeta;
use syn::parse::ParseStream;
use syn::{Attribute, Expr, ExprLit, ExprPath, Ident, Lit, LitInt, LitStr, Path, Result, Token, parse_quote};

use crate::duration;
use crate::key::Key;

/// Every setting, with an example for messages.
const SETTINGS: [(&str, &str); 12] = [
    ("key", "key = \"cart\""),
    ("ttl", "ttl = \"15m\""),
    ("jitter", "jitter = 10"),
    ("stale_while_revalidate", "stale_while_revalidate = \"1h\""),
    ("stale_if_error", "stale_if_error = \"1h\""),
    ("refresh_ahead", "refresh_ahead = \"30s\""),
    ("load_timeout", "load_timeout = \"3s\""),
    ("negative_ttl", "negative_ttl = \"30s\""),
    ("cache", "cache = POLICY"),
    ("expires_at", "expires_at = Self::until"),
    ("size", "size = Self::bytes"),
    ("crate", "crate = \"path\""),
];

/// The settings of a type, from its `#[session(..)]` attributes.
pub(crate) struct Settings {
    pub(crate) key: Option<Key>,
    /// A function of the value, as is `size`.
    pub(crate) expires_at: Option<ExprPath>,
    pub(crate) size: Option<ExprPath>,
    /// The path of the library.
    pub(crate) library: Path,
    /// A whole policy.
    cache: Option<Expr>,
    ttl: Option<TokenStream>,
    /// The settings of a policy beside its ttl, each with its name.
    modifiers: Vec<(Ident, TokenStream)>,
    /// The names of all settings that were given.
    given: Vec<Ident>,
}

impl Settings {
    pub(crate) fn parse(attributes: &[Attribute]) -> Result<Self> {
        let mut settings = Self {
            key: None,
            expires_at: None,
            size: None,
            library: parse_quote!(::cloakroom),
            cache: None,
            ttl: None,
            modifiers: Vec::new(),
            given: Vec::new(),
        };
        for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("session")) {
            attribute.parse_nested_meta(|setting| settings.read(&setting))?;
        }
        settings.check_policy()?;
        Ok(settings)
    }

    fn read(&mut self, setting: &ParseNestedMeta<'_>) -> Result<()> {
        let name = known_name(setting)?;
        if self.given.contains(&name) {
            return Err(setting.error(format!("`{name}` is given twice; keep one of them")));
        }
        let value = setting.value()?;
        match name.to_string().as_str() {
            "key" => self.key = Some(Key::parse(value)?),
            "ttl" => self.ttl = Some(duration::parse(value)?),
            "jitter" => self.modifiers.push((name.clone(), percentage(value)?)),
            "cache" => self.cache = Some(value.parse()?),
            "expires_at" => self.expires_at = Some(function(value)?),
            "size" => self.size = Some(function(value)?),
            "crate" => self.library = path(value)?,
            _ => self.modifiers.push((name.clone(), duration::parse(value)?)),
        }
        self.given.push(name);
        Ok(())
    }

    /// Checks that the settings of the policy fit together.
    fn check_policy(&self) -> Result<()> {
        let is_part = |name: &&Ident| *name == "ttl" || self.modifiers.iter().any(|(modifier, _)| modifier == *name);
        let Some(part) = self.given.iter().find(is_part) else { return Ok(()) };
        if self.cache.is_some() {
            let problem = format!("`cache` is the whole policy; leave `{part}` out, or `cache`");
            return Err(syn::Error::new_spanned(part, problem));
        }
        if self.ttl.is_none() {
            let problem =
                format!("`{part}` needs a `ttl`, which makes this a cached value: `ttl = \"15m\"`; state does not age");
            return Err(syn::Error::new_spanned(part, problem));
        }
        Ok(())
    }

    /// Returns the policy, if one was given.
    pub(crate) fn policy(&self) -> Option<TokenStream> {
        let library = &self.library;
        let (names, values): (Vec<_>, Vec<_>) = self.modifiers.iter().map(|(name, value)| (name, value)).unzip();
        let parts = self.ttl.as_ref().map(|ttl| quote!(#library::CachePolicy::ttl(#ttl) #( .#names(#values) )*));
        parts.or_else(|| self.cache.as_ref().map(ToTokens::to_token_stream))
    }
}

/// Returns the name of a setting, if there is such a setting and a value follows.
fn known_name(setting: &ParseNestedMeta<'_>) -> Result<Ident> {
    let name = setting.path.get_ident();
    let Some((name, (_, example))) =
        name.and_then(|name| Some((name, SETTINGS.iter().find(|(known, _)| name == known)?)))
    else {
        let names: Vec<_> = SETTINGS.iter().map(|(name, _)| format!("`{name}`")).collect();
        let unknown = setting.path.to_token_stream().to_string();
        return Err(setting.error(format!("there is no setting `{unknown}`, only {}", names.join(", "))));
    };
    if !setting.input.peek(Token![=]) {
        return Err(setting.error(format!("`{name}` needs a value: `{example}`")));
    }
    Ok(name.clone())
}

fn percentage(input: ParseStream<'_>) -> Result<TokenStream> {
    let value: Expr = input.parse()?;
    match &value {
        Expr::Lit(ExprLit { lit: Lit::Int(number), .. }) if is_percentage(number) => {}
        Expr::Lit(literal) => {
            return Err(syn::Error::new_spanned(literal, "this is a percentage, a whole number from 0 to 100"));
        }
        _ => {}
    }
    Ok(quote!(#value))
}

fn is_percentage(number: &LitInt) -> bool {
    number.base10_parse::<u8>().is_ok_and(|number| number <= 100)
}

/// Parses the path of a function.
fn function(input: ParseStream<'_>) -> Result<ExprPath> {
    match input.parse()? {
        Expr::Path(path) => Ok(path),
        other => Err(syn::Error::new_spanned(
            other,
            "this is the path of a function, without quotes or arguments, such as `Self::name` or `module::name`",
        )),
    }
}

/// Parses a path, in quotes as for serde or without.
fn path(input: ParseStream<'_>) -> Result<Path> {
    if input.peek(LitStr) {
        input.parse::<LitStr>()?.parse_with(Path::parse_mod_style)
    } else {
        input.call(Path::parse_mod_style)
    }
}
