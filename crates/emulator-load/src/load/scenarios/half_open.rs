//! Connections whose TLS handshake never ends.

use std::time::Duration;

use async_trait::async_trait;
use tokio::{
    io::AsyncWriteExt,
    time::{Instant, sleep_until},
};

use crate::load::{Result, ground::Ground, scenario::Scenario, table::Rows};

const CONNECTIONS: usize = 2000;

/// The start of a record with a ClientHello of 512 bytes.
const CLIENT_HELLO: [u8; 11] = [0x16, 3, 1, 2, 0, 1, 0, 1, 0xFC, 3, 3];

pub(super) struct HalfOpen;

#[async_trait]
impl Scenario for HalfOpen {
    fn name(&self) -> &'static str {
        "half-open"
    }

    fn about(&self) -> &'static str {
        "2,000 connections, half of them silent and half in the middle of the ClientHello"
    }

    async fn run(&self, ground: &mut Ground<'_>, rows: &mut Rows<'_>) -> Result<()> {
        let service = &ground.service;
        let ports = [service.mqtt_port, service.websocket_port, service.control_port];
        let watch = ground.emulator.watch_memory()?;
        let start = Instant::now();
        let mut connections = vec![];
        for number in 0..CONNECTIONS {
            // The emulator may close it at once.
            let Ok(mut connection) = service.tcp(ports[number % ports.len()]).await else {
                continue;
            };
            if number % 2 == 0 {
                let _ = connection.write_all(&CLIENT_HELLO).await;
            }
            connections.push(connection);
        }
        sleep_until(start + Duration::from_secs(3)).await;
        let begin = ground.begin_descriptors()?;
        let open = ground.emulator.figures()?.descriptors.saturating_sub(begin);
        rows.show("open after 3 s", open.to_string());
        rows.at_most("highest memory", watch.growth(), 16.0, "MiB");
        rows.at_most(
            "closed after",
            ground.until_closed(start, Duration::from_secs(60)).await?,
            45.0,
            "s",
        );
        drop(connections);
        Ok(())
    }
}
