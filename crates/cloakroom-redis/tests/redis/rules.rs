//! The ACL rules of the guide, changed only to use the namespaces of the tests.

/// The rules for servers with session data.
pub(crate) fn of_servers() -> String {
    documented("~shop:*").replace("~shop:*", "~test-*")
}

/// The rules for sentinels.
pub(crate) fn of_sentinels() -> String {
    documented("+sentinel|")
}

fn documented(word: &str) -> String {
    let guide = include_str!("../../guide/10-many-nodes.md");
    let mut rules = guide.lines().filter_map(|line| line.strip_prefix("ACL SETUSER shop on >PASSWORD "));
    rules.find(|rules| rules.contains(word)).expect("the guide has the rule").to_owned()
}
