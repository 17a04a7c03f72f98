//! Makes a key for `SessionsBuilder::keys`, and prints it as an entry of a ring's text:
//!
//! ```console
//! $ cargo run -p cloakroom --example keygen -- 2
//! 2:<base64>
//! ```
//!
//! The argument is the key's number, from 0 to 255; without one it is 1. Give every key a number that none had before.

use std::error::Error;
use std::io::Write;

use cloakroom::{Key, OsRandom};

fn main() -> Result<(), Box<dyn Error>> {
    let number = std::env::args().nth(1).map_or(Ok(1), |argument| argument.parse::<u8>());
    let number = number.map_err(|_| "the number of a key is 0 to 255")?;
    let key = Key::generate(number, &OsRandom)?;
    writeln!(std::io::stdout(), "{}", *key.to_entry())?;
    Ok(())
}
