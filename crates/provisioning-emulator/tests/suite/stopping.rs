//! The emulator ends within 5 s, whatever its peers and its log do.

use std::time::Duration;

use futures_util::SinkExt;
use provisioning_emulator::{Effect, Fault, Port, Security, Step};
use tokio::{
    io::AsyncWriteExt,
    time::{Instant, sleep, timeout},
};
use tokio_tungstenite::tungstenite::Message;

use crate::{
    support::{Device, connect_bytes, in_memory, plain, tls},
    websocket::connected,
};

#[tokio::test(start_paused = true)]
async fn shutdown_ends_in_time_although_no_peer_reads_or_closes() {
    let emulator = in_memory();
    let withhold = Fault::new(Effect::Withhold, Step::Tcp).expect("a fault");
    emulator.inject(withhold);
    let withheld = plain(&emulator);
    sleep(Duration::from_millis(1)).await;
    let mut idle = vec![withheld];
    for port in [Port::Mqtt, Port::WebSocket, Port::Control, Port::Page] {
        for security in [Security::Plain, Security::Tls] {
            idle.push(emulator.connect(port, security, 16));
        }
        let mut asking = emulator.connect(port, Security::Plain, 16);
        let request = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
        let _ = timeout(Duration::from_secs(1), asking.write_all(request)).await;
        idle.push(asking);
    }
    // It has room for no answer.
    let mut full = emulator.connect(Port::Mqtt, Security::Plain, 3);
    let _ = timeout(Duration::from_secs(1), full.write_all(&connect_bytes("MQTT", 4, 0x82))).await;
    let identity = emulator.issue_device("e").expect("a certificate");
    let link = emulator.connect(Port::Mqtt, Security::Tls, 4096);
    let connector = tls::connector(emulator.ca_pem(), Some(&identity), &tls::BOTH);
    let secured = tls::connect(&connector, "localhost", link).await.expect("TLS");
    let device = Device::accepted(secured, "e").await;
    let mut socket = connected(&emulator).await;
    let pings = Message::binary([0xC0, 0].repeat(20_000));
    let _ = timeout(Duration::from_secs(1), socket.send(pings)).await;
    let start = Instant::now();
    emulator.shutdown().await;
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    drop((idle, full, device, socket));
}

#[cfg(all(unix, feature = "cli"))]
mod process {
    use std::{fs, process::Command};

    use tokio::io::{AsyncBufReadExt, BufReader};

    use super::*;
    use crate::command::{command, end, folder, free_ports, started};

    /// Ends the process within 5 s, with exit code 0.
    async fn ends_in_time(child: tokio::process::Child) {
        timeout(Duration::from_secs(5), end(child, "TERM"))
            .await
            .expect("in time");
    }

    fn pipe(path: &std::path::Path) {
        let made = Command::new("mkfifo").arg(path).status().expect("mkfifo");
        assert!(made.success());
    }

    #[tokio::test]
    async fn a_log_that_waits_for_its_reader_does_not_keep_the_process() {
        let dir = folder();
        let log = dir.path().join("log");
        pipe(&log);
        let log = log.to_str().expect("text");
        let words = [&free_ports()[..], &["--log", log]].concat();
        let mut child = command(&dir.path().join("dps"), &words).spawn().expect("started");
        let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        // The handlers of the signals are there when its folder is.
        let begun = async {
            while !dir.path().join("dps").exists() {
                sleep(Duration::from_millis(10)).await;
            }
        };
        timeout(Duration::from_secs(20), begun).await.expect("in time");
        let waiting = timeout(Duration::from_millis(300), lines.next_line()).await;
        waiting.expect_err("it waits for the reader");
        let mut stderr = BufReader::new(child.stderr.take().expect("piped")).lines();
        ends_in_time(child).await;
        let said = stderr.next_line().await.expect("text");
        assert_eq!(said.as_deref(), Some("Stopped before it listened."));
        let (next, _) = started(&dir.path().join("dps"), &[]).await;
        ends_in_time(next).await;
    }

    #[tokio::test]
    async fn a_log_whose_reader_has_stalled_does_not_keep_the_process() {
        let dir = folder();
        let log = dir.path().join("log");
        pipe(&log);
        let _reader = fs::File::options().read(true).write(true).open(&log).expect("opened");
        let (child, ready) = started(&dir.path().join("dps"), &["--log", log.to_str().expect("text")]).await;
        let port = u16::try_from(ready["pagePort"].as_u64().expect("a number")).expect("a port");
        let mut lines = 0;
        // More than fits into a pipe: each is a line of the log.
        while lines < 1000 {
            let mut tcp = tokio::net::TcpStream::connect(("127.0.0.1", port)).await.expect("TCP");
            let _ = tcp.write_all(b"AMQP\x00\x01\x00\x00").await;
            lines += 1;
        }
        ends_in_time(child).await;
    }
}
