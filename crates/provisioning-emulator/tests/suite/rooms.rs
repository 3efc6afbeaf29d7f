//! Room per port: connections that fill one port leave the others unaffected, and refusals do not flood the log.

use std::time::Duration;

use provisioning_emulator::{Emulator, Link, Port, Security};
use tokio::{io::AsyncReadExt, time::sleep};

use crate::{
    control::call,
    support::{Device, builder, http::look, in_memory, notes, plain},
};

fn silent(emulator: &Emulator, port: Port, count: usize) -> Vec<Link> {
    let connect = |_| emulator.connect(port, Security::Plain, 1);
    (0..count).map(connect).collect()
}

#[tokio::test(start_paused = true)]
async fn silent_connections_to_the_page_and_the_control_endpoint_affect_neither_devices_nor_each_other() {
    for (port, room) in [(Port::Page, 128), (Port::Control, 512)] {
        let emulator = in_memory();
        let silent = silent(&emulator, port, 10_000);
        sleep(Duration::from_millis(100)).await;
        let mut device = Device::ready(plain(&emulator), "d").await;
        assert_eq!(device.register("d").await.status, 202, "{port}");
        if port == Port::Page {
            assert_eq!(call(&emulator, "GET", "/registrations/d").await.status, 200);
        } else {
            assert_eq!(look(&emulator, "GET", "/", "localhost").await.status, 200);
        }
        let mut refused = 0;
        for mut link in silent.into_iter().skip(room) {
            refused += usize::from(link.read_u8().await.is_err());
        }
        assert_eq!(refused, 10_000 - room, "{port}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_burst_of_refusals_is_two_lines_in_the_log_and_the_next_one_is_logged_again() {
    let emulator = builder().max_connections(10).start_in_memory().expect("an emulator");
    let devices = silent(&emulator, Port::Mqtt, 5);
    let more = silent(&emulator, Port::WebSocket, 1005);
    sleep(Duration::from_millis(1500)).await;
    let first = "there are 10 connections already, as many as there may be";
    assert_eq!(
        notes(&emulator, "refused"),
        [first, "999 more connections were refused"]
    );
    drop(more);
    sleep(Duration::from_secs(3)).await;
    Device::accepted(plain(&emulator), "d").await;
    let _more = silent(&emulator, Port::Mqtt, 6);
    sleep(Duration::from_secs(3)).await;
    assert_eq!(notes(&emulator, "refused")[2..], [first]);
    drop(devices);
}
