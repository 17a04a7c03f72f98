//! The access rules in the guide, as a user copies them, for the suite's namespaces instead of the shop's.

/// Those for servers that hold sessions.
pub(crate) fn of_servers() -> String {
    documented("~shop:*").replace("~shop:*", "~test-*")
}

/// Those for sentinels.
pub(crate) fn of_sentinels() -> String {
    documented("+sentinel|")
}

fn documented(word: &str) -> String {
    let guide = include_str!("../../../../docs/guide/10-many-nodes.md");
    let mut rules = guide.lines().filter_map(|line| line.strip_prefix("ACL SETUSER shop on >PASSWORD "));
    rules.find(|rules| rules.contains(word)).expect("the guide has the rule").to_owned()
}
