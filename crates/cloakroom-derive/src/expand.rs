use proc_macro2::{Group, TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::spanned::Spanned;
use syn::{Data, DeriveInput, Path, Result, parse_quote};

use crate::expiry_field::{self, ExpiryField};
use crate::key::Key;
use crate::parameters;
use crate::settings::Settings;

/// Writes the implementation for a type, or the error.
pub(crate) fn expand(input: &DeriveInput) -> TokenStream {
    checked(input).unwrap_or_else(|error| {
        let error = error.into_compile_error();
        // Otherwise each use of the type would be one more error.
        let placeholder = can_be_a_value(input).then(|| {
            let body = quote!(
                const KEY: &'static str = "invalid";
            );
            implementation(input, &parse_quote!(::cloakroom), &body)
        });
        quote!(#error #placeholder)
    })
}

/// Returns `false` for a type that could not implement the trait whatever its attributes.
fn can_be_a_value(input: &DeriveInput) -> bool {
    !matches!(input.data, Data::Union(_)) && input.generics.lifetimes().next().is_none()
}

fn checked(input: &DeriveInput) -> Result<TokenStream> {
    let mut settings = Settings::parse(&input.attrs)?;
    parameters::check(input, settings.key.as_ref())?;
    let key = settings.key.take().map_or_else(|| Key::default_of(&input.ident), Ok)?;
    let body = body(&key, &settings, expiry_field::find(&input.data)?)?;
    let implementation = implementation(input, &settings.library, &body);
    let checks = parameters::is_concrete(&input.generics).then(|| checks(input, &key, &settings.library));
    Ok(quote!(#implementation #checks))
}

fn implementation(input: &DeriveInput, library: &Path, body: &TokenStream) -> TokenStream {
    let name = &input.ident;
    let generics = parameters::with_bounds(&input.generics, library);
    let (parameters, arguments, conditions) = generics.split_for_impl();
    quote! {
        #[automatically_derived]
        impl #parameters #library::SessionValue for #name #arguments #conditions {
            #body
        }
    }
}

/// The items of the implementation.
fn body(key: &Key, settings: &Settings, expiry_field: Option<ExpiryField>) -> Result<TokenStream> {
    let library = &settings.library;
    let cache = settings.policy().map(|policy| quote!(const CACHE: #library::CachePolicy = #policy;));
    let expires_at = expires_at(settings, expiry_field)?
        .map(|expiry| quote!(fn expires_at(&self) -> ::core::option::Option<#library::Timestamp> { #expiry }));
    let size = settings.size.as_ref().map(|function| {
        let size = converted(&quote!(#function(self)), function);
        quote!(fn size(&self) -> ::core::option::Option<usize> { #size })
    });
    Ok(quote! {
        const KEY: &'static str = #key;
        #cache
        #expires_at
        #size
    })
}

fn expires_at(settings: &Settings, field: Option<ExpiryField>) -> Result<Option<TokenStream>> {
    match (&settings.expires_at, field) {
        (Some(function), Some(_)) => {
            let problem = "a field is marked as the expiry too; leave one of the two out";
            Err(syn::Error::new_spanned(function, problem))
        }
        (Some(function), None) => Ok(Some(converted(&quote!(#function(self)), function))),
        (None, Some(ExpiryField { member, ty })) => Ok(Some(converted(&quote!(self.#member), &ty))),
        (None, None) => Ok(None),
    }
}

/// Makes an option of a value that may be one. If its type is wrong, the compiler points at `source`.
fn converted(value: &TokenStream, source: &impl ToTokens) -> TokenStream {
    placed_at(source, quote!(::core::convert::Into::into(#value)))
}

/// Makes the compiler point at `source` if anything is wrong with the code.
fn placed_at(source: &impl ToTokens, code: TokenStream) -> TokenStream {
    let place = source.span();
    let placed = code.into_iter().map(|mut token| {
        if let TokenTree::Group(group) = &token {
            let inside = placed_at(source, group.stream());
            token = Group::new(group.delimiter(), inside).into();
        }
        // Names still mean what they mean in the rest of the code that is written.
        token.set_span(place.resolved_at(token.span()));
        token
    });
    placed.collect()
}

/// What is checked beside the implementation: a key that is an expression, and, in debug builds, that
/// no other type has the key.
fn checks(input: &DeriveInput, key: &Key, library: &Path) -> TokenStream {
    let name = &input.ident;
    let by_trait = quote!(<#name as #library::SessionValue>::KEY);
    let (key, check) = match key {
        // Not by the trait, whose missing bounds would be reported twice.
        Key::Text(text) => (quote!(#text), None),
        Key::Constant(constant) => {
            let call = placed_at(constant, quote!(#library::__private::assert_valid_key(#by_trait)));
            (by_trait, Some(quote!(const _: () = #call;)))
        }
    };
    quote! {
        #check
        #[cfg(not(test))]
        #library::__declare_value!(#name, #key);
    }
}
