//! The current step on standard error, if that is a terminal.

use std::io::{IsTerminal, Write, stderr};
use std::sync::LazyLock;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

static BAR: LazyLock<ProgressBar> = LazyLock::new(|| {
    let bar = ProgressBar::new_spinner();
    if let Ok(style) = ProgressStyle::with_template("  {elapsed:>4} · {wide_msg}") {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_secs(1));
    bar
});

pub(crate) fn start_step(label: &str) {
    BAR.set_message(label.to_owned());
}

/// Removes the display.
pub(crate) fn finish_progress() {
    BAR.finish_and_clear();
}

/// Prints the heading of a part that runs in another process.
pub(crate) fn announce_part(name: &str, number: usize, of: usize) {
    if stderr().is_terminal() {
        drop(writeln!(stderr(), "{name} ({number} of {of})"));
    }
}
