//! Ten scripts that poll the log.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use tokio::{
    task::JoinSet,
    time::{Instant, sleep_until, timeout_at},
};

use crate::load::{
    Result,
    ground::Ground,
    http::{Answer, Control},
    scenario::Scenario,
    statistics::Durations,
    table::Rows,
};

/// Registrations that fill the log.
const DEVICES: usize = 10_000;

const POLLERS: usize = 10;

/// Of each poller.
const PER_SECOND: u32 = 20;

const SECONDS: u32 = 10;

/// Answers a second that are wanted: nearly all.
const WANTED: f64 = 195.0;

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
        let watch = ground.emulator.watch_memory()?;
        for (what, follows) in [("from the start", false), ("from the last entry", true)] {
            let control = Arc::new(Control::new(&ground.service));
            let pollers: JoinSet<_> = (0..POLLERS).map(|_| poll(Arc::clone(&control), follows)).collect();
            let pollers = pollers.join_all().await;
            let rate = f64::from(u32::try_from(pollers.iter().map(|it| it.times.len()).sum::<usize>())?);
            rows.at_least(
                &format!("{what}, answers a second"),
                rate / f64::from(SECONDS),
                WANTED,
                "/s",
            );
            let reached = pollers.iter().filter(|poller| poller.reached_the_end).count();
            if follows {
                rows.all("pollers that read all of the log", reached, POLLERS);
            }
            let times = Durations::from(pollers.into_iter().flat_map(|poller| poller.times).collect::<Vec<_>>());
            rows.show(&format!("{what}, p99"), format!("{:.1} ms", times.percentile(99)));
        }
        rows.at_most("highest memory", watch.growth(), 32.0, "MiB");
        Ok(())
    }
}

/// What a poller got.
struct Poller {
    /// How long the answers took that came in time.
    times: Vec<Duration>,
    /// Whether there was no entry left.
    reached_the_end: bool,
}

/// Polls at a fixed rate, one poll at a time. A poller from the start always gets entries.
async fn poll(control: Arc<Control>, follows: bool) -> Poller {
    let (start, mut times, mut last, mut reached_the_end) = (Instant::now(), vec![], 0, false);
    let end = start + Duration::from_secs(1) * SECONDS;
    for number in 0..PER_SECOND * SECONDS {
        sleep_until(start + Duration::from_secs(1) * number / PER_SECOND).await;
        let sent = Instant::now();
        let path = format!("/emulator/log?after={last}");
        let Ok(Ok(answer)) = timeout_at(end, control.get(&path)).await else {
            continue;
        };
        match newest(&answer) {
            None if last == 0 => continue,
            None => reached_the_end = true,
            Some(newest) if follows => last = newest,
            Some(_) => {}
        }
        times.push(sent.elapsed());
    }
    Poller { times, reached_the_end }
}

/// The number of the newest entry in an answer, if it has one. Parsing all of it would take the emulator's CPU.
fn newest(answer: &Answer) -> Option<u64> {
    let text = std::str::from_utf8(&answer.body).ok()?;
    let (_, entry) = text.rsplit_once("{\"n\":")?;
    entry.split(',').next()?.parse().ok()
}
