//! A check of debug builds: no two types that derive `SessionValue` have the same key.

use crate::config_error::ConfigError;

/// A type that derives `SessionValue`.
#[derive(Clone, Copy, Debug)]
pub struct DeclaredValue {
    /// The key of the type's value.
    pub key: &'static str,
    /// The name of the type, without its path.
    pub name: &'static str,
    /// Returns the name of the type with its path.
    pub type_name: fn() -> &'static str,
    /// Where the type is defined: file, line and column.
    pub place: (&'static str, u32, u32),
    /// The path of the module with the type.
    pub module: &'static str,
    /// The crate that Cargo was building. `None` without Cargo.
    pub package: Option<&'static str>,
}

// Every type adds itself before `main` runs, because nothing else in the program names them all.
inventory::collect!(DeclaredValue);

/// Checks that the declared values of this program have different keys.
pub(super) fn check_keys() -> Result<(), ConfigError> {
    check(inventory::iter::<DeclaredValue>.into_iter().copied().collect())
}

fn check(mut declared: Vec<DeclaredValue>) -> Result<(), ConfigError> {
    declared.retain(DeclaredValue::belongs_to_the_program);
    declared.sort_by_key(|value| (value.key, value.definition()));
    // A file that is a module of two crates, such as the library and the binary of one package,
    // defines one type as far as its values are concerned.
    declared.dedup_by_key(|value| (value.key, value.definition()));
    match declared.windows(2).find(|pair| pair[0].key == pair[1].key) {
        Some(pair) => Err(collision(&pair[0], &pair[1])),
        None => Ok(()),
    }
}

impl DeclaredValue {
    /// Returns `false` for the types of an example in the documentation: rustdoc makes one program
    /// of many examples, and a crate of its own for it.
    fn belongs_to_the_program(&self) -> bool {
        let own = self.module.split("::").next();
        self.package.is_none_or(|package| own == Some(package))
    }

    fn definition(&self) -> (&'static str, (&'static str, u32, u32)) {
        (self.name, self.place)
    }
}

fn collision(one: &DeclaredValue, other: &DeclaredValue) -> ConfigError {
    let named = |value: &DeclaredValue| {
        let (file, line, _) = value.place;
        format!("`{}` ({file}:{line})", (value.type_name)())
    };
    let problem = format!(
        "is \"{}\" for two types, {} and {}, which would overwrite each other's values; give one of them a key of its own \
         with `#[session(key = \"…\")]`",
        one.key,
        named(one),
        named(other)
    );
    ConfigError::new("session(key)", problem)
}

#[cfg(test)]
mod tests {
    use super::{DeclaredValue, check};

    const CART: DeclaredValue = DeclaredValue {
        key: "cart",
        name: "Cart",
        type_name: || "shop::cart::Cart",
        place: ("src/cart.rs", 7, 10),
        module: "shop::cart",
        package: Some("shop"),
    };

    #[test]
    fn two_types_under_one_key_are_named_with_their_places_and_the_remedy() {
        let other = DeclaredValue { type_name: || "shop::old::Cart", place: ("src/old.rs", 3, 10), ..CART };
        let error = check(vec![other, CART]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "`session(key)` is \"cart\" for two types, `shop::cart::Cart` (src/cart.rs:7) and `shop::old::Cart` \
             (src/old.rs:3), which would overwrite each other's values; give one of them a key of its own with \
             `#[session(key = \"…\")]`"
        );
    }

    #[test]
    fn a_type_that_two_versions_of_a_crate_define_is_two_types() {
        let older = DeclaredValue { place: ("registry/shop-1.0.0/src/cart.rs", 7, 10), ..CART };
        let error = check(vec![CART, older]).unwrap_err();
        assert!(error.problem().contains("registry/shop-1.0.0/src/cart.rs:7"), "{error}");
    }

    #[test]
    fn two_types_that_one_macro_call_defines_are_two_types() {
        let other = DeclaredValue { name: "Basket", type_name: || "shop::cart::Basket", ..CART };
        assert!(check(vec![CART, other]).is_err());
    }

    #[test]
    fn a_file_that_is_a_module_of_two_crates_defines_one_type() {
        let other = DeclaredValue {
            type_name: || "shop_server::cart::Cart",
            module: "shop_server::cart",
            package: Some("shop_server"),
            ..CART
        };
        assert_eq!(check(vec![CART, other]), Ok(()));
    }

    #[test]
    fn examples_in_the_documentation_may_share_a_key() {
        let example = DeclaredValue { place: ("src/lib.rs", 3, 1), module: "doctest_bundle::example_1", ..CART };
        let other = DeclaredValue { place: ("src/lib.rs", 9, 1), module: "doctest_bundle::example_2", ..CART };
        assert_eq!(check(vec![example, other, CART]), Ok(()));
    }

    #[test]
    fn types_that_another_tool_than_cargo_builds_are_compared_too() {
        let one = DeclaredValue { package: None, ..CART };
        let other = DeclaredValue { place: ("src/old.rs", 3, 10), ..one };
        assert!(check(vec![one, other]).is_err());
    }

    #[test]
    fn types_with_keys_of_their_own_are_accepted() {
        assert_eq!(check(vec![CART, DeclaredValue { key: "old-cart", ..CART }]), Ok(()));
    }
}
