//! CONNECT packets that never end: little is kept before a CONNECT is accepted.

use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::join_all;
use tokio::{
    io::AsyncWriteExt,
    time::{Instant, sleep, timeout},
};

use crate::load::{Result, ground::Ground, scenario::Scenario, table::Rows};

const CONNECTIONS: usize = 400;

/// The fixed header of a CONNECT of 256 KiB, and of one of 8 KiB, the largest that the emulator accepts.
const SIZES: [(&[u8], usize); 2] = [(&[0x10, 0xFC, 0xFF, 0x0F], 256 * 1024), (&[0x10, 0xFD, 0x3F], 8 * 1024)];

/// How long the packets may take to be taken.
const WRITE_LIMIT: Duration = Duration::from_secs(4);

pub(super) struct UnfinishedConnects;

#[async_trait]
impl Scenario for UnfinishedConnects {
    fn name(&self) -> &'static str {
        "unfinished-connects"
    }

    fn about(&self) -> &'static str {
        "400 CONNECTs of 256 KiB or 8 KiB without their last byte: a few KiB each"
    }

    async fn run(&self, ground: &mut Ground<'_>, rows: &mut Rows<'_>) -> Result<()> {
        let service = &ground.service;
        let packets = SIZES.map(|(header, size)| {
            let mut packet = header.to_vec();
            // Name and level of the protocol, a user name and a password, the keep-alive; then a client id that goes on.
            packet.extend(b"\x00\x04MQTT\x04\xC2\x00\x3C\xFF\xFF");
            packet.resize(size - 1, b'a');
            packet
        });
        let mut connections = vec![];
        for _ in 0..CONNECTIONS {
            connections.push(service.tls(service.mqtt_port).await?);
        }
        let watch = ground.emulator.watch_memory()?;
        // The emulator may refuse them at any time, or read no further.
        let start = Instant::now();
        let writes = connections
            .iter_mut()
            .zip(packets.iter().cycle())
            .map(|(connection, packet)| {
                timeout(WRITE_LIMIT, async {
                    connection.write_all(packet).await?;
                    connection.flush().await
                })
            });
        join_all(writes).await;
        sleep(Duration::from_millis(500)).await;
        let open = ground.emulator.figures()?.descriptors - ground.begin_descriptors()?;
        rows.all("of 8 KiB, which could still be accepted: open", open, CONNECTIONS / 2);
        // 12 KiB each.
        rows.at_most("highest memory", watch.growth(), 4.7, "MiB");
        // They stay open here until the emulator has closed its ends.
        rows.at_most(
            "closed after",
            ground.until_closed(start, Duration::from_secs(45)).await?,
            45.0,
            "s",
        );
        drop(connections);
        Ok(())
    }
}
