//! Everything that this process traces or logs, from every crate, at every level.

use std::{
    collections::HashSet,
    io,
    sync::{Mutex, MutexGuard, Once, PoisonError},
};

use tracing_log::LogTracer;
use tracing_subscriber::{
    fmt::{self, format::FmtSpan},
    layer::SubscriberExt as _,
    registry,
};

/// The records, each once.
static RECORDS: Mutex<Option<HashSet<String>>> = Mutex::new(None);

/// Records from now on. `tracing` and `log` belong to the process, so this records the tests that run beside too.
pub(crate) fn start() {
    static START: Once = Once::new();
    START.call_once(|| {
        let lines = fmt::layer()
            .without_time()
            .with_span_events(FmtSpan::NEW | FmtSpan::CLOSE)
            .with_ansi(false)
            .with_writer(|| Recorder);
        *records() = Some(HashSet::new());
        tracing::subscriber::set_global_default(registry().with(lines)).expect("this is the only subscriber");
        LogTracer::init().expect("this is the only logger");
    });
}

/// Stops, and returns what was recorded.
pub(crate) fn stop() -> HashSet<String> {
    records().take().expect("it records")
}

fn records() -> MutexGuard<'static, Option<HashSet<String>>> {
    RECORDS.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Recorder;

impl io::Write for Recorder {
    /// One record: the layer writes each as a whole.
    fn write(&mut self, record: &[u8]) -> io::Result<usize> {
        if let Some(records) = records().as_mut() {
            records.insert(String::from_utf8_lossy(record).into_owned());
        }
        Ok(record.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
