//! How far a run is, on a terminal; nothing where nobody watches.

use std::io::{IsTerminal, Write, stderr};
use std::sync::LazyLock;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

static BAR: LazyLock<ProgressBar> = LazyLock::new(|| {
    // Hidden by itself where standard error is no terminal.
    let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::stderr_with_hz(5));
    if let Ok(style) = ProgressStyle::with_template("  {bar:24} {pos:>3}/{len:3} {elapsed:>4} · {wide_msg}") {
        bar.set_style(style.progress_chars("━╸ "));
    }
    bar.enable_steady_tick(Duration::from_secs(1));
    bar
});

/// So many more steps are to come.
pub(crate) fn expect(steps: usize) {
    BAR.inc_length(steps as u64);
}

/// Says what is being done now, where it does not get into the figures' way. The step before is over.
pub(crate) fn progress(what: &str) {
    if BAR.message().is_empty() {
        BAR.set_position(0);
    } else {
        BAR.inc(1);
    }
    if BAR.length() <= Some(BAR.position()) {
        BAR.set_length(BAR.position() + 1);
    }
    BAR.set_message(what.to_owned());
}

/// Takes the display away.
pub(crate) fn done() {
    BAR.finish_and_clear();
}

/// Heads the display of a part that runs in a process of its own.
pub(crate) fn part(name: &str, number: usize, of: usize) {
    if stderr().is_terminal() {
        drop(writeln!(stderr(), "{name} ({number} of {of})"));
    }
}
