//! Runs cases and collects which of them failed.

use std::{
    any::Any,
    fmt::Write,
    future::poll_fn,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    task::Poll,
};

/// The outcomes of cases.
#[derive(Debug, Default)]
pub struct Report {
    cases: usize,
    failures: Vec<(String, String)>,
}

impl Report {
    /// Runs `case` and notes its panic, if it panics.
    pub async fn run(&mut self, name: &str, case: impl Future<Output = ()>) {
        let mut case = pin!(case);
        let outcome = poll_fn(|context| {
            match catch_unwind(AssertUnwindSafe(|| case.as_mut().poll(context))) {
                Ok(poll) => poll.map(Ok),
                // A future that panicked is not polled again.
                Err(panic) => Poll::Ready(Err(message(&*panic))),
            }
        });
        self.cases += 1;
        if let Err(message) = outcome.await {
            self.failures.push((name.to_owned(), message));
        }
    }

    /// Ends the report.
    ///
    /// # Panics
    /// A case failed.
    pub fn finish(self) {
        let mut text = format!("{} of {} cases failed:", self.failures.len(), self.cases);
        for (name, message) in &self.failures {
            // Writing to a string does not fail.
            let _ = write!(text, "\n- {name}: {message}");
        }
        assert!(self.failures.is_empty(), "{text}");
    }
}

fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
    text.unwrap_or("a panic without a message").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance::drive::now;

    #[test]
    fn a_report_runs_every_case_and_names_those_that_failed() {
        let mut report = Report::default();
        for (name, fails) in [("one", true), ("two", false), ("three", true)] {
            let case = async move { assert!(!fails, "case {name} says why") };
            now(report.run(name, case)).expect("it does not wait");
        }
        let panic = catch_unwind(AssertUnwindSafe(|| report.finish())).expect_err("a failure");
        let expected = "2 of 3 cases failed:\n- one: case one says why\n- three: case three says why";
        assert_eq!(message(&*panic), expected);
    }
}
