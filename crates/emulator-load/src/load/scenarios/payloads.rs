//! Large payloads: they must not stay when the registrations have ended.

use async_trait::async_trait;

use crate::load::{Result, client::Device, ground::Ground, scenario::Scenario, table::Rows};

const DEVICES: usize = 500;
const SIZE: usize = 200_000;

pub(super) struct Payloads;

#[async_trait]
impl Scenario for Payloads {
    fn name(&self) -> &'static str {
        "payloads"
    }

    fn about(&self) -> &'static str {
        "500 registrations with a payload of 200 kB: the memory is free again after the outcome"
    }

    async fn run(&self, ground: &mut Ground<'_>, rows: &mut Rows<'_>) -> Result<()> {
        let payload = format!("\"{}\"", "x".repeat(SIZE));
        let watch = ground.emulator.watch_memory()?;
        for number in 0..DEVICES {
            let mut device = Device::connect(&ground.service, &format!("payload-{number}")).await?;
            device.register(&payload).await?;
            device.disconnect().await?;
        }
        rows.show("highest memory, with the log", format!("{:+.0} MiB", watch.growth()));
        // What stays is measured after every scenario.
        Ok(())
    }
}
