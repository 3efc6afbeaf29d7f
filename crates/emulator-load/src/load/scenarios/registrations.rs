//! How many registrations a second, and whether an earlier emulator had more.

use std::path::Path;

use async_trait::async_trait;

use super::Scenario;
use crate::load::{
    Result,
    process::{Emulator, Options},
    registrations::register_built_in,
    run::Ground,
    table::Rows,
};

/// How many devices register in each turn.
const DEVICES: usize = 5000;

/// How many turns each emulator has.
const TURNS: usize = 3;

/// How much of the earlier rate is as fast: what two runs of one emulator differ by.
const TOLERANCE: f64 = 0.9;

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
        let beside_idle = register_built_in(&ground.service, "device", DEVICES)
            .await
            .complete()?
            .per_second();
        rows.show("registrations beside the idle devices", format!("{beside_idle:.0} /s"));
        let (mut now, mut before) = (vec![], vec![]);
        for _ in 0..TURNS {
            now.push(rate(&ground.setup.emulator).await?);
            if let Some(binary) = &ground.setup.before {
                before.push(rate(binary).await?);
            }
        }
        let now = median(now);
        match ground.setup.before {
            Some(_) => rows.at_least("registrations", now, (median(before) * TOLERANCE).round(), "/s"),
            None => rows.show("registrations", format!("{now:.0} /s")),
        }
        // The devices that have registered stay known.
        ground.begin().await
    }
}

/// The rate of a new emulator.
async fn rate(binary: &Path) -> Result<f64> {
    let emulator = Emulator::start(binary, Options::default()).await?;
    Ok(register_built_in(&emulator.service, "device", DEVICES)
        .await
        .complete()?
        .per_second())
}

fn median(mut rates: Vec<f64>) -> f64 {
    rates.sort_by(f64::total_cmp);
    rates.get(rates.len() / 2).copied().unwrap_or(f64::NAN)
}
