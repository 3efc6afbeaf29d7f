//! `dps-emulator` as a process: what it writes and prints, and how it ends.

use std::{
    fs,
    path::Path,
    process::{Output, Stdio},
    time::Duration,
};

use rustls_pki_types::{CertificateDer, pem::PemObject};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    process::{Child, Command},
    time::timeout,
};
use x509_parser::{
    prelude::{FromDer, X509Certificate},
    public_key::PublicKey,
};

const LIMIT: Duration = Duration::from_secs(60);

pub(crate) fn command(dir: &Path, words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dps-emulator"));
    command.arg("--dir").arg(dir).args(words);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

pub(crate) fn free_ports() -> [&'static str; 8] {
    let [mqtt, ws, control, page] = ["--mqtt-port", "--ws-port", "--control-port", "--page-port"];
    [mqtt, "0", ws, "0", control, "0", page, "0"]
}

/// Runs to the end.
async fn run(dir: &Path, words: &[&str]) -> Output {
    timeout(LIMIT, command(dir, words).output())
        .await
        .expect("in time")
        .expect("started")
}

/// Running, with the line that it printed once it listened.
pub(crate) async fn started(dir: &Path, words: &[&str]) -> (Child, Value) {
    let mut child = command(dir, &[&free_ports()[..], words].concat())
        .spawn()
        .expect("started");
    let ready = ready(&mut child).await;
    (child, ready)
}

/// What it prints once it listens.
pub(crate) async fn ready(child: &mut Child) -> Value {
    let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
    let line = timeout(LIMIT, lines.next_line()).await.expect("in time").expect("text");
    let Some(line) = line else {
        let mut said = String::new();
        if let Some(stderr) = &mut child.stderr {
            stderr.read_to_string(&mut said).await.expect("text");
        }
        panic!("it ended before it was ready: {said}");
    };
    serde_json::from_str(&line).expect("one JSON object")
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn read(path: impl AsRef<Path>) -> String {
    fs::read_to_string(path.as_ref()).unwrap_or_else(|error| panic!("{}: {error}", path.as_ref().display()))
}

pub(crate) fn folder() -> TempDir {
    tempfile::tempdir().expect("a folder")
}

#[cfg(unix)]
pub(crate) async fn end(mut child: Child, signal: &str) {
    let id = child.id().expect("running").to_string();
    let status = Command::new("kill")
        .args(["-s", signal, &id])
        .status()
        .await
        .expect("kill");
    assert!(status.success());
    let status = timeout(LIMIT, child.wait()).await.expect("in time").expect("an end");
    assert_eq!(status.code(), Some(0), "{signal}");
}

#[tokio::test]
async fn it_prints_and_writes_where_it_listens_and_fills_its_folder() {
    let dir = folder();
    let home = dir.path().join("new").join("home");
    let ready_file = dir.path().join("ready.json");
    let (_child, ready) = started(
        &home,
        &[
            "--id-scope",
            "0neTEST",
            "--ready-file",
            ready_file.to_str().expect("text"),
        ],
    )
    .await;
    let mut written: Value = serde_json::from_str(&read(&ready_file)).expect("JSON");
    let complete = written["connectionString"].as_str().expect("text").to_owned();
    let (public, _) = complete.split_once(";SharedAccessKey=").expect("the key");
    written["connectionString"] = public.into();
    assert_eq!(written, ready, "the same without the key");
    let names: Vec<_> = ready.as_object().expect("an object").keys().collect();
    let expected = [
        "ca",
        "connectionString",
        "controlPort",
        "idScope",
        "mqttPort",
        "pagePort",
        "wsPort",
    ];
    assert_eq!(names, expected, "programs know these");
    assert_eq!(ready["idScope"], "0neTEST");
    let ca = ready["ca"].as_str().expect("a path");
    assert!(Path::new(ca).is_absolute());
    assert_eq!(read(ca), read(home.join("ca.pem")));
    for name in ["ca", "server", "devices/device-1"] {
        assert!(
            read(home.join(format!("{name}.pem"))).starts_with("-----BEGIN CERTIFICATE-----"),
            "{name}"
        );
        assert!(
            read(home.join(format!("{name}.key"))).starts_with("-----BEGIN PRIVATE KEY-----"),
            "{name}"
        );
    }
    for name in ["mqttPort", "wsPort", "controlPort", "pagePort"] {
        let port = u16::try_from(ready[name].as_u64().expect("a number")).expect("a port");
        TcpStream::connect(("127.0.0.1", port))
            .await
            .unwrap_or_else(|error| panic!("{name}: {error}"));
    }
}

#[cfg(unix)]
#[tokio::test]
async fn private_keys_are_for_their_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    let dir = folder();
    let (_child, _) = started(dir.path(), &[]).await;
    for name in [
        "ca.key",
        "server.key",
        "control.key",
        "group.key",
        "devices/device-1.key",
    ] {
        let mode = fs::metadata(dir.path().join(name))
            .expect("a file")
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
}

#[cfg(unix)]
#[tokio::test]
async fn the_ready_file_is_for_its_owner_only_unless_its_mode_is_given() {
    use std::os::unix::fs::PermissionsExt;
    for (words, mode) in [(&[][..], 0o600), (&["--ready-file-mode", "0664"], 0o664)] {
        let dir = folder();
        let ready_file = dir.path().join("ready.json");
        let path = ready_file.to_str().expect("text");
        let (_child, _) = started(dir.path(), &[&["--ready-file", path], words].concat()).await;
        let permissions = fs::metadata(&ready_file).expect("a file").permissions();
        assert_eq!(permissions.mode() & 0o777, mode, "{words:?}");
    }
}

/// Wherever the page listens.
#[tokio::test]
async fn its_health_is_asked_for_with_its_ready_file() {
    for (listen, host) in [
        (None, "localhost"),
        (Some("0.0.0.0"), "localhost"),
        (Some("127.0.0.9"), "127.0.0.9"),
        (Some("::"), "localhost"),
        (Some("::1"), "[::1]"),
    ] {
        let dir = folder();
        let ready_file = dir.path().join("ready.json");
        let named = ["--ready-file", ready_file.to_str().expect("text")];
        let health = [&named[..], &["--health"]].concat();

        let missing = run(dir.path(), &health).await;
        assert_eq!(missing.status.code(), Some(1));
        assert!(stderr(&missing).contains("ready.json cannot be used"), "{missing:?}");

        let flags: Vec<_> = listen
            .into_iter()
            .flat_map(|address| ["--page-listen", address])
            .collect();
        let (mut child, ready) = started(dir.path(), &[&named[..], &flags].concat()).await;
        let named = ready["pageHost"].as_str().unwrap_or("localhost");
        assert_eq!(named, host);
        let healthy = run(dir.path(), &health).await;
        assert_eq!(healthy.status.code(), Some(0), "{listen:?}: {healthy:?}");
        let answer: Value = serde_json::from_slice(&healthy.stdout).expect("JSON");
        assert_eq!(answer["status"], "ok", "{answer}");
        assert_eq!(answer["idScope"], ready["idScope"], "{answer}");

        child.kill().await.expect("ended");
        let ended = run(dir.path(), &health).await;
        assert_eq!(ended.status.code(), Some(1));
        let address = format!("no emulator serves calls at {host}:{}", ready["pagePort"]);
        assert!(stderr(&ended).contains(&address), "{ended:?}");
    }
}

#[tokio::test]
async fn a_ready_file_without_the_page_is_no_ready_file() {
    let dir = folder();
    let ready_file = dir.path().join("ready.json");
    fs::write(&ready_file, "{}").expect("written");
    let output = run(
        dir.path(),
        &["--health", "--ready-file", ready_file.to_str().expect("text")],
    )
    .await;
    assert_eq!(output.status.code(), Some(1));
    let expected = "expected a ready file, with pagePort and idScope";
    assert!(stderr(&output).contains(expected), "{output:?}");
}

/// Neither another program nor an emulator with another id scope is the one that wrote the file, whatever its status is.
#[tokio::test]
async fn another_program_at_its_page_is_not_healthy() {
    for (answer, reason) in [
        ("404 Not Found\r\n\r\n", "is not that of an emulator"),
        ("200 OK\r\n\r\n<html>", "is not that of an emulator"),
        ("200 OK\r\n\r\n{\"status\": \"ok\"}", "is not that of an emulator"),
        ("200 OK\r\n\r\n{\"idScope\": \"0ne1\"}", "is not that of an emulator"),
        (
            "503 No\r\n\r\n{\"run\": \"2\", \"idScope\": \"0ne1\"}",
            "is not that of an emulator",
        ),
        (
            "200 OK\r\n\r\n{\"run\": \"2\", \"idScope\": \"0ne2\"}",
            "another emulator answers",
        ),
    ] {
        let dir = folder();
        let other = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = other.local_addr().expect("an address").port();
        let ready_file = dir.path().join("ready.json");
        let ready = json!({"pageHost": "127.0.0.1", "pagePort": port, "idScope": "0ne1"});
        fs::write(&ready_file, ready.to_string()).expect("written");
        let answering = async {
            let (mut peer, _) = other.accept().await.expect("a peer");
            // Closing with unread bytes would reset the connection.
            BufReader::new(&mut peer).fill_buf().await.expect("a request");
            peer.write_all(format!("HTTP/1.1 {answer}").as_bytes())
                .await
                .expect("sent");
        };
        let words = ["--health", "--ready-file", ready_file.to_str().expect("text")];
        let (output, ()) = tokio::join!(run(dir.path(), &words), answering);
        assert_eq!(output.status.code(), Some(1), "{answer}");
        assert!(stderr(&output).contains(reason), "{answer}: {output:?}");
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_folder_is_used_again_and_signals_end_it_with_0() {
    let dir = folder();
    let files = [
        "ca.pem",
        "ca.key",
        "server.pem",
        "server.key",
        "control.key",
        "group.key",
        "devices/device-1.pem",
        "devices/device-1.key",
    ];
    let contents = || files.map(|name| read(dir.path().join(name)));
    let (child, _) = started(dir.path(), &[]).await;
    let before = contents();
    end(child, "TERM").await;
    let (child, _) = started(dir.path(), &[]).await;
    assert_eq!(contents(), before);
    end(child, "INT").await;
}

#[cfg(unix)]
#[tokio::test]
async fn the_end_of_standard_input_ends_it_with_0_if_asked() {
    let dir = folder();
    let mut child = command(dir.path(), &[&free_ports()[..], &["--end-with-stdin"]].concat())
        .stdin(Stdio::piped())
        .spawn()
        .expect("started");
    let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
    let listens = timeout(LIMIT, lines.next_line()).await.expect("in time");
    assert!(listens.expect("text").is_some(), "an open pipe does not end it");
    drop(child.stdin.take());
    let status = timeout(LIMIT, child.wait()).await.expect("in time").expect("an end");
    assert_eq!(status.code(), Some(0));
}

#[tokio::test]
async fn a_device_from_the_folder_registers_and_is_logged() {
    use crate::support::{Device, connect_packet, tls};
    let dir = folder();
    let log = dir.path().join("log.jsonl");
    let words = [
        "--id-scope",
        crate::support::ID_SCOPE,
        "--log",
        log.to_str().expect("text"),
        "--host",
        "dps.test",
    ];
    let (child, ready) = started(dir.path(), &words).await;
    let identity = tls::identity(
        &read(dir.path().join("devices/device-1.pem")),
        &read(dir.path().join("devices/device-1.key")),
    );
    let connector = tls::connector_with(&read(dir.path().join("ca.pem")), identity);
    let port = u16::try_from(ready["mqttPort"].as_u64().expect("a number")).expect("a port");
    let tcp = TcpStream::connect(("127.0.0.1", port)).await.expect("a listener");
    let mut device = Device::over(
        tls::connect(&connector, "dps.test", tcp)
            .await
            .expect("TLS for the given name"),
    );
    assert_eq!(
        device.connect(connect_packet("device-1")).await,
        rumqttc::ConnectReturnCode::Success
    );
    device.subscribe().await;
    assert_eq!(device.register("device-1").await.status, 202);
    end(child, "TERM").await;
    let lines: Vec<Value> = read(&log)
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    let published = lines
        .iter()
        .filter(|line| line["kind"] == "PUBLISH" && line["registrationId"] == "device-1");
    assert_eq!(published.count(), 2, "{lines:?}");
}

#[tokio::test]
async fn the_ready_file_suffices_to_call_the_emulator_and_to_open_the_page() {
    use crate::support::{
        http::{Call, Token, send},
        tls::{anonymous, connect},
    };
    let dir = folder();
    let ready_file = dir.path().join("ready.json");
    let words = ["--host", "dps.test", "--ready-file", ready_file.to_str().expect("text")];
    let (_child, _) = started(dir.path(), &words).await;
    let ready: Value = serde_json::from_str(&read(&ready_file)).expect("JSON");
    let port = |name: &str| u16::try_from(ready[name].as_u64().expect("a number")).expect("a port");
    let key = read(dir.path().join("control.key"));
    let control = port("controlPort");
    assert_eq!(
        ready["connectionString"],
        format!(
            "HostName=dps.test:{control};SharedAccessKeyName=provisioningserviceowner;SharedAccessKey={}",
            key.trim()
        )
    );

    let token = Token::parse(ready["connectionString"].as_str().expect("text")).sign();
    let call = Call::with_token("GET", "/emulator/log", &token).to(&format!("dps.test:{control}"));
    let tcp = TcpStream::connect(("127.0.0.1", control)).await.expect("a listener");
    let connector = anonymous(&read(ready["ca"].as_str().expect("a path")));
    let stream = connect(&connector, "dps.test", tcp)
        .await
        .expect("TLS for the given name");
    assert_eq!(send(stream, &call.text()).await.status, 200);

    let tcp = TcpStream::connect(("127.0.0.1", port("pagePort")))
        .await
        .expect("a listener");
    let page = send(tcp, "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await;
    assert!(page.body.starts_with("<!doctype html>"), "{page:?}");
}

#[tokio::test]
async fn an_invalid_key_file_is_named_and_not_changed() {
    for name in ["control.key", "group.key"] {
        let dir = folder();
        fs::write(dir.path().join(name), "no key\n").expect("a file");
        let output = run(dir.path(), &free_ports()).await;
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(
            said.contains(&format!("{name} cannot be used: expected base64; remove it")),
            "{said}"
        );
        assert_eq!(read(dir.path().join(name)), "no key\n");
    }
}

#[tokio::test]
async fn a_taken_port_is_named_with_exit_1() {
    let dir = folder();
    let taken = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = taken.local_addr().expect("its address");
    let ready_file = dir.path().join("ready.json");
    let port = address.port().to_string();
    let words = [
        "--mqtt-port",
        &port,
        "--ws-port",
        "0",
        "--ready-file",
        ready_file.to_str().expect("text"),
    ];
    let output = run(dir.path(), &words).await;
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0), "{said}");
    assert!(
        said.starts_with(&format!("error: the mqtt port cannot listen on {address} (")),
        "{said}"
    );
    assert!(!ready_file.exists(), "it is not ready");
}

#[tokio::test]
async fn a_folder_that_cannot_be_created_is_named_with_exit_1() {
    let dir = folder();
    let file = dir.path().join("file");
    fs::write(&file, "").expect("a file");
    let output = run(&file.join("home"), &free_ports()).await;
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(
        said.contains("home/devices cannot be used (`--dir` names a folder that can be created and written): Not a"),
        "{said}"
    );
}

#[tokio::test]
async fn usage_errors_exit_with_2_and_create_nothing() {
    let dir = folder();
    let cases: [(&[&str], &str); 14] = [
        (&["--nonsense"], "unexpected argument"),
        (&["--mqtt-port", "70000"], "expected a port, 0 to 65535"),
        (&["--listen", "localhost"], "expected an IP address of this machine"),
        (&["--page-listen", "nowhere"], "expected an IP address of this machine"),
        (&["--control-port", "65536"], "expected a port"),
        (&["--page-port", "x"], "expected a port"),
        (
            &["--ready-file-mode", "999", "--ready-file", "x"],
            "an octal number up to 777",
        ),
        (&["--chaos", "1.5"], "expected a probability from 0 to 1"),
        (&["--chaos", "often"], "expected a number from 0 to 1"),
        (&["--seed", "1"], "--chaos"),
        (&["--seed", "x", "--chaos", "1"], "expected a whole number"),
        (
            &["--host", "a b"],
            "expected a DNS name or an IP address, without a port",
        ),
        (
            &["--host", "dps.test:8883"],
            "expected a DNS name or an IP address, without a port",
        ),
        (&["--host", ""], "expected a DNS name or an IP address, without a port"),
    ];
    for (words, expected) in cases {
        let output = run(dir.path(), words).await;
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{words:?}: {said}");
        assert!(said.contains(words[0]) && said.contains(expected), "{words:?}: {said}");
    }
    assert_eq!(
        fs::read_dir(dir.path()).expect("a folder").count(),
        0,
        "nothing was made"
    );
}

#[tokio::test]
async fn the_help_names_every_flag() {
    let output = run(folder().path(), &["--help"]).await;
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(0));
    for flag in [
        "--dir",
        "--listen",
        "--host",
        "--server-key",
        "--mqtt-port",
        "--ws-port",
        "--control-port",
        "--page-port",
        "--ready-file",
        "--ready-file-mode",
        "--id-scope",
        "--log",
        "--end-with-stdin",
        "--health",
        "--persist",
        "--chaos",
        "--seed",
    ] {
        assert!(said.contains(flag), "{flag}: {said}");
    }
}

#[cfg(unix)]
#[tokio::test]
async fn chaos_from_flags_is_in_the_log_with_its_seed() {
    let dir = folder();
    let log = dir.path().join("log.jsonl");
    let words = ["--chaos", "0.5", "--seed", "7", "--log", log.to_str().expect("text")];
    let (child, _) = started(dir.path(), &words).await;
    end(child, "TERM").await;
    let entry: Value = serde_json::from_str(read(&log).lines().next().expect("an entry")).expect("JSON");
    assert_eq!(entry["reason"], "chaos begins: { probability = 0.5, seed = 7 }");
}

#[tokio::test]
async fn an_invalid_id_scope_is_a_usage_error() {
    let output = run(folder().path(), &["--id-scope", "a/b"]).await;
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("letters, digits or '-'"), "{said}");
}

#[tokio::test]
async fn an_invalid_file_in_the_folder_exits_with_1_and_its_remedy() {
    let dir = folder();
    fs::write(dir.path().join("ca.key"), "stray").expect("a file");
    let output = run(dir.path(), &free_ports()).await;
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("ca.key exists without ca.pem; remove it"), "{said}");
    assert_eq!(read(dir.path().join("ca.key")), "stray");
}

