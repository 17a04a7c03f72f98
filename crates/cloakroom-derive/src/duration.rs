use proc_macro2::TokenStream;
use quote::quote;
use syn::parse::ParseStream;
use syn::{Expr, ExprLit, Lit, Result};

const FORM: &str = "a duration is a whole number and a unit, in quotes: \"500ms\", \"30s\", \"15m\", \"1h\" or \"7d\"";

/// Parses a duration: a literal with a unit, or an expression.
pub(crate) fn parse(input: ParseStream<'_>) -> Result<TokenStream> {
    let value: Expr = input.parse()?;
    let Expr::Lit(ExprLit { lit, .. }) = &value else { return Ok(quote!(#value)) };
    let Lit::Str(text) = lit else {
        return Err(syn::Error::new_spanned(
            lit,
            format!("{FORM}; or an expression such as `Duration::from_secs(30)`"),
        ));
    };
    let millis = millis(&text.value()).map_err(|problem| syn::Error::new_spanned(text, problem))?;
    Ok(quote!(::core::time::Duration::from_millis(#millis)))
}

fn millis(text: &str) -> std::result::Result<u64, &'static str> {
    let unit = text.trim_start_matches(|digit: char| digit.is_ascii_digit());
    let number = &text[..text.len() - unit.len()];
    let factor = match unit {
        "ms" => 1,
        "s" => 1000,
        "m" => 60 * 1000,
        "h" => 60 * 60 * 1000,
        "d" => 24 * 60 * 60 * 1000,
        _ => return Err(FORM),
    };
    if number.is_empty() {
        return Err(FORM);
    }
    let millis = number.parse::<u64>().ok().and_then(|number| number.checked_mul(factor));
    millis.ok_or("the duration is longer than 584 million years")
}

#[cfg(test)]
mod tests {
    use super::{FORM, millis};

    #[test]
    fn a_whole_number_with_a_unit_is_a_duration() {
        for (text, expected) in
            [("0s", 0), ("500ms", 500), ("30s", 30_000), ("15m", 900_000), ("2h", 7_200_000), ("7d", 604_800_000)]
        {
            assert_eq!(millis(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn anything_else_is_refused_with_the_form() {
        for text in ["", "15", "m", "15 m", " 15m", "15M", "1.5h", "-1s", "1h30m", "15min", "١٥m", "15us"] {
            assert_eq!(millis(text), Err(FORM), "{text}");
        }
    }

    #[test]
    fn a_duration_beyond_the_range_is_refused() {
        for text in ["18446744073709551616ms", "213503982335d"] {
            assert!(millis(text).is_err_and(|problem| problem.contains("longer")), "{text}");
        }
        assert!(millis("18446744073709551615ms").is_ok());
    }
}
