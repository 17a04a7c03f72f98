/// A verb of the [`Store`](cloakroom::store::Store) contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Verb {
    /// [`Store::load`](cloakroom::store::Store::load).
    Load,
    /// [`Store::create`](cloakroom::store::Store::create).
    Create,
    /// [`Store::commit`](cloakroom::store::Store::commit).
    Commit,
    /// [`Store::touch`](cloakroom::store::Store::touch).
    Touch,
    /// [`Store::destroy`](cloakroom::store::Store::destroy).
    Destroy,
    /// [`Store::add_member`](cloakroom::store::Store::add_member).
    AddMember,
    /// [`Store::remove_members`](cloakroom::store::Store::remove_members).
    RemoveMembers,
    /// [`Store::list_members`](cloakroom::store::Store::list_members).
    ListMembers,
    /// [`Store::list`](cloakroom::store::Store::list).
    List,
    /// [`Store::list_principals`](cloakroom::store::Store::list_principals).
    ListPrincipals,
    /// [`Store::count`](cloakroom::store::Store::count).
    Count,
}
