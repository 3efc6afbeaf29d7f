//! How many registrations a second, and whether an earlier emulator had more.

use std::path::Path;

use async_trait::async_trait;

use crate::load::{
    Result,
    ground::Ground,
    process::{Emulator, Options},
    registrations::register_built_in,
    scenario::Scenario,
    table::Rows,
};

/// How many devices register in each turn.
const DEVICES: usize = 5000;

/// How many turns each emulator has.
const TURNS: usize = 3;

/// What two runs of one emulator may differ by.
const TOLERANCE: f64 = 0.1;

pub(super) struct Registrations;

#[async_trait]
impl Scenario for Registrations {
    fn name(&self) -> &'static str {
        "registrations"
    }

    fn about(&self) -> &'static str {
        "registrations a second; with --before not fewer than with that emulator"
    }

    async fn run(&self, ground: &mut Ground<'_>, rows: &mut Rows<'_>) -> Result<()> {
        let beside_idle = register_built_in(&ground.emulator, "device", DEVICES)
            .await?
            .complete()?;
        beside_idle.show(rows, "beside the idle devices");
        let (mut now, mut before) = (Turns::default(), Turns::default());
        for _ in 0..TURNS {
            now.take(&ground.setup.emulator).await?;
            if let Some(binary) = &ground.setup.before {
                before.take(binary).await?;
            }
        }
        let (rate, cpu) = now.medians();
        match ground.setup.before {
            Some(_) => {
                let (rate_before, cpu_before) = before.medians();
                rows.at_least("alone", rate, rate_before * (1.0 - TOLERANCE), "/s");
                rows.at_most(
                    "alone, CPU of the emulator each",
                    cpu,
                    cpu_before * (1.0 + TOLERANCE),
                    "ms",
                );
            }
            None => {
                rows.show("alone", format!("{rate:.0} /s"));
                rows.show("alone, CPU of the emulator each", format!("{cpu:.2} ms"));
            }
        }
        // The devices that have registered stay known.
        ground.keep_memory().await
    }
}

/// What one emulator reached in its turns.
#[derive(Default)]
struct Turns {
    /// Registrations a second.
    rates: Vec<f64>,
    /// CPU time of the emulator for each, in milliseconds.
    cpu: Vec<f64>,
}

impl Turns {
    /// A new process, without idle devices.
    async fn take(&mut self, binary: &Path) -> Result<()> {
        let emulator = Emulator::start(binary, Options::default()).await?;
        let registered = register_built_in(&emulator, "device", DEVICES).await?.complete()?;
        self.rates.push(registered.per_second());
        self.cpu.push(registered.cpu_each());
        Ok(())
    }

    fn medians(self) -> (f64, f64) {
        (median(self.rates), median(self.cpu))
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
