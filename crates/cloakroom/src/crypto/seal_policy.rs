/// Whether the data in the shared tier is sealed: encrypted, and bound to its place so that an
/// attacker who can write to the store cannot change it, move it, or restore an earlier state.
///
/// Needs [`keys`](crate::application::SessionsBuilder::keys) and a
/// [`store`](crate::application::SessionsBuilder::store). The guide's page about many nodes lists
/// what sealing does not protect.
///
/// On a running deployment, move to the next setting only when every node has the previous one:
/// unsealed → `Prepare` → `Migrate` → `Require`, and the reverse to turn sealing off. Stay at
/// `Migrate` for as long as a session may live.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SealPolicy {
    /// Writes all data sealed, and reads only sealed data.
    Require,
    /// Writes all data sealed, and also reads unsealed data, which is counted.
    ///
    /// With this setting, an attacker who can write to the store can pass off unsealed data as
    /// genuine, so a warning is logged at start-up.
    Migrate,
    /// Writes all data unsealed, and reads sealed data too.
    ///
    /// The first step, so that every node understands what the others are about to write; and the
    /// last one when you turn sealing off. A warning is logged at start-up.
    Prepare,
}

impl SealPolicy {
    /// Returns `true` if new data is written sealed.
    pub(crate) const fn writes(self) -> bool {
        matches!(self, Self::Require | Self::Migrate)
    }

    /// Returns `true` if unsealed data may be read.
    pub(crate) const fn is_lenient(self) -> bool {
        matches!(self, Self::Migrate | Self::Prepare)
    }
}
