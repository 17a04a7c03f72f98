/// What a browser holds for one site.
#[derive(Clone, Debug, Default)]
pub(crate) struct Jar {
    pairs: Vec<(String, String)>,
    /// `name=value; name=value`, as it is sent.
    line: String,
}

impl Jar {
    /// What of a `Cookie` header is this site's; empty where nothing is held.
    pub(crate) fn line(&self) -> &str {
        &self.line
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.pairs.is_empty()
    }

    /// Takes the value of a `Set-Cookie` header. What ends a cookie takes it out.
    pub(crate) fn keep(&mut self, set: &str) {
        let (pair, attributes) = set.split_once(';').unwrap_or((set, ""));
        let Some((name, value)) = pair.trim().split_once('=') else { return };
        let present = self.pairs.iter_mut().find(|(present, _)| present == name);
        match (present, value.is_empty() || ends(attributes)) {
            (None, true) => return,
            (Some((_, held)), false) if held == value => return,
            (Some((_, held)), false) => value.clone_into(held),
            (Some(_), true) => self.pairs.retain(|(present, _)| present != name),
            (None, false) => self.pairs.push((name.to_owned(), value.to_owned())),
        }
        self.line = self.pairs.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ");
    }
}

fn ends(attributes: &str) -> bool {
    attributes.split(';').any(|attribute| attribute.trim().eq_ignore_ascii_case("max-age=0"))
}

#[cfg(test)]
mod tests {
    use super::Jar;

    #[test]
    fn a_cookie_is_replaced_by_its_name_and_taken_out_by_its_end() {
        let mut jar = Jar::default();
        for set in ["id=one; Path=/", "store=true", "id=two; HttpOnly", "store=; Max-Age=0", "other=; Path=/"] {
            jar.keep(set);
        }
        assert_eq!(jar.line(), "id=two");
        jar.keep("id=two; Max-Age=0");
        assert!(jar.is_empty() && jar.line().is_empty());
    }
}
