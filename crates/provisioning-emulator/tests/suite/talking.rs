//! What `dps-emulator` says on stderr, and what it leaves to stdout.

use std::{path::Path, process::Stdio, time::Duration};

use provisioning_emulator::LogEntry;
use rumqttc::{Connect, ConnectReturnCode, Login};
use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, Lines},
    net::TcpStream,
    process::{Child, ChildStderr, Command},
    time::timeout,
};

use crate::{
    command::{command, end, folder, free_ports, ready, started},
    support::{Device, ID_SCOPE, connect_packet, tls, user_name},
};

const LIMIT: Duration = Duration::from_secs(60);

type Said = Lines<BufReader<ChildStderr>>;

fn said(child: &mut Child) -> Said {
    BufReader::new(child.stderr.take().expect("piped")).lines()
}

/// The next line that contains this.
async fn line(said: &mut Said, part: &str) -> String {
    let mut before = String::new();
    loop {
        let line = timeout(LIMIT, said.next_line()).await;
        let line = line.unwrap_or_else(|_| panic!("no line with {part:?} in time, after:\n{before}"));
        let line = line
            .expect("text")
            .unwrap_or_else(|| panic!("no line with {part:?}, only:\n{before}"));
        if line.contains(part) {
            return line;
        }
        before += &format!("{line}\n");
    }
}

fn port(ready: &Value, name: &str) -> u16 {
    u16::try_from(ready[name].as_u64().expect("a number")).expect("a port")
}

/// TLS as `device-1` of this folder.
async fn dial(dir: &Path, ready: &Value) -> tokio_rustls::client::TlsStream<TcpStream> {
    let read = |name: &str| std::fs::read_to_string(dir.join(name)).expect(name);
    let identity = tls::identity(&read("devices/device-1.pem"), &read("devices/device-1.key"));
    let connector = tls::connector_with(&read("ca.pem"), identity);
    let tcp = TcpStream::connect(("127.0.0.1", port(ready, "mqttPort")))
        .await
        .expect("a listener");
    tls::connect(&connector, "localhost", tcp).await.expect("TLS")
}

/// A device with another id scope, which is refused.
async fn refused(dir: &Path, ready: &Value) {
    let mut device = Device::over(dial(dir, ready).await);
    let connect = Connect {
        login: Some(Login::new(user_name("device-1").replace(ID_SCOPE, "0neOTHER"), "")),
        ..connect_packet("device-1")
    };
    assert_eq!(device.connect(connect).await, ConnectReturnCode::NotAuthorized);
}

#[tokio::test]
async fn it_says_where_it_listens_and_tells_registrations_and_refusals() {
    let dir = folder();
    let (mut child, ready) = started(dir.path(), &["--id-scope", ID_SCOPE]).await;
    let mut said = said(&mut child);
    for (what, name) in [
        ("MQTT", "mqttPort"),
        ("WebSocket", "wsPort"),
        ("control", "controlPort"),
    ] {
        let line = line(&mut said, what).await;
        assert!(line.contains(&format!("localhost:{}", port(&ready, name))), "{line}");
    }
    line(&mut said, &format!("http://localhost:{}/", port(&ready, "pagePort"))).await;
    line(&mut said, "ca.pem").await;
    line(&mut said, ID_SCOPE).await;
    let page = format!("http://localhost:{}/#token=", port(&ready, "pagePort"));
    line(&mut said, &page).await;
    let first = line(&mut said, "dps register --host localhost:").await;
    assert!(
        first.contains("devices/device-1.pem") && first.contains("devices/device-1.key"),
        "{first}"
    );

    let mut device = Device::accepted(dial(dir.path(), &ready).await, "device-1").await;
    device.subscribe().await;
    let operation = device.register("device-1").await.body["operationId"]
        .as_str()
        .expect("an id")
        .to_owned();
    device.query(&operation).await;
    let assigned = line(&mut said, "assigned to").await;
    assert!(
        assigned.ends_with("Z device-1: assigned to local-hub.azure-devices.net"),
        "{assigned}"
    );

    // The same refusal is told once; the end tells how often it was repeated.
    drop(device);
    for _ in 0..4 {
        refused(dir.path(), &ready).await;
    }
    let refusal = line(&mut said, "refused device-1: CONNACK 5: not authorized: the id scope").await;
    assert!(refusal.contains("(mqtt port, from 127.0.0.1:"), "{refusal}");
    end(child, "TERM").await;
    let counted = said.next_line().await.expect("text").expect("a line");
    assert!(counted.contains("… 3 times more in the last "), "{counted}");
    assert_eq!(said.next_line().await.expect("text"), None);
}

#[tokio::test]
async fn quiet_leaves_out_all_but_errors_and_warnings() {
    let dir = folder();
    let (mut child, ready) = started(dir.path(), &["--id-scope", ID_SCOPE, "--quiet"]).await;
    let mut stderr = child.stderr.take().expect("piped");
    refused(dir.path(), &ready).await;
    end(child, "TERM").await;
    let mut all = String::new();
    stderr.read_to_string(&mut all).await.expect("text");
    assert!(all.lines().all(|line| line.contains("warning: ")), "{all}");
}

