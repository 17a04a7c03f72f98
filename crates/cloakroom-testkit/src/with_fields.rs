/// Returns `$base` with some fields replaced.
///
/// The structs of a store's contract are non-exhaustive, so struct update syntax does not work in
/// other crates.
macro_rules! with_fields {
    ($base:expr, $($field:ident = $value:expr),+ $(,)?) => {{
        let mut it = $base;
        $(it.$field = $value;)+
        it
    }};
}
