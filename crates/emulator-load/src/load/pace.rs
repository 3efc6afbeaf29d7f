//! Calls at a fixed rate, whether or not the earlier ones have been answered.

use std::time::Duration;

use tokio::{
    task::JoinSet,
    time::{Instant, sleep_until, timeout_at},
};

use super::{Result, statistics::Durations};

/// The results of the calls.
pub(super) struct Paced {
    /// How many were due.
    pub(super) due: usize,
    /// Of those that succeeded, from when they were due.
    pub(super) times: Durations,
    /// Of a call that failed.
    pub(super) error: Option<String>,
}

/// Makes `count` calls, `per_second`, and waits `grace` for the last answers.
pub(super) async fn paced<F>(count: u32, per_second: u32, grace: Duration, call: impl Fn(u32) -> F) -> Paced
where
    F: Future<Output = Result<()>> + Send + 'static,
{
    let start = Instant::now();
    let mut calls = JoinSet::new();
    for number in 0..count {
        let due = start + Duration::from_secs(1) * number / per_second;
        sleep_until(due).await;
        let call = call(number);
        calls.spawn(async move {
            let result = call.await.map_err(|error| error.to_string());
            result.map(|()| due.elapsed())
        });
    }
    let (mut times, mut error) = (vec![], None);
    let limit = Instant::now() + grace;
    while let Ok(Some(joined)) = timeout_at(limit, calls.join_next()).await {
        match joined.map_err(|error| error.to_string()).and_then(|result| result) {
            Ok(time) => times.push(time),
            Err(reason) => error = error.or(Some(reason)),
        }
    }
    let late = (!calls.is_empty()).then(|| format!("{} had no answer", calls.len()));
    Paced {
        due: usize::try_from(count).unwrap_or(usize::MAX),
        times: times.into(),
        error: error.or(late),
    }
}
