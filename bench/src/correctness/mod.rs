//! In what session libraries differ, asked from outside: the same requests to the same endpoints, and
//! what was answered. Two nodes each, over one Redis.

mod browser;
mod checks;
mod lifetimes;
mod parallel;

use std::time::Duration;

use cloakroom_testbed::Server;

use crate::Failure;
use crate::args::Options;
use crate::http::{Arm, IDLE, Plan, app};
use crate::measure::Spread;
use crate::report::{Section, progress};

use browser::Browser;

const NOTE: &str = "Two nodes over one Redis, asked without a network, each library set up as its documentation does. What was observed \
    at each ✗ is in the next table.";

const ARMS: [Arm; 3] = [Arm::Redis, Arm::TowerRedis, Arm::TowerCached];

/// Two nodes of one kind.
#[derive(Clone)]
struct Ground {
    a: Browser,
    b: Browser,
    /// A third node, whose sessions live for [`BRIEF`].
    brief: Browser,
}

/// Short enough to wait for: peers have no clock that could be moved.
const BRIEF: Duration = Duration::from_secs(2);

/// How it went, and what was seen.
struct Verdict {
    right: bool,
    seen: String,
}

impl Verdict {
    fn new(right: bool, seen: impl Into<String>) -> Self {
        Self { right, seen: seen.into() }
    }
}

pub(crate) fn run(options: &Options) -> Result<Vec<Section>, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let server = Server::start().await?;
        let mut columns = Vec::new();
        for arm in ARMS {
            progress(&format!("correctness: {}", arm.what()));
            let (redis, namespace) = (server.address().to_string(), "bench-correctness".to_owned());
            let plan = Plan { arm, redis, namespace, idle: IDLE };
            let brief = Plan { namespace: "bench-brief".to_owned(), idle: BRIEF, ..plan.clone() };
            let node = async |plan| Ok::<_, Failure>(Browser::of(app(plan).await?));
            let ground = Ground { a: node(&plan).await?, b: node(&plan).await?, brief: node(&brief).await? };
            columns.push((arm, checks::all(&ground).await?));
        }
        judge(&columns)?;
        Ok(tables(&columns, options))
    })
}

type Column = (Arm, Vec<(&'static str, Verdict)>);

/// What is promised of ours is checked in every run.
fn judge(columns: &[Column]) -> Result<(), Failure> {
    let ours = columns.iter().filter(|(arm, _)| arm.is_ours()).flat_map(|(_, verdicts)| verdicts);
    match ours.clone().find(|(what, verdict)| !verdict.right && *what != checks::TRADED) {
        Some((what, verdict)) => Err(format!("Cloakroom: {what}: {}", verdict.seen).into()),
        None => Ok(()),
    }
}

fn tables(columns: &[Column], options: &Options) -> Vec<Section> {
    let [first, second, third] = ARMS.map(Arm::what);
    let mut table = Section::new("Behaviour", NOTE, ["what a client may expect", first, second, third]);
    let mut transcripts = Section::new("What was observed", "", ["server", "expected", "observed"]);
    let Some((_, rows)) = columns.first() else { return Vec::new() };
    for (index, (what, _)) in rows.iter().enumerate().filter(|(_, (what, _))| options.wants(what)) {
        let verdicts = columns.iter().map(|(arm, verdicts)| (arm, &verdicts[index].1));
        let marks: Vec<_> = verdicts.clone().map(|(_, verdict)| if verdict.right { "✓" } else { "✗" }).collect();
        table.rows.push([&[*what], &marks[..]].concat().into_iter().map(str::to_owned).collect());
        for (arm, verdict) in verdicts.filter(|(_, verdict)| !verdict.right) {
            transcripts.row([arm.what().to_owned(), (*what).to_owned(), verdict.seen.clone()]);
        }
    }
    for (arm, verdicts) in columns {
        let right = verdicts.iter().filter(|(_, verdict)| verdict.right).count();
        let figure = |name: &str| format!("correctness/{}/{name}", arm.name());
        table.figure(figure("right"), "", Spread::once(right as f64));
        transcripts.figure(figure("wrong"), "", Spread::once((verdicts.len() - right) as f64));
    }
    vec![table, transcripts]
}
