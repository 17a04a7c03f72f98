//! A progress bar on standard error, if that is a terminal.

use std::io::{IsTerminal, Write, stderr};
use std::sync::LazyLock;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

static BAR: LazyLock<ProgressBar> = LazyLock::new(|| {
    let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::stderr_with_hz(5));
    if let Ok(style) = ProgressStyle::with_template("  {bar:24} {pos:>3}/{len:3} {elapsed:>4} · {wide_msg}") {
        bar.set_style(style.progress_chars("━╸ "));
    }
    bar.enable_steady_tick(Duration::from_secs(1));
    bar
});

/// Adds to the expected number of steps.
pub(crate) fn add_steps(steps: usize) {
    BAR.inc_length(steps as u64);
}

/// Finishes the current step and shows the next one.
pub(crate) fn start_step(label: &str) {
    if BAR.message().is_empty() {
        BAR.set_position(0);
    } else {
        BAR.inc(1);
    }
    if BAR.length() <= Some(BAR.position()) {
        BAR.set_length(BAR.position() + 1);
    }
    BAR.set_message(label.to_owned());
}

/// Removes the progress bar.
pub(crate) fn finish_progress() {
    BAR.finish_and_clear();
}

/// Prints the heading of a part that runs in another process.
pub(crate) fn announce_part(name: &str, number: usize, of: usize) {
    if stderr().is_terminal() {
        drop(writeln!(stderr(), "{name} ({number} of {of})"));
    }
}
