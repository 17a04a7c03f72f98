use std::time::Duration;

use cloakroom::Sessions;
use tokio::runtime::Runtime;

use crate::Failure;
use crate::args::{Kept, Options};
use crate::measure::{footprint, with_idle_runtime};
use crate::world::{Ask, Cookies, HandClock, Seeded, layered, newcomers};

use super::Table;

/// How long a million visitors take to arrive, and in how many waves.
const ARRIVAL: Duration = Duration::from_secs(20 * 60);
const WAVES: u32 = 1200;

/// Everybody comes at once, and is quiet then.
pub(super) fn at_once(table: &mut Table, options: &Options) -> Result<(), Failure> {
    with_idle_runtime(|runtime| {
        let (clock, sessions) = sessions(options)?;
        let mut cookies = Cookies::room(table.count);
        let mut visitors = newcomers(layered(&sessions), ask(table.kept));
        let fresh = footprint(|| cookies.arrive(&mut visitors, 1, || ()))?;
        let before = sessions.stats().bytes;
        table.enter("fresh", fresh, Some(before));
        let packing = footprint(|| {
            pass(runtime, &sessions, &clock, Duration::from_secs(90));
            Ok(())
        })?;
        if sessions.stats().bytes >= before {
            return Err("quiet sessions were not packed".into());
        }
        table.enter("packed", fresh + packing, Some(sessions.stats().bytes));
        Ok(())
    })
}

/// They come one after the other, as to a server.
pub(super) fn arriving(table: &mut Table, options: &Options) -> Result<(), Failure> {
    with_idle_runtime(|runtime| {
        let (clock, sessions) = sessions(options)?;
        let mut cookies = Cookies::room(table.count);
        let mut visitors = newcomers(layered(&sessions), ask(table.kept));
        let between = || pass(runtime, &sessions, &clock, ARRIVAL / WAVES);
        let held = footprint(|| cookies.arrive(&mut visitors, WAVES as usize, between))?;
        table.enter("steady", held, Some(sessions.stats().bytes));
        Ok(())
    })
}

fn sessions(options: &Options) -> Result<(HandClock, Sessions), Failure> {
    let clock = HandClock::new();
    let builder = Sessions::builder().clock(clock.clone()).random(Seeded::new(options.seed));
    Ok((clock, builder.max_bytes(16 << 30).build()?))
}

/// Time passes, and what is due is done.
fn pass(runtime: &Runtime, sessions: &Sessions, clock: &HandClock, by: Duration) {
    clock.advance(by);
    runtime.block_on(sessions.run_pending_tasks());
}

const fn ask(kept: Kept) -> Ask {
    match kept {
        Kept::LoggedIn => Ask::post("/login/new"),
        Kept::Compact => Ask::post("/compact/new"),
        _ => Ask::post("/cart/new"),
    }
}
