//! CONNECT packets that never end: little is kept before a CONNECT is accepted.

use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::join_all;
use tokio::{
    io::AsyncWriteExt,
    time::{sleep, timeout},
};

use crate::load::{Result, ground::Ground, scenario::Scenario, table::Rows};

const CONNECTIONS: usize = 400;

/// Of the packet: what the emulator accepts at most.
const SIZE: usize = 256 * 1024;

/// How long the packets may take to be taken.
const WRITE_LIMIT: Duration = Duration::from_secs(4);

pub(super) struct UnfinishedConnects;

#[async_trait]
impl Scenario for UnfinishedConnects {
    fn name(&self) -> &'static str {
        "unfinished-connects"
    }

    fn about(&self) -> &'static str {
        "400 CONNECTs of 256 KiB without their last byte: a few KiB each"
    }

    async fn run(&self, ground: &mut Ground<'_>, rows: &mut Rows<'_>) -> Result<()> {
        let service = &ground.service;
        let mut packet = vec![0x10, 0xFA, 0xFF, 0x0F];
        // Name and level of the protocol, a user name and a password, the keep-alive; then a client id that goes on.
        packet.extend(b"\x00\x04MQTT\x04\xC2\x00\x3C\xFF\xFF");
        packet.resize(SIZE - 1, b'a');
        let mut connections = vec![];
        for _ in 0..CONNECTIONS {
            connections.push(service.tls(service.mqtt_port).await?);
        }
        let watch = ground.emulator.watch_memory()?;
        // The emulator may refuse them at any time, or read no further.
        let writes = connections.iter_mut().map(|connection| {
            timeout(WRITE_LIMIT, async {
                connection.write_all(&packet).await?;
                connection.flush().await
            })
        });
        join_all(writes).await;
        sleep(Duration::from_millis(500)).await;
        rows.at_most("highest memory", watch.growth(), 16.0, "MiB");
        // They stay open here until the emulator has closed its ends.
        rows.at_most(
            "closed after",
            ground.until_closed(Duration::from_secs(45)).await?,
            45.0,
            "s",
        );
        drop(connections);
        Ok(())
    }
}
