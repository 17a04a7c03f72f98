use crate::arms::peers;
use crate::measure::Spread;
use crate::report::{Section, Transcript};

use super::checks::CHECKS;
use super::{Column, Verdict};

const NOTE: &str = "Black-box over HTTP: the same requests to the same endpoints, each library set up as its documentation does and with its defaults, but for the idle timeout where \
    a check is about it. Those over Redis run on two nodes with a Redis of their own. ✓ is what a client may expect, ✗ is not, – makes no sense there. What was seen at each ✗, and the requests and \
    answers, stand below the table.";

pub(super) fn section(columns: &[Column]) -> Section {
    let mut section =
        Section::new("Behaviour", &format!("{NOTE} Took part: {}.", peers()), ["what a client may expect"]);
    section.columns.extend(columns.iter().map(|column| column.arm.what().to_owned()));
    for (index, check) in CHECKS.iter().enumerate() {
        let marks = columns.iter().map(|column| mark(&column.verdicts[index]).to_owned());
        section.rows.push([check.what.to_owned()].into_iter().chain(marks).collect());
    }
    section.figure("correctness/checks", "", Spread::once(CHECKS.len() as f64));
    for Column { arm, verdicts } in columns {
        let of = |right| verdicts.iter().filter(|verdict| verdict.right == Some(right)).count() as f64;
        section.figure(format!("correctness/{}/right", arm.name()), "", Spread::once(of(true)));
        section.figure(format!("correctness/{}/wrong", arm.name()), "", Spread::once(of(false)));
        for (check, verdict) in CHECKS.iter().zip(verdicts).filter(|(_, verdict)| verdict.right == Some(false)) {
            let title = format!("✗ {}: {}: {}", arm.what(), check.what, verdict.seen);
            section.transcripts.push(Transcript { title, lines: verdict.transcript.clone() });
        }
    }
    section
}

const fn mark(verdict: &Verdict) -> &'static str {
    match verdict.right {
        Some(true) => "✓",
        Some(false) => "✗",
        None => "–",
    }
}
