//! Ten scripts that poll the log.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use serde_json::Value;

use super::Scenario;
use crate::load::{
    Result,
    http::{Answer, Control},
    pace::{Paced, paced},
    run::Ground,
    table::Rows,
};

/// Registrations that fill the log.
const DEVICES: usize = 10_000;

const SECONDS: u32 = 10;

/// Ten pollers, 20 a second each.
const PER_SECOND: u32 = 200;
const POLLERS: u32 = 10;

/// How long the last answers are awaited.
const GRACE: Duration = Duration::from_secs(20);

pub(super) struct LogPollers;

#[async_trait]
impl Scenario for LogPollers {
    fn name(&self) -> &'static str {
        "log-pollers"
    }

    fn about(&self) -> &'static str {
        "ten pollers of a full log, 20 a second each, from its start or from where they were"
    }

    async fn run(&self, ground: &mut Ground<'_>, rows: &mut Rows<'_>) -> Result<()> {
        ground.fill_log(DEVICES).await?;
        let control = Arc::new(Control::new(&ground.service));
        let last: Arc<[AtomicU64]> = (0..POLLERS).map(|_| AtomicU64::new(0)).collect();

        let watch = ground.emulator.watch_memory()?;
        let from_the_start = paced(PER_SECOND * SECONDS, PER_SECOND, GRACE, |_| {
            let control = Arc::clone(&control);
            async move { control.get("/emulator/log").await.map(drop) }
        })
        .await;
        report(rows, "from the start", &from_the_start, watch.growth());
        drop(watch);

        let watch = ground.emulator.watch_memory()?;
        let from_the_last = paced(PER_SECOND * SECONDS, PER_SECOND, GRACE, |number| {
            let (control, last) = (Arc::clone(&control), Arc::clone(&last));
            async move {
                let last = &last[usize::try_from(number % POLLERS)?];
                let since = last.load(Ordering::Relaxed);
                let answer = control.get(&format!("/emulator/log?since={since}")).await?;
                last.fetch_max(newest(&answer)?, Ordering::Relaxed);
                Ok(())
            }
        })
        .await;
        report(rows, "from the last entry", &from_the_last, watch.growth());
        Ok(())
    }
}

/// The number of the newest entry in an answer; 0 if it has none.
fn newest(answer: &Answer) -> Result<u64> {
    let entries: Vec<Value> = serde_json::from_slice(&answer.body)?;
    Ok(entries.last().and_then(|entry| entry["n"].as_u64()).unwrap_or(0))
}

fn report(rows: &mut Rows<'_>, what: &str, polls: &Paced, growth: f64) {
    let done = f64::from(u32::try_from(polls.times.len()).unwrap_or(u32::MAX));
    // The last answer comes after the last poll was due.
    let seconds = polls.took.as_secs_f64().max(f64::from(SECONDS));
    rows.all(&format!("{what}, answered"), polls.times.len(), polls.due);
    rows.at_least(
        &format!("{what}, answers a second"),
        done / seconds,
        0.95 * f64::from(PER_SECOND),
        "/s",
    );
    rows.show(&format!("{what}, p99"), format!("{:.1} ms", polls.times.percentile(99)));
    rows.at_most(&format!("{what}, highest memory"), growth, 32.0, "MiB");
    if let Some(error) = &polls.error {
        rows.show(&format!("{what}, an error"), error.clone());
    }
}
