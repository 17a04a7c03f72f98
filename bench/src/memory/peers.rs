use crate::Failure;
use crate::arms::{Arm, Plan, app};
use crate::measure::{footprint, with_idle_runtime};
use crate::world::{Ask, Cookies, newcomers};

use super::Table;

/// Everybody comes at once.
pub(super) fn at_once(table: &mut Table, arm: Arm) -> Result<(), Failure> {
    with_idle_runtime(|runtime| {
        let app = runtime.block_on(app(Plan::in_memory(arm)))?;
        let mut cookies = Cookies::room(table.count);
        let mut visitors = newcomers(app, Ask::post("/fill"));
        let held = footprint(|| cookies.arrive(&mut visitors, 1, || ()))?;
        table.enter("fresh", held, None);
        Ok(())
    })
}
