use std::fmt::Debug;
use std::fs::File;
use std::io::Write as _;
use std::sync::{Mutex, PoisonError};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

/// A subscriber that writes everything that is logged to a file.
pub(crate) struct Log(Mutex<File>);

impl Log {
    pub(crate) const fn new(file: File) -> Self {
        Self(Mutex::new(file))
    }

    fn line(&self, write: impl FnOnce(&mut Line)) {
        let mut line = Line(String::new());
        write(&mut line);
        line.0.push('\n');
        drop(self.0.lock().unwrap_or_else(PoisonError::into_inner).write_all(line.0.as_bytes()));
    }
}

struct Line(String);

/// Records both formats of `Debug`, because subscribers use either.
impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.push_str(&format!(" {field}={value:?} {value:#?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.push_str(&format!(" {field}={value}"));
    }
}

impl Subscriber for Log {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        self.line(|line| span.record(line));
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, values: &Record<'_>) {
        self.line(|line| values.record(line));
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        self.line(|line| {
            line.0.push_str(&format!("{} {}", event.metadata().level(), event.metadata().target()));
            event.record(line);
        });
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}
