/// The database behind a store, in the terms of OpenTelemetry's conventions for databases.
///
/// The spans of calls to the store carry it. It contains no user name and no password.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Endpoint {
    system: Option<&'static str>,
    database: Option<String>,
    address: Option<String>,
    port: Option<u16>,
}

impl Endpoint {
    /// A database of this system: `db.system.name`, such as `redis`, `postgresql` or `sqlite`.
    #[must_use]
    pub const fn new(system: &'static str) -> Self {
        Self { system: Some(system), database: None, address: None, port: None }
    }

    /// Sets the server, if there is only one: `server.address` and `server.port`.
    #[must_use]
    pub fn server(mut self, address: impl Into<String>, port: Option<u16>) -> Self {
        self.address = Some(address.into());
        self.port = port;
        self
    }

    /// Sets the name of the database on the server: `db.namespace`.
    #[must_use]
    pub fn database_name(mut self, name: impl Into<String>) -> Self {
        self.database = Some(name.into());
        self
    }

    /// Returns the name of the system, if it is known.
    #[must_use]
    pub const fn system(&self) -> Option<&'static str> {
        self.system
    }

    /// Returns the name of the database on the server, if it is known.
    #[must_use]
    pub fn database(&self) -> Option<&str> {
        self.database.as_deref()
    }

    /// Returns the name or the address of the server, if there is only one.
    #[must_use]
    pub fn address(&self) -> Option<&str> {
        self.address.as_deref()
    }

    /// Returns the port of the server, if there is only one.
    #[must_use]
    pub const fn port(&self) -> Option<u16> {
        self.port
    }
}