#[tokio::test]
async fn the_log_on_stderr_is_json_lines_and_nothing_else() {
    let dir = folder();
    let (mut child, ready) = started(dir.path(), &["--id-scope", ID_SCOPE, "--log", "-"]).await;
    let mut stderr = child.stderr.take().expect("piped");
    refused(dir.path(), &ready).await;
    end(child, "TERM").await;
    let mut all = String::new();
    stderr.read_to_string(&mut all).await.expect("text");
    let entries: Result<Vec<LogEntry>, _> = all.lines().map(serde_json::from_str).collect();
    let entries = entries.unwrap_or_else(|error| panic!("{error}: {all}"));
    assert_eq!(entries.iter().filter(|entry| entry.is_refusal()).count(), 1, "{all}");
    assert!(!Path::new("-").exists(), "no file has that name");
}

/// Far more is said than a pipe holds.
#[tokio::test]
async fn a_stderr_that_nobody_reads_stops_neither_devices_nor_the_end() {
    for words in [&[][..], &["--log", "-"]] {
        let dir = folder();
        let (child, ready) = started(dir.path(), &[&["--id-scope", ID_SCOPE], words].concat()).await;
        let web = port(&ready, "pagePort");
        for number in 0..1_500 {
            let mut tcp = TcpStream::connect(("127.0.0.1", web)).await.expect("a listener");
            let path = format!("/{number}{}", "x".repeat(400));
            let call = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
            tcp.write_all(call.as_bytes()).await.expect("sent");
            let mut answer = vec![];
            timeout(LIMIT, tcp.read_to_end(&mut answer))
                .await
                .expect("in time")
                .expect("an answer");
            assert!(answer.starts_with(b"HTTP/1.1 404 "), "{number}");
        }
        let mut device = Device::accepted(dial(dir.path(), &ready).await, "device-1").await;
        device.subscribe().await;
        assert_eq!(device.register("device-1").await.status, 202, "{words:?}");
        end(child, "TERM").await;
    }
}

#[tokio::test]
async fn a_port_in_use_names_its_flag_and_a_way_out() {
    let taken = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let number = taken.local_addr().expect("its address").port().to_string();
    for flag in ["--mqtt-port", "--ws-port", "--control-port", "--page-port"] {
        let dir = folder();
        let words: Vec<_> = free_ports()
            .chunks(2)
            .flat_map(|pair| [pair[0], if pair[0] == flag { number.as_str() } else { pair[1] }])
            .collect();
        let output = timeout(LIMIT, command(dir.path(), &words).output())
            .await
            .expect("in time")
            .expect("started");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains(&format!("`{flag} 0`")), "{said}");
        assert_eq!(said.contains("`--listen 127.0.0.8`"), flag != "--page-port", "{said}");
        assert_eq!(said.lines().count(), 1, "{said}");
    }
}

#[tokio::test]
async fn the_folder_has_a_default_and_a_flag_that_names_no_file_exits_with_2() {
    let dir = folder();
    let program = env!("CARGO_BIN_EXE_dps-emulator");
    let mut child = Command::new(program)
        .args(free_ports())
        .current_dir(dir.path())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .expect("started");
    ready(&mut child).await;
    assert!(dir.path().join(".dps-emulator/ca.pem").exists());
    let ignored = std::fs::read_to_string(dir.path().join(".dps-emulator/.gitignore"));
    assert_eq!(ignored.expect("a file"), "*\n", "its keys are not committed");

    // A start that fails can have written keys.
    let other = folder();
    std::fs::create_dir(other.path().join(".dps-emulator")).expect("created");
    std::fs::write(other.path().join(".dps-emulator/server.key"), "stray").expect("written");
    let failed = Command::new(program)
        .args(free_ports())
        .current_dir(other.path())
        .output();
    let failed = timeout(LIMIT, failed).await.expect("in time").expect("started");
    assert_eq!(failed.status.code(), Some(1), "{failed:?}");
    assert!(other.path().join(".dps-emulator/ca.key").exists());
    assert!(other.path().join(".dps-emulator/.gitignore").exists());

    let text = dir.path().join("no such text");
    std::fs::write(&text, "no certificate").expect("a file");
    let text = text.to_str().expect("a path");
    for (flag, file) in [
        ("--webhook-ca", "no/such/file"),
        ("--webhook-ca", text),
        ("--log", "no/such/file"),
        ("--config", "no/such/file"),
    ] {
        let words = [&free_ports()[..], &[flag, file]].concat();
        let output = timeout(LIMIT, command(dir.path(), &words).output())
            .await
            .expect("in time")
            .expect("started");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(
            (output.status.code(), output.stdout.len()),
            (Some(2), 0),
            "{flag}: {said}"
        );
        assert!(said.starts_with("error: ") && said.contains(file), "{flag}: {said}");
        assert!(!said.contains(&format!("{file}:1:")), "there is no line: {said}");
    }
}

#[tokio::test]
async fn the_help_has_examples() {
    let output = command(folder().path(), &["--help"]).output().await.expect("started");
    let help = String::from_utf8_lossy(&output.stdout);
    for part in [
        "Examples:",
        "dps register",
        "NODE_EXTRA_CA_CERTS",
        "--config emulator.toml",
        "--ready-file ready.json",
    ] {
        assert!(help.contains(part), "{part}: {help}");
    }
}
