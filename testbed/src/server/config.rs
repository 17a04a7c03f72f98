//! The settings of a server, and the configuration file made from them.

use crate::{
    Error,
    admin::{PASSWORD, USER},
};
use std::path::PathBuf;

/// Files in the server's directory with the certificates and the key for TLS.
pub(crate) const CERTIFICATE: &str = "certificate.pem";
pub(crate) const KEY: &str = "key.pem";
pub(crate) const AUTHORITY: &str = "authority.pem";

/// The role of the process; one program serves all roles.
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

/// TLS settings of a server, as PEM.
#[derive(Clone)]
pub struct Tls {
    /// The server's certificate.
    pub certificate: String,
    /// The private key of the certificate.
    pub key: String,
    /// The authority whose certificates are accepted from clients and from other servers.
    pub authority: String,
    /// If `true`, clients must present a certificate.
    pub of_clients: bool,
}

/// Omits the private key.
impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tls").field("of_clients", &self.of_clients).finish_non_exhaustive()
    }
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Settings {
    pub(crate) part: Part,
    /// The path of the program, if it is not the default one.
    pub(crate) program: Option<PathBuf>,
    pub(crate) tls: Option<Tls>,
    pub(crate) password: Option<String>,
    pub(crate) accounts: Vec<Account>,
    pub(crate) persist: bool,
    pub(crate) lines: Vec<String>,
}

impl Settings {
    /// Rejects values that would break out of their line or word in the file.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let word =
            |text: &str| !text.is_empty() && !text.contains(|c: char| c.is_whitespace() || c == '"' || c == '\'');
        let line = |text: &str| !text.contains(['\r', '\n']);
        let ensure = |fine: bool, field, remedy| if fine { Ok(()) } else { Err(Error::Setting { field, remedy }) };
        ensure(self.password.as_deref().is_none_or(word), "password", "pass one word without quotes or white space")?;
        ensure(self.lines.iter().all(|text| line(text)), "config", "pass each directive in a separate call")?;
        for account in &self.accounts {
            let words = word(&account.name) && word(&account.password);
            ensure(words, "user", "pass a name and a password of one word each, without quotes or white space")?;
            ensure(account.name != USER, "user", "pass another name: this one is reserved for the testbed")?;
            ensure(line(&account.rules), "user", "pass the rules on one line")?;
        }
        Ok(())
    }

    /// The configuration file of a server on `ports`.
    pub(crate) fn file(&self, ports: Ports) -> String {
        let Ports { plain: port, bus: bus_port, tls: tls_port } = ports;
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
        if let Some(tls) = &self.tls {
            lines.extend(tls.lines(tls_port, self.part));
        }
        // The last lines override everything above.
        lines.extend(self.lines.iter().cloned());
        lines.join("\n") + "\n"
    }

    /// The other files, by name.
    pub(crate) fn files(&self) -> Vec<(&'static str, &str)> {
        let Some(tls) = &self.tls else { return Vec::new() };
        vec![(CERTIFICATE, &tls.certificate), (KEY, &tls.key), (AUTHORITY, &tls.authority)]
    }

    fn data_lines(&self) -> [String; 7] {
        [
            "save \"\"".to_owned(),
            format!("appendonly {}", if self.persist { "yes" } else { "no" }),
            format!("masteruser {USER}"),
            format!("masterauth {PASSWORD}"),
            // A replica attaches at once, instead of after the 5 s in which others might join it.
            "repl-diskless-sync yes".to_owned(),
            "repl-diskless-sync-delay 0".to_owned(),
            "repl-ping-replica-period 1".to_owned(),
        ]
    }
}

/// The ports of a server; the plain one always exists, for the testbed itself.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ports {
    pub(crate) plain: u16,
    /// For the other nodes of a cluster.
    pub(crate) bus: u16,
    pub(crate) tls: u16,
}

impl Tls {
    fn lines(&self, port: u16, part: Part) -> Vec<String> {
        let mut lines = vec![
            format!("tls-port {port}"),
            format!("tls-cert-file {CERTIFICATE}"),
            format!("tls-key-file {KEY}"),
            format!("tls-ca-cert-file {AUTHORITY}"),
            format!("tls-auth-clients {}", if self.of_clients { "yes" } else { "no" }),
        ];
        match part {
            // Sentinels then monitor, and report, the TLS ports.
            Part::Sentinel | Part::Data => lines.push("tls-replication yes".to_owned()),
            Part::ClusterNode => lines.push("tls-cluster yes".to_owned()),
        }
        lines
    }
}
