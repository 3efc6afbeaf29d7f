//! Text of the service, of proxies and of file names, which must not control a terminal.

use provisioning_emulator::{Device, Effect, Emulator, Fault, Step};
use rcgen::{CertificateParams, DnType};
use serde_json::{Value, json};
use test_support::{
    Files as Folder,
    emulator::start,
    serve,
    tls::{BOTH_VERSIONS, ClientCertificates, acceptor, new_key},
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::support::{Files, Run, dps, dps_with};

/// A color, the title of the window, a line of its own, a text that runs backwards, C1 and DEL, an invisible space.
const HOSTILE: &str =
    "\u{1b}[31mred\u{1b}]0;title\u{7}\r\nerror: forged \u{202e}txt.exe\u{2066} \u{9b}1m\u{7f}\u{200b}\t.";

/// Every character is printable; lines end where `dps` ends them. The harmless part of the text is shown.
fn assert_harmless(text: &str, run: &Run) {
    let harmful = text.chars().find(|&c| {
        c != '\n'
            && (c.is_control()
                || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}'))
    });
    assert_eq!(harmful, None, "{run:?}");
    assert!(!text.contains("\nerror: forged"), "{run:?}");
    assert!(text.contains("forged"), "{run:?}");
}

#[tokio::test]
async fn text_of_the_service_is_escaped_on_both_streams_and_in_the_log() {
    let emulator = start(
        Emulator::builder()
            .polls_before_assigning(0)
            .device(Device::new("refused").refused(401, 401_002, HOSTILE))
            .device(Device::new("failed").failed(400_209, HOSTILE)),
    )
    .await;
    for id in ["refused", "failed"] {
        let files = Files::of(&emulator, id);
        let run = files.register(&files.host, &["-vv"]).await;
        assert_eq!((run.code, run.stdout.as_str()), (3, ""), "{run:?}");
        assert_harmless(&run.stderr, &run);
        assert!(
            run.stderr
                .contains(r"\u{1b}[31mred\u{1b}]0;title\u{7}\r\nerror: forged \u{202e}txt"),
            "{run:?}"
        );
        let run = files.register(&files.host, &["--json"]).await;
        assert!(
            run.message().contains("\u{1b}[31mred"),
            "JSON has the text itself: {run:?}"
        );
        let run = files.doctor(&["--websocket-port", "1", "--register"]).await;
        assert_harmless(&run.stdout, &run);
    }

    let files = Files::of(&emulator, "assigned");
    let state = json!({"assignedHub": "hub.example", "deviceId": HOSTILE, "registrationId": HOSTILE,
        "status": "assigned", "substatus": HOSTILE, "payload": [HOSTILE]});
    let body = json!({"operationId": HOSTILE, "status": "assigned", "registrationState": state});
    let store = files.path("store.json");
    emulator.inject(Fault::new(Effect::Body(body.to_string()), Step::Answer).expect("a fault"));
    let run = files.register(&files.host, &["--store", &store]).await;
    assert_eq!(run.code, 0, "{run:?}");
    assert_harmless(&run.stdout, &run);
    assert_eq!(run.stdout.lines().count(), 7, "a row for each field: {run:?}");
    let key = files.write("key", "a2V5");
    let run = dps(&["connection", "--store", &store, "--symmetric-key-file", &key]).await;
    assert_eq!(run.code, 0, "{run:?}");
    assert_harmless(&run.stdout, &run);
    emulator.shutdown().await;
}

#[tokio::test]
async fn names_in_the_servers_certificate_and_its_redirect_are_escaped_once_and_cut_off() {
    let name = format!("{HOSTILE} {}", "x".repeat(5000));
    let mut params = CertificateParams::new(["localhost".to_owned()]).expect("a name");
    params.distinguished_name.push(DnType::CommonName, &name);
    let key = new_key();
    let certificate = params.self_signed(&key).expect("a certificate");
    let files = Folder::new();
    let ca = files.write("ca.pem", certificate.pem());
    let tls = acceptor((certificate, key), ClientCertificates::None, &BOTH_VERSIONS);
    let (address, _tasks) = serve("127.0.0.1", move |stream| {
        let tls = tls.clone();
        async move {
            let mut stream = tls.accept(stream).await.expect("TLS");
            let _ = stream.read(&mut [0; 4096]).await;
            let target = "http://h/\u{9b}1m\u{202e}";
            let answer = format!("HTTP/1.1 302 Found\r\nLocation: {target}\r\nContent-Length: 0\r\n\r\n");
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    })
    .await;
    let (host, port) = (format!("localhost:{}", address.port()), address.port().to_string());
    let words = ["doctor", "--host", &host, "--websocket-port", &port, "--ca", &ca];
    let run = dps(&words).await;
    assert_harmless(&run.stdout, &run);
    for shown in [r#"signed by "\u{1b}[31mred"#, r"redirects to http://h/\u{9b}1m\u{202e}"] {
        assert!(run.stdout.contains(shown), "{shown} in {run:?}");
    }
    assert!(!run.stdout.contains(&"x".repeat(200)), "{run:?}");
    let run = dps(&[&words[..], &["--json"]].concat()).await;
    let json = run.json().to_string();
    for text in ["\"\u{1b}[31mred", "http://h/\u{9b}1m\u{202e}"] {
        let text = Value::from(text).to_string();
        assert!(
            json.contains(text.trim_matches('"')),
            "JSON has the text itself, {text}: {run:?}"
        );
    }
}

#[tokio::test]
async fn text_of_a_proxy_is_escaped() {
    let (proxy, _tasks) = serve("127.0.0.1", async |mut stream| {
        let _ = stream.read(&mut [0; 4096]).await;
        let answer = format!("HTTP/1.1 403 forged \u{1b}[31m\u{202e}\r\n\r\n{HOSTILE}");
        let _ = stream.write_all(answer.as_bytes()).await;
    })
    .await;
    let run = dps_with(
        &["register", "--local", "--proxy", &format!("http://{proxy}")],
        &[("RUST_LOG", "trace")],
    )
    .await;
    assert_eq!(run.code, 4, "{run:?}");
    let harmful = run
        .stderr
        .chars()
        .find(|&c| c != '\n' && (c.is_control() || c == '\u{202e}'));
    assert_eq!(harmful, None, "{run:?}");
}

#[tokio::test]
async fn names_of_files_and_flags_are_escaped() {
    let name = HOSTILE.trim_end_matches('.');
    let payload = format!("@{name}");
    let option = format!("--{name}");
    let missing = format!("no/such/{name}");
    for (words, stream_is_stdout) in [
        (
            &["register", "--id-scope", "0ne1", "--cert", name, "--key", name][..],
            false,
        ),
        (&["register", "--local", "--payload", &payload], false),
        (&["register", "--local", "--store", &missing], false),
        (
            &["derive-key", "--registration-id", "d", "--group-key-file", name],
            false,
        ),
        (
            &[
                "sas",
                "--id-scope",
                "0ne1",
                "--registration-id",
                "d",
                "--symmetric-key-file",
                name,
            ],
            false,
        ),
        (&["connection", "--store", name], false),
        (&["emulator", "--dir", "no/such", "--config", name], false),
        (&["register", &option], false),
        (
            &[
                "doctor",
                "--host",
                "localhost:1",
                "--websocket-port",
                "1",
                "--cert",
                name,
                "--key",
                name,
            ],
            true,
        ),
    ] {
        let run = dps_with(words, &[("RUST_LOG", &format!("off,{name}=trace"))]).await;
        assert_ne!(run.code, 0, "{words:?}: {run:?}");
        assert_harmless(if stream_is_stdout { &run.stdout } else { &run.stderr }, &run);
        assert_harmless(&format!("forged{}", run.stderr), &run);
    }
}
