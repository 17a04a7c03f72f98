//! The generic parameters of a type.

use syn::{DeriveInput, Generics, Path, Result, parse_quote};

use crate::key::Key;

/// Checks that a type owns its data, and that no two of its instances share a key.
pub(crate) fn check(input: &DeriveInput, key: Option<&Key>) -> Result<()> {
    if let Some(lifetime) = input.generics.lifetimes().next() {
        let problem = "a session owns its values, so their types have no lifetime; use `String` in place of `&str`, \
                       `Vec<T>` in place of `&[T]`";
        return Err(syn::Error::new_spanned(&lifetime.lifetime, problem));
    }
    let Some(parameter) = input.generics.params.first() else { return Ok(()) };
    let name = &input.ident;
    let problem = format!(
        "every `{name}<..>` would have the same key, and they would overwrite each other; give a key that depends on the \
         parameters, such as `key = T::KEY`, or derive for a type of its own: `struct MyValue({name}<..>);`"
    );
    match key {
        None => Err(syn::Error::new_spanned(parameter, problem)),
        Some(Key::Text(text)) => Err(syn::Error::new_spanned(text, problem)),
        Some(Key::Constant(_)) => Ok(()),
    }
}

/// Returns `true` if the implementation is for one type only.
pub(crate) fn is_concrete(generics: &Generics) -> bool {
    generics.params.is_empty()
}

/// Returns the parameters with what the trait requires of a value. Which bounds on the parameters
/// that takes, only the compiler knows.
pub(crate) fn with_bounds(generics: &Generics, library: &Path) -> Generics {
    let mut generics = generics.clone();
    if !is_concrete(&generics) {
        generics.make_where_clause().predicates.push(parse_quote! {
            Self: ::core::clone::Clone + #library::__private::Serialize + #library::__private::DeserializeOwned
                + ::core::marker::Send + ::core::marker::Sync + 'static
        });
    }
    generics
}
