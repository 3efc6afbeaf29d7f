//! Each situation of `docs/troubleshooting.md`, made for real: the doctor's answer begins as the page says.

use provisioning_emulator::{Device, Emulator};
use rcgen::{CertificateParams, DnType, date_time_ymd};
use test_support::{
    Files as Folder,
    emulator::start,
    serve,
    tls::{BOTH_VERSIONS, Ca, ClientCertificates, acceptor, new_key},
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::{
    finding,
    page::{assert_begins_as_on_page, situations},
    servers::{SERVICE, below_a_root_of_the_service, closed_port, middlebox, own_service, silent_tls},
};
use crate::support::{Files, Run, dps, dps_with};

/// Runs the doctor twice: for people, whose answer has to begin as the page says, and for programs, whose cause has to
/// have this code. The exit code is that of the cause.
async fn assert_cause(situation: &str, words: &[&str], environment: &[(&str, &str)], code: &str, exit: i32) -> Run {
    let words = [&["doctor"], words].concat();
    let run = dps_with(&words, environment).await;
    assert_begins_as_on_page(&run, situation);
    assert_eq!(run.code, exit, "{situation}: {run:?}");
    let run = dps_with(&[&words[..], &["--json"]].concat(), environment).await;
    assert_eq!(run.json()["cause"]["code"], code, "{situation}: {run:?}");
    let first = run.stdout.split('[').next().unwrap_or_default();
    assert!(
        first.contains("\"cause\""),
        "the cause stands before the checks: {run:?}"
    );
    assert_eq!(run.code, exit, "{situation}: {run:?}");
    run
}

#[test]
fn every_situation_of_the_page_has_a_test() {
    let tests = include_str!("situations.rs");
    let situations = situations();
    assert_eq!(situations.len(), 12, "{situations:?}");
    for situation in situations {
        assert!(tests.contains(&format!("\"{situation}\"")), "{situation}");
    }
}

#[tokio::test]
async fn a_clock_before_both_certificates_is_the_cause() {
    let (ca, folder, key) = (Ca::root(), Folder::new(), new_key());
    let server = ca.server("localhost", |params| params.not_before = date_time_ymd(4000, 1, 1));
    let (address, _tasks) = silent_tls(acceptor(server, ClientCertificates::None, &BOTH_VERSIONS)).await;
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, "device-1");
    params.not_before = date_time_ymd(4000, 1, 1);
    let certificate = params.self_signed(&key).expect("a certificate").pem();
    let words = own_service(&folder, address, &ca, &certificate, &key);
    let words: Vec<_> = words.iter().map(String::as_str).collect();
    let run = assert_cause("The device starts in 1970", &words, &[], "clock-behind", 1).await;
    assert_eq!(finding(&run, "certificate dates")["code"], "certificate-not-yet-valid");
    assert_eq!(finding(&run, "MQTT TLS")["code"], "server-certificate-not-yet-valid");
    assert_eq!(
        finding(&run, "WebSocket TLS")["code"],
        "server-certificate-not-yet-valid"
    );
    assert!(!run.stdout.contains("renew"), "{run:?}");
}

#[tokio::test]
async fn a_name_that_is_not_resolved_is_the_cause() {
    let words = ["--host", "no-such-host.invalid"];
    let run = assert_cause("The name is not resolved", &words, &[], "name-not-resolved", 4).await;
    assert_eq!(finding(&run, "MQTT port")["code"], "skipped");
}

#[tokio::test]
async fn a_blocked_port_beside_an_open_one_leads_to_the_open_one() {
    let emulator = start(Emulator::builder()).await;
    let files = Files::of(&emulator, "device-1");
    let (port, websocket_port) = (closed_port().await, emulator.websocket_port().to_string());
    let words = [
        "--host",
        &format!("localhost:{port}"),
        "--websocket-port",
        &websocket_port,
        "--ca",
        &files.ca,
    ];
    assert_cause("A firewall blocks port 8883", &words, &[], "port-not-reached", 4).await;
    emulator.shutdown().await;
}

#[tokio::test]
async fn a_proxy_of_the_environment_that_is_ignored_is_the_cause_where_nothing_is_reached() {
    let port = closed_port().await;
    let words = ["--host", &format!("localhost:{port}"), "--websocket-port", &port];
    let situation = "Only a proxy leads out of the network";
    let proxy = [("https_proxy", "http://user:s3cret@proxy.example:3128")];
    let run = assert_cause(situation, &words, &proxy, "proxy-ignored", 4).await;
    assert!(!format!("{run:?}").contains("s3cret"), "{run:?}");
    let run = dps_with(&[&["doctor", "--json"], &words[..]].concat(), &[("https_proxy", "")]).await;
    assert_eq!(
        run.json()["cause"]["code"],
        "port-not-reached",
        "no proxy is named: {run:?}"
    );
    let no_proxy = [proxy[0], ("no_proxy", "localhost")];
    let run = dps_with(&[&["doctor", "--json"], &words[..]].concat(), &no_proxy).await;
    assert_eq!(
        run.json()["cause"]["code"],
        "port-not-reached",
        "it is not for this host: {run:?}"
    );
    // The port is that of the transport that a registration would use.
    let words = ["doctor", "--json", "--host", "localhost", "--websocket-port", &port];
    let no_proxy = [proxy[0], ("no_proxy", &format!("localhost:{port}"))];
    for transport in ["--websocket", "--fallback"] {
        let run = dps_with(&[&words[..], &[transport]].concat(), &no_proxy).await;
        assert_eq!(
            run.json()["cause"]["code"],
            "port-not-reached",
            "it is not for this port: {run:?}"
        );
    }
    let run = dps_with(&[&words[..], &["--websocket"]].concat(), &[("all_proxy", "ftp://h")]).await;
    let cause = &run.json()["cause"];
    assert_eq!(cause["code"], "proxy-ignored", "{run:?}");
    assert_eq!(
        cause["message"], "the environment's proxy in all_proxy is ignored, and no proxy is used",
        "{run:?}"
    );
}

