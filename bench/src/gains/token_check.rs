//! Knowing who asks: a signed token that is checked every time, against a session that is found.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use cloakroom::Sessions;

use crate::Failure;
use crate::args::Options;
use crate::measure::{Spread, Subject, time_together, with_idle_runtime};
use crate::report::Section;
use crate::world::{Ask, Pick, Population, bare, layered};

use super::shop::Tokens;

const NOTE: &str = "In process, one thread. The signed token is a JWT (HS256, four claims) of which the signature, the algorithm, the issuer and the expiry are checked. The session is found among a thousand, its secret \
    proved and its roles read; over a request that does nothing of the kind.";

/// Nanoseconds, run by run.
pub(super) struct Checks {
    pub(super) signed: Spread,
    pub(super) session: Spread,
}

pub(super) fn measure(options: &Options) -> Result<Checks, Failure> {
    let (tokens, count) = (Tokens::new()?, options.size(50_000, 500));
    let issued = (1..=1000).map(|user| tokens.issue(user)).collect::<Result<Vec<_>, _>>()?;
    let signed = (0..=options.runs()).map(|_| check(&tokens, &issued, count)).collect::<Vec<_>>().split_off(1);
    let session = with_idle_runtime(|_| {
        let population = Population::of(Sessions::in_memory(), 1000, Ask::post("/cart/new"))?;
        let pick =
            || Pick::Random(1000).requests(Ask::get("/cart"), Arc::clone(&population.cookies), options.seed, (0, 1));
        let one = || -> Result<f64, Failure> {
            let without = time_together(&mut [Subject::new(bare(), pick())], count)?;
            Ok(time_together(&mut [Subject::new(layered(&population.sessions), pick())], count)? - without)
        };
        (0..=options.runs()).map(|_| one()).collect::<Result<Vec<_>, _>>()
    })?;
    Ok(Checks { signed: Spread::of(signed), session: Spread::of(session.into_iter().skip(1)) })
}

fn check(tokens: &Tokens, issued: &[String], count: usize) -> f64 {
    let began = Instant::now();
    for token in issued.iter().cycle().take(count) {
        black_box(tokens.check(token));
    }
    began.elapsed().as_nanos() as f64 / count as f64
}

pub(super) fn section(checks: &Checks) -> Section {
    let mut section = Section::new("Knowing who asks", NOTE, ["what", "ns per request"]);
    let Checks { signed, session } = checks;
    section.row(["checking a signed token".to_owned(), signed.to_string()]);
    section.row(["finding the session and reading from it".to_owned(), session.to_string()]);
    section.figure("gains/token/signed", "ns", *signed);
    section.figure("gains/token/session", "ns", *session);
    section
}
