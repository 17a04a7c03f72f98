use crate::Failure;
use crate::arms::IDLE;

use super::super::ground::Ground;
use super::super::talk::Talk;
use super::Outcome;

/// How many requests warm a node up.
const WARM_UP: usize = 2_000;
/// Less than any session takes, more than a process breathes.
const BYTES: u64 = 200;

pub(super) async fn anonymous(ground: &Ground, talk: &Talk) -> Result<Outcome, Failure> {
    flood(ground, talk, |_| String::new()).await
}

pub(super) async fn made_up(ground: &Ground, talk: &Talk) -> Result<Outcome, Failure> {
    let real = ground.a.ask(talk, "POST /start", "").await?.sets;
    let real = real.iter().find(|set| !set.contains("=;")).and_then(|set| set.split(';').next());
    let (name, value) = real.and_then(|real| real.split_once('=')).ok_or("a session was started without a cookie")?;
    // As long as a real one, of letters that every alphabet has; UUIDs keep their hyphens.
    let made_up = |number: usize| {
        let digits = format!("{number:064x}");
        let digit = |(at, real): (usize, char)| match real {
            '-' => '-',
            _ => char::from(digits.as_bytes()[digits.len() - 1 - at % digits.len()]),
        };
        format!("{name}={}", value.chars().enumerate().map(digit).collect::<String>())
    };
    flood(ground, talk, made_up).await
}

/// Reads of a cart, by so many strangers, on a node of their own.
async fn flood(ground: &Ground, talk: &Talk, cookie: impl Fn(usize) -> String) -> Result<Outcome, Failure> {
    let (site, counted) = (ground.with_lifetime(IDLE)?, ground.size(20_000, 5_000));
    for number in 0..WARM_UP {
        site.ask_quietly("GET /cart", &cookie(number)).await?;
    }
    let (keys, resident, mut given) = (ground.keys().await?, site.resident_bytes()?, 0);
    for number in WARM_UP..WARM_UP + counted {
        let answer = site.ask_quietly("GET /cart", &cookie(number)).await?;
        given += usize::from(answer.gives_an_id());
    }
    let last = site.ask(talk, "GET /cart", &cookie(WARM_UP + counted)).await?;
    let keys = ground.keys().await?.saturating_sub(keys);
    let bytes = site.resident_bytes()?.saturating_sub(resident) / counted as u64;
    let seen = format!(
        "{counted} reads: {given} were given an id, {keys} keys more in the store, {bytes} bytes a request more in the process"
    );
    talk.note(seen.clone());
    Ok(Outcome::new(given == 0 && keys == 0 && bytes < BYTES && !last.gives_an_id(), seen))
}
