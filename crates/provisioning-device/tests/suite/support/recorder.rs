//! Records what a test traces and logs, at every level, as text.
//!
//! Tracing is global to the process, and so is the recorder. It records the threads of the tests that ask for it, and the
//! threads on which their runtimes block. A test that looks for its own lines reads those of its thread.

use std::{
    cell::Cell,
    io,
    sync::{Mutex, Once},
    thread,
};

use tracing_log::LogTracer;
use tracing_subscriber::{
    Layer as _,
    filter::dynamic_filter_fn,
    fmt::{self, format::FmtSpan},
    layer::SubscriberExt as _,
    registry,
};

static TEXT: Mutex<Vec<u8>> = Mutex::new(vec![]);

thread_local! {
    static IS_RECORDED: Cell<bool> = const { Cell::new(false) };
}

/// Returns the recorder, which records this test from now on.
pub(crate) fn recorder() -> Recorder {
    static START: Once = Once::new();
    IS_RECORDED.set(true);
    START.call_once(|| {
        let lines = fmt::layer()
            .with_span_events(FmtSpan::NEW | FmtSpan::CLOSE)
            .with_thread_ids(true)
            .with_ansi(false)
            .with_writer(|| Recorder)
            .with_filter(dynamic_filter_fn(|_, _| !is_another_tests_thread()));
        tracing::subscriber::set_global_default(registry().with(lines)).expect("this is the only subscriber");
        LogTracer::init().expect("this is the only logger");
    });
    Recorder
}

/// The test harness names the thread of a test after the test, and tokio names its own threads.
fn is_another_tests_thread() -> bool {
    let thread = thread::current();
    !IS_RECORDED.get() && thread.name().is_some_and(|name| name.contains("::"))
}

pub(crate) struct Recorder;

impl Recorder {
    /// Everything that was recorded.
    pub(crate) fn text(&self) -> String {
        String::from_utf8(TEXT.lock().expect("no panic").clone()).expect("text")
    }

    /// What was recorded on the calling thread: the test and its runtime, but not calls that may block.
    pub(crate) fn text_of_this_thread(&self) -> String {
        let thread = format!(" {:0>2?} ", thread::current().id());
        let text = self.text();
        let lines = text.lines().filter(|line| line.contains(&thread));
        lines.map(|line| format!("{line}\n")).collect()
    }
}

impl io::Write for Recorder {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        TEXT.lock().expect("no panic").write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
