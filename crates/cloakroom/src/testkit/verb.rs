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
    /// [`Store::admit`](crate::store::Store::admit).
    Admit,
    /// [`Store::dismiss`](crate::store::Store::dismiss).
    Dismiss,
    /// [`Store::members`](crate::store::Store::members).
    Members,
}
