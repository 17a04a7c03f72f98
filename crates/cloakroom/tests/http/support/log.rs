//! Everything that is logged while a test runs, at every level, as text.

use std::fmt::{Debug, Write};
use std::sync::{Arc, Once};

use parking_lot::Mutex;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

/// What was logged so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<(Level, String)>>>);

impl Log {
    pub(crate) fn text(&self) -> String {
        self.0.lock().iter().map(|(_, line)| line.as_str()).collect::<Vec<_>>().join("\n")
    }

    /// Lines that a server would keep in production.
    pub(crate) fn loud(&self) -> usize {
        self.0.lock().iter().filter(|(level, _)| *level <= Level::INFO).count()
    }

    pub(crate) fn lines(&self) -> usize {
        self.0.lock().len()
    }

    fn write(&self, level: Level, record: impl FnOnce(&mut Line)) {
        let mut line = Line(String::new());
        record(&mut line);
        self.0.lock().push((level, line.0));
    }
}

/// Has somebody listen from the start. A line that is about to be logged for the first time, by any thread, just when the
/// first listener comes may be taken for one that nobody wants, for good.
pub(super) fn listen() {
    static FIRST: Once = Once::new();
    // A process that records its secrets records its log too, which listens.
    FIRST.call_once(|| {
        if !cloakroom_secret_scan::is_recording() {
            tracing::subscriber::set_global_default(DiscardingSubscriber).expect("nobody else listens to all threads");
        }
    });
}

/// Wants everything and keeps nothing.
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

/// Captures what this thread logs until the guard is dropped. For current-thread runtimes.
pub(crate) fn capture() -> (Log, tracing::subscriber::DefaultGuard) {
    listen();
    let log = Log::default();
    let guard = tracing::subscriber::set_default(log.clone());
    (log, guard)
}

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        // Both forms: an escaped one hides what a raw one shows.
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
        self.write(*span.metadata().level(), |line| span.record(line));
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, values: &Record<'_>) {
        self.write(Level::TRACE, |line| values.record(line));
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        self.write(*event.metadata().level(), |line| event.record(line));
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}
