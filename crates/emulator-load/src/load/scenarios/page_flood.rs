//! Silent connections to the page: devices and scripts still have room.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use tokio::join;

use crate::load::{
    Result, ground::Ground, http::Control, pace::paced, registrations::register, scenario::Scenario, table::Rows,
};

const CONNECTIONS: usize = 10_000;

/// Calls, and registrations, 10 a second.
const CALLS: u32 = 50;

pub(super) struct PageFlood;

#[async_trait]
impl Scenario for PageFlood {
    fn name(&self) -> &'static str {
        "page-flood"
    }

    fn about(&self) -> &'static str {
        "10,000 silent connections to the page: control calls and registrations still work"
    }

    async fn run(&self, ground: &mut Ground<'_>, rows: &mut Rows<'_>) -> Result<()> {
        let watch = ground.emulator.watch_memory()?;
        let mut connections = vec![];
        for _ in 0..CONNECTIONS {
            // The emulator may close it at once.
            if let Ok(connection) = ground.service.tcp(ground.service.page_port).await {
                connections.push(connection);
            }
        }
        let control = Arc::new(Control::new(&ground.service));
        let calls = paced(CALLS, 10, Duration::from_secs(10), |_| {
            let control = Arc::clone(&control);
            async move { control.get("/enrollmentGroups/local-keys").await.map(drop) }
        });
        let registrations = paced(CALLS, 10, Duration::from_secs(10), |number| {
            let service = Arc::clone(&ground.service);
            async move { register(&service, &format!("device-{number}"), &service.group_key).await }
        });
        // At the same time: the page closes silent connections after 10 s.
        let (calls, registrations) = join!(calls, registrations);
        rows.all("control calls", calls.times.len(), calls.due);
        rows.all("registrations", registrations.times.len(), registrations.due);
        for error in [calls.error, registrations.error].into_iter().flatten() {
            rows.show("an error", error);
        }
        rows.show("highest memory", format!("{:+.0} MiB", watch.growth()));
        drop(connections);
        Ok(())
    }
}
