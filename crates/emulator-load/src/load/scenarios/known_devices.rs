//! 20,000 devices known: what they take, and how long it takes to get the registration of one.

use async_trait::async_trait;
use tokio::time::Instant;

use crate::load::{
    Result, ground::Ground, http::Control, registrations::register_built_in, scenario::Scenario, statistics::Durations,
    table::Rows,
};

const DEVICES: usize = 20_000;

/// How many registrations are read, one after the other.
const CALLS: usize = 200;

pub(super) struct KnownDevices;

#[async_trait]
impl Scenario for KnownDevices {
    fn name(&self) -> &'static str {
        "known-devices"
    }

    fn about(&self) -> &'static str {
        "20,000 devices have registered: memory, and the time to get the registration of one"
    }

    async fn run(&self, ground: &mut Ground<'_>, rows: &mut Rows<'_>) -> Result<()> {
        let begin = ground.begin_memory();
        let registered = register_built_in(&ground.emulator, "device", DEVICES).await?;
        registered.show(rows, "registrations beside the idle devices");
        rows.all("devices registered", registered.succeeded, DEVICES);
        registered.complete()?;
        let with_log = ground.emulator.figures()?.memory - begin;
        // What they take is neither their log nor a beginning for what follows.
        ground.keep_memory().await?;
        let taken = ground.begin_memory() - begin;
        rows.at_most("memory of 20,000 devices", with_log, 120.0, "MiB");
        rows.show(
            "memory without the log; in all",
            format!("{taken:.0} MiB; {:.0} MiB", ground.begin_memory()),
        );
        let times = get_registrations(ground).await?;
        rows.show(
            "GET of one registration, median",
            format!("{:.1} ms", times.percentile(50)),
        );
        rows.at_most("GET of one registration, p99", times.percentile(99), 5.0, "ms");
        Ok(())
    }
}

async fn get_registrations(ground: &Ground<'_>) -> Result<Durations> {
    let control = Control::new(&ground.service);
    let mut times = vec![];
    for call in 0..CALLS {
        let start = Instant::now();
        control
            .get(&format!("/registrations/device-{}", call * (DEVICES / CALLS)))
            .await?;
        times.push(start.elapsed());
    }
    Ok(times.into())
}
