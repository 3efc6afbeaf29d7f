//! A log that nobody reads: nothing waits for it.

use async_trait::async_trait;

use crate::load::{
    Result, ground::Ground, process::Options, registrations::register_built_in, scenario::Scenario, table::Rows,
};

const DEVICES: usize = 2000;

pub(super) struct StalledLog;

#[async_trait]
impl Scenario for StalledLog {
    fn name(&self) -> &'static str {
        "stalled-log"
    }

    fn about(&self) -> &'static str {
        "--log into a pipe that nobody reads: registrations go on, and SIGTERM ends it"
    }

    fn options(&self) -> Options {
        Options {
            stalled_log: true,
            ..Options::default()
        }
    }

    async fn run(&self, ground: &mut Ground<'_>, rows: &mut Rows<'_>) -> Result<()> {
        let registered = register_built_in(&ground.emulator, "device", DEVICES).await?;
        rows.all("registrations", registered.succeeded, DEVICES);
        // Two seconds without a log, and the other programs of a busy machine.
        rows.at_most("they took", registered.took.as_secs_f64(), 20.0, "s");
        registered.complete()?;
        Ok(())
    }
}
