//! Inside one process: what a hit, a miss and an update take, and how soon another node sees a change.

mod latency;
mod site;
mod visible;

use cloakroom_testbed::Server;

use crate::Failure;
use crate::args::Options;
use crate::arms::{Arm, IDLE, Plan, app};
use crate::report::{Section, expect, progress};

use site::Site;

pub(super) async fn run(server: &Server, options: &Options) -> Result<Vec<Section>, Failure> {
    let (mut latency, mut visible) = (latency::section(), visible::section());
    expect(Arm::SHARED.len());
    for arm in Arm::SHARED.into_iter().filter(|arm| options.wants(arm.name())) {
        progress(&format!("{}: latency, and how soon a change is seen", arm.what()));
        let plan = Plan { arm, redis: server.address().to_string(), namespace: "bench-inside".to_owned(), idle: IDLE };
        let pair = Pair { arm, here: Site(app(plan.clone()).await?), there: Site(app(plan).await?) };
        latency::measure(&mut latency, &pair, server, options).await?;
        visible::measure(&mut visible, &pair, options).await?;
    }
    Ok(vec![latency, visible])
}

/// Two nodes over one Redis.
struct Pair {
    arm: Arm,
    here: Site,
    there: Site,
}
