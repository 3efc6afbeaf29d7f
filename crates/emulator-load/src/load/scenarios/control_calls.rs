//! Scripts beside devices: 100 control calls a second while devices register, with 20,000 devices known.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use serde_json::json;
use tokio::join;

use crate::load::{
    Result,
    ground::Ground,
    http::Control,
    pace::{Paced, paced},
    registrations::{register, register_built_in},
    scenario::Scenario,
    table::Rows,
};

const DEVICES: usize = 20_000;
const SECONDS: u32 = 20;
const CALLS_PER_SECOND: u32 = 100;
const REGISTRATIONS_PER_SECOND: u32 = 50;

/// How long the last answers are awaited.
const GRACE: Duration = Duration::from_secs(40);

pub(super) struct ControlCalls;

#[async_trait]
impl Scenario for ControlCalls {
    fn name(&self) -> &'static str {
        "control-calls"
    }

    fn about(&self) -> &'static str {
        "100 control calls a second beside 50 registrations a second, 20,000 devices known"
    }

    async fn run(&self, ground: &mut Ground<'_>, rows: &mut Rows<'_>) -> Result<()> {
        register_built_in(&ground.emulator, "device", DEVICES)
            .await?
            .complete()?;
        ground.begin().await?;
        let control = Arc::new(Control::new(&ground.service));
        let calls = paced(CALLS_PER_SECOND * SECONDS, CALLS_PER_SECOND, GRACE, |number| {
            let control = Arc::clone(&control);
            async move { call(&control, number).await }
        });
        let registrations = paced(
            REGISTRATIONS_PER_SECOND * SECONDS,
            REGISTRATIONS_PER_SECOND,
            GRACE,
            |number| {
                let service = Arc::clone(&ground.service);
                async move { register(&service, &format!("beside-{number}"), &service.group_key).await }
            },
        );
        let (calls, registrations) = join!(calls, registrations);
        report(rows, "control calls", &calls, 100.0);
        report(rows, "registrations beside them", &registrations, 250.0);
        Ok(())
    }
}

/// What scripts do: they look at one registration, set up an enrollment, look at it, and list.
async fn call(control: &Control, number: u32) -> Result<()> {
    let enrollment = format!("/enrollments/script-{}", number / 5);
    match number % 5 {
        0 => {
            let body = json!({
                "registrationId": format!("script-{}", number / 5),
                "attestation": {"type": "symmetricKey"},
            });
            control.call("PUT", &enrollment, &[], body.to_string()).await?
        }
        1 => {
            control
                .get(&format!("/registrations/device-{}", number * 7 % 20_000))
                .await?
        }
        2 => control.get("/enrollmentGroups/local-keys").await?,
        3 => control.call("POST", "/enrollments/query", &[], "").await?,
        _ => control.call("POST", "/registrations/local-keys/query", &[], "").await?,
    };
    Ok(())
}

fn report(rows: &mut Rows<'_>, what: &str, calls: &Paced, limit: f64) {
    rows.all(&format!("{what}, answered"), calls.times.len(), calls.due);
    rows.show(&format!("{what}, p50"), format!("{:.1} ms", calls.times.percentile(50)));
    rows.at_most(&format!("{what}, p99"), calls.times.percentile(99), limit, "ms");
    if let Some(error) = &calls.error {
        rows.show(&format!("{what}, an error"), error.clone());
    }
}
