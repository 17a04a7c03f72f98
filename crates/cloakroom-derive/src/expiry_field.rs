use syn::{Attribute, Data, Fields, Index, Member, Result, Type};

/// The field that is marked with `#[session(expires_at)]`.
pub(crate) struct ExpiryField {
    pub(crate) member: Member,
    pub(crate) ty: Type,
}

/// Finds the field with the expiry. Refuses every other attribute inside of a type, which would
/// otherwise be without effect.
pub(crate) fn find(data: &Data) -> Result<Option<ExpiryField>> {
    match data {
        Data::Struct(data) => find_in(&data.fields),
        Data::Enum(data) => {
            for variant in &data.variants {
                refuse(&variant.attrs)?;
                variant.fields.iter().try_for_each(|field| refuse(&field.attrs))?;
            }
            Ok(None)
        }
        Data::Union(data) => {
            Err(syn::Error::new_spanned(data.union_token, "a union cannot be a session value; use an enum"))
        }
    }
}

fn find_in(fields: &Fields) -> Result<Option<ExpiryField>> {
    let mut found = None;
    for (index, field) in fields.iter().enumerate() {
        for attribute in attributes(&field.attrs) {
            attribute.parse_nested_meta(|setting| {
                if !setting.path.is_ident("expires_at") {
                    return Err(setting.error(
                        "a field takes `#[session(expires_at)]` only; every other setting belongs to the type",
                    ));
                }
                if found.is_some() {
                    return Err(setting.error("a value has one expiry; mark one field"));
                }
                let member = field.ident.clone().map_or_else(|| Member::Unnamed(Index::from(index)), Member::Named);
                found = Some(ExpiryField { member, ty: field.ty.clone() });
                Ok(())
            })?;
        }
    }
    Ok(found)
}

fn refuse(attrs: &[Attribute]) -> Result<()> {
    attributes(attrs).next().map_or(Ok(()), |attribute| {
        let problem =
            "settings belong to the type, not to a variant or its fields; give the enum a function, `expires_at = Self::name`";
        Err(syn::Error::new_spanned(attribute, problem))
    })
}

fn attributes(attrs: &[Attribute]) -> impl Iterator<Item = &Attribute> {
    attrs.iter().filter(|attribute| attribute.path().is_ident("session"))
}
