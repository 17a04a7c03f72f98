/// A verb of the [`Store`](crate::store::Store) contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Verb {
    /// [`Store::load`](crate::store::Store::load).
    Load,
    /// [`Store::create`](crate::store::Store::create).
    Create,
    /// [`Store::commit`](crate::store::Store::commit).
    Commit,
    /// [`Store::touch`](crate::store::Store::touch).
    Touch,
    /// [`Store::destroy`](crate::store::Store::destroy).
    Destroy,
    /// [`Store::add_member`](crate::store::Store::add_member).
    Admit,
    /// [`Store::remove_members`](crate::store::Store::remove_members).
    Dismiss,
    /// [`Store::list_members`](crate::store::Store::list_members).
    Members,
}
