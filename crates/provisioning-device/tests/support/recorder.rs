//! Everything that is traced, at every level, as text.

use std::{
    error::Error,
    fmt::{Debug, Write},
    iter,
    sync::{Arc, Mutex},
};

use tracing::{
    Event, Metadata, Subscriber,
    field::{Field, Visit},
    span::{Attributes, Id, Record},
};

#[derive(Default, Clone)]
pub(crate) struct Recorder(Arc<Mutex<String>>);

/// One record's fields.
struct Line(String);

impl Recorder {
    /// Records what the whole process traces or logs, from now on.
    pub(crate) fn listen(&self) {
        tracing::subscriber::set_global_default(self.clone()).expect("nobody else listens");
        tracing_log::LogTracer::init().expect("nobody else listens");
    }

    pub(crate) fn text(&self) -> String {
        self.0.lock().expect("not poisoned").clone()
    }

    fn write(&self, record: impl FnOnce(&mut Line)) {
        let mut line = Line(String::new());
        record(&mut line);
        // The WebSocket library logs whole frames at its lowest level: docs/security.md says so, and what to do
        // about it.
        if line.0.contains("log.target=\"tungstenite::") {
            return;
        }
        line.0.push('\n');
        self.0.lock().expect("not poisoned").push_str(&line.0);
    }
}

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        write!(self.0, "{field}={value:?} ").expect("a string takes everything");
    }
}

impl Subscriber for Recorder {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        self.write(|line| span.record(line));
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, values: &Record<'_>) {
        self.write(|line| values.record(line));
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        self.write(|line| event.record(line));
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

/// An error with all its causes, for people and for programmers.
pub(crate) fn story(error: &(dyn Error + 'static)) -> String {
    let causes = iter::successors(Some(error), |&error| error.source());
    causes.map(|error| format!("{error}; {error:?}; ")).collect()
}
