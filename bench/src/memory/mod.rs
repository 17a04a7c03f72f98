//! Bytes per session.

mod ours;
mod peers;

use crate::Failure;
use crate::args::{Kept, Options};
use crate::arms::Arm;
use crate::measure::{Footprint, Spread};
use crate::report::{Chart, Section};

const NOTE: &str = "Each kind in a process of its own, one million sessions with a cart of five items. \
    \"Resident\" is what the operating system says, \"requested\" what was asked of the allocator, \"own count\" what \
    `Stats::bytes` says and `max_bytes` bounds. \"Quiet\" is after `pack_after`: what the carts took is free for new sessions then, \
    but full of holes, so that the system's allocator gives no page back. \"Arrived over 20 minutes\" is what a server sees: \
    those who came earlier are quiet already, and those who come later use the holes. Other libraries have no such state.";

/// All kinds, as the command line names them.
pub(crate) const KINDS: [&str; 7] =
    ["anonymous", "logged-in", "compact", "tower-memory", "tower-moka", "axum-memory", "map"];

/// Whether sessions of this kind are packed when they are quiet.
pub(crate) fn packs(kind: &str) -> bool {
    ["anonymous", "logged-in", "compact"].contains(&kind)
}

pub(crate) fn run(kept: Kept, steady: bool, options: &Options) -> Result<Vec<Section>, Failure> {
    let mut table = Table { section: empty(), kept, count: options.size(1_000_000, 20_000) };
    match kept {
        Kept::Anonymous | Kept::LoggedIn | Kept::Compact if steady => ours::arriving(&mut table, options)?,
        Kept::Anonymous | Kept::LoggedIn | Kept::Compact => ours::at_once(&mut table, options)?,
        Kept::TowerMemory => peers::at_once(&mut table, Arm::TowerMemory)?,
        Kept::TowerMoka => peers::at_once(&mut table, Arm::TowerMoka)?,
        Kept::AxumMemory => peers::at_once(&mut table, Arm::AxumMemory)?,
        Kept::Map => peers::at_once(&mut table, Arm::Map)?,
    }
    Ok(vec![table.section])
}

/// All kinds as one table, with a picture.
pub(crate) fn joined(kinds: Vec<Section>) -> Vec<Section> {
    let mut whole = empty();
    for section in kinds {
        whole.rows.extend(section.rows);
        whole.figures.extend(section.figures);
    }
    let mut chart = Chart::bars("memory", "Memory per session", "resident bytes, a cart of five items");
    for kept in [Kept::Anonymous, Kept::Map, Kept::TowerMemory, Kept::TowerMoka, Kept::AxumMemory] {
        for state in ["fresh", "steady"] {
            let (name, what) = described(kept);
            let key = format!("memory/{name}/{state}/resident");
            if let Some(figure) = whole.figures.iter().find(|figure| figure.key == key) {
                let state = if state == "fresh" { "all in use" } else { "arrived over 20 minutes" };
                chart.bar(what.split(", guide").next().unwrap_or(what), state, figure.spread);
            }
        }
    }
    whole.chart(chart);
    vec![whole]
}

/// One kind of session on its way into the table.
struct Table {
    section: Section,
    kept: Kept,
    count: usize,
}

impl Table {
    /// Enters what so many sessions hold in a state; `own` is what the library says itself, if it does.
    fn enter(&mut self, state: &str, footprint: Footprint, own: Option<u64>) {
        let per_session = |bytes: f64| bytes / self.count as f64;
        let own = own.map(|bytes| per_session(bytes as f64));
        let (resident, requested) = (per_session(footprint.resident as f64), per_session(footprint.requested as f64));
        let (name, what) = described(self.kept);
        let cell = |bytes: f64| format!("{bytes:.0}");
        let in_words = match state {
            "fresh" => "all arrived at once, in use",
            "packed" => "the same, quiet",
            _ => "arrived over 20 minutes",
        };
        let own_cell = own.map_or_else(|| "–".to_owned(), cell);
        self.section.row([what.to_owned(), in_words.to_owned(), cell(resident), cell(requested), own_cell]);
        for (figure, bytes) in [("resident", Some(resident)), ("requested", Some(requested)), ("own", own)] {
            if let Some(bytes) = bytes {
                self.section.figure(format!("memory/{name}/{state}/{figure}"), "B", Spread::once(bytes));
            }
        }
    }
}

fn empty() -> Section {
    let columns = ["sessions", "state", "resident B", "requested B", "own count B"];
    Section::new("Memory per session", NOTE, columns)
}

const fn described(kept: Kept) -> (&'static str, &'static str) {
    match kept {
        Kept::Anonymous => ("anonymous", "Cloakroom, anonymous, guide's cart"),
        Kept::LoggedIn => ("logged-in", "Cloakroom, logged in, guide's cart"),
        Kept::Compact => ("compact", "Cloakroom, anonymous, compact cart"),
        Kept::TowerMemory => ("tower-memory", Arm::TowerMemory.what()),
        Kept::TowerMoka => ("tower-moka", Arm::TowerMoka.what()),
        Kept::AxumMemory => ("axum-memory", Arm::AxumMemory.what()),
        Kept::Map => ("map", Arm::Map.what()),
    }
}
