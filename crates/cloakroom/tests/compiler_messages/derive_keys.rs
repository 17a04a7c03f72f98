//! A bad key is reported where it stands. The type counts as a value all the same, so that its uses
//! are not errors too.

use cloakroom::SessionValue;
use serde::{Deserialize, Serialize};

#[derive(Clone, Serialize, Deserialize, SessionValue)]
#[session(ttl = "15m", key = "GuestCart")]
struct Capitals(Vec<String>);

#[derive(Clone, Serialize, Deserialize, SessionValue)]
#[session(key = "")]
struct Empty;

#[derive(Clone, Serialize, Deserialize, SessionValue)]
#[session(key = "a_key_of_sixty_five_characters_which_is_one_more_than_is_allowed_")]
struct Long;

#[derive(Clone, Serialize, Deserialize, SessionValue)]
#[session(key = 7)]
struct Number;

#[derive(Clone, Serialize, Deserialize, SessionValue)]
struct Käse;

#[derive(Clone, Serialize, Deserialize, SessionValue)]
struct ANameOfThirtyTwoCharactersThatMakesAKeyWithMoreThanSixtyFourOfThem;

const KEYS: [&str; 6] = [
    Capitals::KEY,
    Empty::KEY,
    Long::KEY,
    Number::KEY,
    Käse::KEY,
    ANameOfThirtyTwoCharactersThatMakesAKeyWithMoreThanSixtyFourOfThem::KEY,
];

fn main() {
    drop(KEYS);
}
