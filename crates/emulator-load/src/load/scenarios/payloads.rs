//! Large payloads: what is unfinished has a limit, and nothing stays when the registrations have ended.

use async_trait::async_trait;
use futures_util::{StreamExt, TryStreamExt, stream};

use crate::load::{
    Result,
    client::{Answer, Device},
    ground::Ground,
    scenario::Scenario,
    service::Service,
    table::Rows,
};

const DEVICES: usize = 500;
const SIZE: usize = 200_000;

/// How many send a request at a time.
const CONCURRENT: usize = 16;

pub(super) struct Payloads;

#[async_trait]
impl Scenario for Payloads {
    fn name(&self) -> &'static str {
        "payloads"
    }

    fn about(&self) -> &'static str {
        "500 registrations with a payload of 200 kB at once: a limit in bytes, and free again after the outcome"
    }

    async fn run(&self, ground: &mut Ground<'_>, rows: &mut Rows<'_>) -> Result<()> {
        let payload = format!("\"{}\"", "x".repeat(SIZE));
        let watch = ground.emulator.watch_memory()?;
        let requested = (0..DEVICES).map(|number| request(&ground.service, number, &payload));
        let requested: Vec<_> = stream::iter(requested)
            .buffer_unordered(CONCURRENT)
            .try_collect()
            .await?;
        let is = |status| move |(_, answer): &&(Device, Answer)| answer.status == status;
        let (accepted, throttled) = (
            requested.iter().filter(is(202)).count(),
            requested.iter().filter(is(429)).count(),
        );
        rows.all("answered with 202, or with 429", accepted + throttled, DEVICES);
        // 8 MiB are 41 of them.
        let is_limited = (1..=41).contains(&accepted) && throttled > 0;
        rows.add(
            "unfinished at the same time",
            accepted.to_string(),
            "1 to 41".to_owned(),
            is_limited,
        );
        // These, the log, and what is on its way.
        rows.at_most("highest memory", watch.growth(), 48.0, "MiB");
        // Those that are unfinished make room for those that were throttled.
        let mut assigned = 0;
        let (unfinished, throttled): (Vec<_>, Vec<_>) =
            requested.into_iter().partition(|(_, answer)| answer.status == 202);
        for (mut device, answer) in unfinished {
            device.complete(answer).await?;
            device.disconnect().await?;
            assigned += 1;
        }
        for (mut device, _) in throttled {
            device.register(&payload).await?;
            device.disconnect().await?;
            assigned += 1;
        }
        rows.all("assigned in the end", assigned, DEVICES);
        // What stays is measured after every scenario.
        Ok(())
    }
}

/// A device that has sent its request, and the answer.
async fn request(service: &Service, number: usize, payload: &str) -> Result<(Device, Answer)> {
    let mut device = Device::connect(service, &format!("payload-{number}")).await?;
    let answer = device.request_registration(payload).await?;
    Ok((device, answer))
}