#[tokio::test]
async fn a_proxy_that_refuses_is_the_cause_of_both_ports() {
    let (proxy, _tasks) = serve("127.0.0.1", |mut stream| async move {
        let _ = stream.read(&mut [0; 4096]).await;
        let _ = stream
            .write_all(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
            .await;
    })
    .await;
    let words = ["--host", "dps.example", "--proxy", &format!("http://{proxy}")];
    let run = assert_cause("The proxy refuses", &words, &[], "proxy-failed", 4).await;
    assert_eq!(finding(&run, "name")["code"], "skipped");
    assert_eq!(finding(&run, "MQTT port")["code"], "port-not-reached");
    assert_eq!(finding(&run, "WebSocket port")["code"], "port-not-reached");
}

#[tokio::test]
async fn a_page_that_redirects_is_no_tls() {
    let (portal, _tasks) = serve("127.0.0.1", |mut stream| async move {
        let _ = stream.read(&mut [0; 4096]).await;
        let _ = stream
            .write_all(b"HTTP/1.1 302 Found\r\nLocation: http://portal.example/login\r\nContent-Length: 0\r\n\r\n")
            .await;
    })
    .await;
    let port = portal.port().to_string();
    let words = ["--host", &format!("localhost:{port}"), "--websocket-port", &port];
    assert_cause(
        "A login page or another server answers",
        &words,
        &[],
        "tls-not-spoken",
        4,
    )
    .await;
}

#[tokio::test]
async fn a_middlebox_that_inspects_tls_is_the_cause_whether_its_ca_is_trusted_or_not() {
    let (ca, other) = (Ca::root(), Ca::root());
    let emulator = start(Emulator::builder()).await;
    let files = Files::of(&emulator, "device-1");
    let (address, _tasks) = middlebox(&ca, &emulator).await;
    let (port, ca) = (
        address.port().to_string(),
        files.write("middlebox.pem", &ca.certificate().pem()),
    );
    let other = files.write("other.pem", &other.certificate().pem());
    let id_scope = emulator.id_scope().to_owned();
    let words = [
        "--host",
        &format!("localhost:{port}"),
        "--websocket-port",
        &port,
        "--server-name",
        SERVICE,
        "--id-scope",
        &id_scope,
        "--cert",
        &files.cert,
        "--key",
        &files.key,
        "--ca",
        &other,
        "--connect-timeout",
        "5",
    ];
    let situation = "A middlebox inspects TLS, and its CA is not trusted";
    let run = assert_cause(situation, &words, &[], "server-not-trusted", 4).await;
    assert_eq!(finding(&run, "service roots")["code"], "service-root-missing");
    let situation = "A middlebox inspects TLS, and its CA is trusted";
    let words = [&words[..], &["--extra-ca", &ca, "--register"]].concat();
    let run = assert_cause(situation, &words, &[], "tls-inspected", 4).await;
    assert_eq!(finding(&run, "MQTT TLS")["code"], "ok");
    assert_eq!(finding(&run, "registration")["code"], "certificate-refused");
    // An administrator has added the CA to the trust store of the machine.
    let kept = words
        .iter()
        .filter(|word| !["--ca", "--extra-ca", &other, &ca].contains(word));
    let words: Vec<_> = ["doctor", "--json"].iter().chain(kept).copied().collect();
    let run = dps_with(&words, &[("SSL_CERT_FILE", &ca), ("SSL_CERT_DIR", "no/such")]).await;
    assert_eq!(
        (run.code, &run.json()["cause"]["code"]),
        (4, &"tls-inspected".into()),
        "{run:?}"
    );
    let message = run.json()["cause"]["message"].to_string();
    assert!(
        message.contains("no root of the service") && message.contains("probably inspects"),
        "{message}"
    );
    emulator.shutdown().await;
}

#[tokio::test]
async fn a_root_of_the_service_that_is_missing_is_the_cause_of_a_certificate_below_it() {
    let folder = Folder::new();
    let (address, _tasks, root) = below_a_root_of_the_service().await;
    let port = address.port().to_string();
    let root = folder.write("root.pem", root);
    let other = folder.write("other.pem", Ca::root().certificate().pem());
    let host = format!("localhost:{port}");
    let with_ca = |ca: &str| {
        let words = [
            "doctor",
            "--host",
            &host,
            "--websocket-port",
            &port,
            "--server-name",
            SERVICE,
            "--json",
        ];
        [&words[..], &["--connect-timeout", "0.5", "--ca", ca]]
            .concat()
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
    };
    let run = |words: Vec<String>| async move { dps(&words.iter().map(String::as_str).collect::<Vec<_>>()).await };
    let refused = run(with_ca(&other)).await;
    assert_eq!(refused.json()["cause"]["code"], "service-root-missing", "{refused:?}");
    assert_eq!(finding(&refused, "MQTT TLS")["code"], "server-root-not-trusted");
    let message = refused.json()["cause"]["message"].to_string();
    assert!(
        message.contains("Microsoft RSA Root Certificate Authority 2017"),
        "{message}"
    );
    // The same with the trust store of the machine.
    let words = with_ca("");
    let words: Vec<_> = ["doctor"]
        .into_iter()
        .chain(words[1..words.len() - 2].iter().map(String::as_str))
        .collect();
    let store = [("SSL_CERT_FILE", other.as_str()), ("SSL_CERT_DIR", "no/such")];
    let platform = dps_with(&words, &store).await;
    assert_eq!(platform.json()["cause"]["code"], "service-root-missing", "{platform:?}");
    let message = platform.json()["cause"]["message"].to_string();
    assert!(message.contains("this machine does not trust"), "{message}");
    assert!(
        platform.json()["cause"]["hint"].to_string().contains("ca-certificates"),
        "{platform:?}"
    );
    // One of the two is trusted.
    let trusted = run(with_ca(&root)).await;
    assert_eq!(finding(&trusted, "MQTT TLS")["code"], "ok", "{trusted:?}");
    let message = finding(&trusted, "service roots")["message"].to_string();
    assert!(
        !message.contains("DigiCert") && message.contains("Microsoft"),
        "{message}"
    );
}

#[tokio::test]
async fn a_path_that_carries_small_packets_only_is_the_cause() {
    let ca = Ca::root();
    let folder = Folder::new();
    let tls = acceptor(ca.server("localhost", |_| {}), ClientCertificates::None, &BOTH_VERSIONS);
    let (address, _tasks) = silent_tls(tls).await;
    let port = address.port().to_string();
    let ca = folder.write("ca.pem", ca.certificate().pem());
    let words = [
        "--host",
        &format!("localhost:{port}"),
        "--websocket-port",
        &port,
        "--ca",
        &ca,
        "--connect-timeout",
        "0.5",
    ];
    assert_cause("Large packets are lost", &words, &[], "data-not-answered", 5).await;
}

#[tokio::test]
async fn an_expired_certificate_is_the_cause() {
    let emulator = start(Emulator::builder()).await;
    let expired = emulator.issue_device_with(&Device::new("device-1").expired());
    let files = Files::of_identity(&emulator, &expired.expect("a device"));
    let port = emulator.websocket_port().to_string();
    let words = files.words(&["--websocket-port", &port, "--register"]);
    let words: Vec<_> = words.iter().map(String::as_str).collect();
    let run = assert_cause(
        "The device's certificate has expired",
        &words,
        &[],
        "certificate-expired",
        2,
    )
    .await;
    assert_eq!(finding(&run, "clock")["code"], "ok");
    emulator.shutdown().await;
}

#[tokio::test]
async fn a_chain_without_its_intermediate_is_the_cause_of_the_rejection() {
    let (ca, folder, key) = (Ca::root(), Folder::new(), new_key());
    let chain = format!("{}{}", ca.intermediate().device(&key).pem(), ca.certificate().pem());
    let tls = acceptor(
        ca.server("localhost", |_| {}),
        ClientCertificates::Required(ca.certificate().der()),
        &BOTH_VERSIONS,
    );
    let (address, _tasks) = silent_tls(tls).await;
    let words = own_service(&folder, address, &ca, &chain, &key);
    let words: Vec<_> = words.iter().map(String::as_str).collect();
    let run = assert_cause(
        "An intermediate certificate is missing",
        &words,
        &[],
        "chain-incomplete",
        2,
    )
    .await;
    let data = finding(&run, "MQTT data");
    assert_eq!(data["code"], "client-certificate-rejected");
    assert_eq!(
        data["message"],
        "the server does not know the CA that signed the device's certificate (TLS alert 48)"
    );
}

#[tokio::test]
async fn a_service_that_refuses_the_credential_is_the_cause_and_the_hint_names_what_it_does_not_say() {
    let emulator = start(Emulator::builder()).await;
    let files = Files::of(&emulator, "device-1");
    let port = emulator.websocket_port().to_string();
    let words = files.words(&["--websocket-port", &port, "--id-scope", "0ne0OTHER", "--register"]);
    let words: Vec<_> = words.iter().map(String::as_str).collect();
    assert_cause(
        "The service refuses the credential",
        &words,
        &[],
        "certificate-refused",
        3,
    )
    .await;
    emulator.shutdown().await;
}
