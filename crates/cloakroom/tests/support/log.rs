//! Captures everything that is logged during a test, at every level, as text.

#![allow(dead_code, reason = "several test binaries share this file, and some use only parts of it")]

use std::fmt::{Debug, Write};
use std::sync::{Arc, Once};

use parking_lot::Mutex;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

/// The captured lines.
#[derive(Clone, Debug, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<Captured>>>);

#[derive(Debug)]
struct Captured {
    level: Level,
    text: String,
    /// Not a span, which a subscriber shows with its events or not at all.
    is_event: bool,
}

impl Log {
    pub(crate) fn text(&self) -> String {
        self.0.lock().iter().map(|line| line.text.as_str()).collect::<Vec<_>>().join("\n")
    }

    /// The number of lines at `INFO` and above, which a server would keep in production.
    pub(crate) fn info_lines(&self) -> usize {
        self.0.lock().iter().filter(|line| line.level <= Level::INFO).count()
    }

    /// The number of events, whatever their level.
    pub(crate) fn lines(&self) -> usize {
        self.0.lock().iter().filter(|line| line.is_event).count()
    }

    fn write(&self, level: Level, is_event: bool, record: impl FnOnce(&mut Line)) {
        let mut line = Line(String::new());
        record(&mut line);
        self.0.lock().push(Captured { level, text: line.0, is_event });
    }
}

/// Sets a global subscriber before anything is logged. Otherwise a line whose callsite is
/// registered while no subscriber exists could be cached as disabled for good, when the first
/// subscriber is set at the same moment.
pub(super) fn set_global_subscriber() {
    static ONCE: Once = Once::new();
    // With recording, the secret scan sets a global subscriber of its own.
    ONCE.call_once(|| {
        if !cloakroom_secret_scan::is_recording() {
            tracing::subscriber::set_global_default(DiscardingSubscriber).expect("no other global subscriber is set");
        }
    });
}

/// Enables everything and stores nothing.
struct DiscardingSubscriber;

impl Subscriber for DiscardingSubscriber {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, _: &Event<'_>) {}

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

/// Captures this thread's log lines until the guard is dropped. For current-thread runtimes.
pub(crate) fn capture() -> (Log, tracing::subscriber::DefaultGuard) {
    set_global_subscriber();
    let log = Log::default();
    let guard = tracing::subscriber::set_default(log.clone());
    (log, guard)
}

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        // Both forms, because escaping in one could hide what the other shows.
        write!(self.0, " {}={value:?} {value:#?}", field.name()).unwrap();
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        write!(self.0, " {}={value}", field.name()).unwrap();
    }
}

impl Subscriber for Log {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        self.write(*span.metadata().level(), false, |line| span.record(line));
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, values: &Record<'_>) {
        self.write(Level::TRACE, false, |line| values.record(line));
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        self.write(*event.metadata().level(), true, |line| event.record(line));
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}