#[tokio::test]
async fn the_server_has_an_rsa_key_if_asked() {
    let dir = folder();
    let (_child, _) = started(dir.path(), &["--server-key", "rsa"]).await;
    let der = CertificateDer::from_pem_slice(read(dir.path().join("server.pem")).as_bytes()).expect("PEM");
    let (_, certificate) = X509Certificate::from_der(&der).expect("a certificate");
    let key = certificate.public_key().parsed().expect("a key");
    assert!(matches!(key, PublicKey::RSA(_)) && key.key_size() == 2048, "{key:?}");
}

#[tokio::test]
async fn a_configuration_decides_which_files_are_created_and_a_mistake_in_it_exits_with_2_and_its_line() {
    let dir = folder();
    let example = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/emulator.toml");
    let (_child, ready) = started(dir.path(), &["--config", example]).await;
    assert_eq!(ready["idScope"], "0ne00A1B2C3");
    for name in ["pump-1.pem", "pump-1.key", "pump-3.pem", "meter-4.pem", "meter-4.key"] {
        assert!(dir.path().join("devices").join(name).exists(), "{name}");
    }
    for name in ["device-1.pem", "meter-1.pem"] {
        assert!(
            !dir.path().join("devices").join(name).exists(),
            "nobody asked for {name}"
        );
    }

    let broken = dir.path().join("broken.toml");
    fs::write(&broken, "hubs = [\"a\"]\nhub = \"b\"\n").expect("a file");
    let broken = broken.to_str().expect("UTF-8");
    let output = run(dir.path(), &[&free_ports()[..], &["--config", broken]].concat()).await;
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(
        said.starts_with(&format!("error: {broken}:2: unknown field `hub`")),
        "{said}"
    );
    assert_eq!(said.lines().count(), 1, "{said}");
}
