//! What a server is told, and the configuration file that says it.

use crate::{
    Error,
    admin::{PASSWORD, USER},
};

/// What the process is; the same program plays every part.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Part {
    #[default]
    Data,
    ClusterNode,
    Sentinel,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Account {
    pub(crate) name: String,
    pub(crate) password: String,
    pub(crate) rules: String,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Settings {
    pub(crate) part: Part,
    pub(crate) password: Option<String>,
    pub(crate) accounts: Vec<Account>,
    pub(crate) persist: bool,
    pub(crate) lines: Vec<String>,
}

impl Settings {
    /// Refuses what would break out of its line or word in the file.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let word =
            |text: &str| !text.is_empty() && !text.contains(|c: char| c.is_whitespace() || c == '"' || c == '\'');
        let line = |text: &str| !text.contains(['\r', '\n']);
        let ensure = |fine: bool, field, remedy| if fine { Ok(()) } else { Err(Error::Setting { field, remedy }) };
        ensure(self.password.as_deref().is_none_or(word), "password", "pass one word without quotes or white space")?;
        ensure(self.lines.iter().all(|text| line(text)), "config", "pass each directive by a call of its own")?;
        for account in &self.accounts {
            let words = word(&account.name) && word(&account.password);
            ensure(words, "user", "pass a name and a password of one word each, without quotes or white space")?;
            ensure(account.name != USER, "user", "pass another name: this one is the testbed's own account")?;
            ensure(line(&account.rules), "user", "pass the rules in one line")?;
        }
        Ok(())
    }

    /// The file for a server on `port`; a cluster node also listens on `bus_port`.
    pub(crate) fn file(&self, port: u16, bus_port: u16) -> String {
        let mut lines = vec![
            format!("port {port}"),
            "bind 127.0.0.1".to_owned(),
            "daemonize no".to_owned(),
            "dir .".to_owned(),
            format!("user {USER} on >{PASSWORD} ~* &* +@all"),
        ];
        lines.extend(self.accounts.iter().map(|account| {
            let Account { name, password, rules } = account;
            format!("user {name} on >{password} {rules}")
        }));
        lines.extend(self.password.iter().map(|password| format!("requirepass {password}")));
        if self.part != Part::Sentinel {
            lines.extend(self.data_lines());
        }
        if self.part == Part::ClusterNode {
            lines.push("cluster-enabled yes".to_owned());
            lines.push(format!("cluster-port {bus_port}"));
        }
        // Last, so that a test overrides anything above.
        lines.extend(self.lines.iter().cloned());
        lines.join("\n") + "\n"
    }

    fn data_lines(&self) -> [String; 7] {
        [
            "save \"\"".to_owned(),
            format!("appendonly {}", if self.persist { "yes" } else { "no" }),
            format!("masteruser {USER}"),
            format!("masterauth {PASSWORD}"),
            // A replica attaches at once instead of after the 5 s in which others might join it.
            "repl-diskless-sync yes".to_owned(),
            "repl-diskless-sync-delay 0".to_owned(),
            "repl-ping-replica-period 1".to_owned(),
        ]
    }
}
