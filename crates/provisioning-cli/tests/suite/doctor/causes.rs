//! `dps doctor`: findings that explain others, beyond the situations of `docs/troubleshooting.md`.

use std::time::{Duration, SystemTime};

use provisioning_emulator::{Device, Emulator};
use rcgen::{CertificateParams, DnType, ExtendedKeyUsagePurpose, KeyUsagePurpose};
use serde_json::Value;
use test_support::{
    emulator::start,
    proxy::{Kind, Proxy},
    tls::{Ca, new_key},
};

use super::{codes_of, finding, servers::web_server};
use crate::support::{Files, dps};

#[tokio::test]
async fn a_refused_token_that_has_expired_by_the_services_clock_is_explained_by_the_clock() {
    let (emulator, ca) = (start(Emulator::builder()).await, Ca::root());
    let in_two_hours = httpdate::fmt_http_date(SystemTime::now() + Duration::from_secs(2 * 3600));
    let head = format!("HTTP/1.1 404 Not Found\r\nDate: {in_two_hours}\r\nContent-Length: 0\r\n\r\n");
    let (web, _tasks) = web_server(&ca, head).await;
    let files = Files::of(&emulator, "device-1");
    let key = files.write("device.b64", "b3RoZXI=");
    let port = web.port().to_string();
    let words = [
        "doctor",
        "--host",
        &files.host,
        "--websocket-port",
        &port,
        "--ca",
        &files.ca,
        "--extra-ca",
        &files.write("web.pem", &ca.certificate().pem()),
        "--id-scope",
        emulator.id_scope(),
        "--registration-id",
        "device-1",
        "--symmetric-key-file",
        &key,
        "--register",
        "--json",
    ];
    let run = dps(&words).await;
    assert_eq!(run.code, 1, "{run:?}");
    assert_eq!(run.json()["cause"]["code"], "clock-behind", "{run:?}");
    assert_eq!(codes_of(&run, "registration"), ["token-refused"]);
    // A token that lives longer is valid by both clocks: the key is wrong.
    let run = dps(&[&words[..], &["--sas-lifetime", "86400"]].concat()).await;
    assert_eq!(run.json()["cause"]["code"], "token-refused", "{run:?}");
    assert_eq!(
        (run.code, codes_of(&run, "clock")),
        (3, vec!["clock-off".to_owned()]),
        "{run:?}"
    );
    let hint = run.json()["cause"]["hint"].to_string();
    for part in [
        "network rules of the service instance",
        "id scope",
        "registration id",
        "derived",
        "clock",
    ] {
        assert!(hint.contains(part), "{part}: {hint}");
    }
    emulator.shutdown().await;
}

#[tokio::test]
async fn each_defect_of_a_certificate_and_of_its_chain_is_a_finding_of_its_own() {
    let emulator = start(Emulator::builder()).await;
    let (files, key) = (Files::of(&emulator, "device-1"), new_key());
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, "device-1");
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    let unusable = files.write("usages.pem", &params.self_signed(&key).expect("a certificate").pem());
    let root = Ca::root();
    let intermediate = root.intermediate();
    let leaf = intermediate.device(&key).pem();
    let (root, intermediate) = (root.certificate().pem(), intermediate.certificate().pem());
    let in_disorder = files.write("order.pem", &format!("{leaf}{root}{intermediate}"));
    let gap = files.write("gap.pem", &format!("{leaf}{root}"));
    let forms = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../provisioning-credentials/tests/data/forms"
    );
    let (sha1, short) = (format!("{forms}/sha1.der"), format!("{forms}/rsa-1024.der"));
    let key = files.write("own.key", &key.serialize_pem());
    for (certificate, codes, hint) in [
        (
            &unusable,
            &["no-client-authentication", "no-digital-signature"][..],
            "clientAuth",
        ),
        (
            &in_disorder,
            &["chain-order", "chain-order"],
            "the device's certificate first",
        ),
        (&gap, &["chain-incomplete"], "add the certificate of that issuer"),
        (&sha1, &["weak-signature"], "SHA-256"),
        (&short, &["short-rsa-key"], "2048"),
        (&files.cert, &["ok"], ""),
    ] {
        let run = files.doctor(&["--cert", certificate, "--key", &key, "--json"]).await;
        assert_eq!(codes_of(&run, "certificate chain"), codes, "{run:?}");
        let finding = finding(&run, "certificate chain");
        assert!(finding["hint"].as_str().unwrap_or_default().contains(hint), "{run:?}");
    }
    emulator.shutdown().await;
}

#[tokio::test]
async fn a_proxy_that_works_is_a_finding_and_so_is_one_of_the_environment_that_is_not_needed() {
    let emulator = start(Emulator::builder()).await;
    let files = Files::of(&emulator, "device-1");
    let port = emulator.websocket_port().to_string();
    let proxy = Proxy::start(Kind::Http, false).await;
    let url = proxy.url("");
    let run = files
        .doctor(&["--websocket-port", &port, "--proxy", &url, "--json"])
        .await;
    assert_eq!(
        (run.code, &finding(&run, "proxy")["verdict"]),
        (0, &Value::from("ok")),
        "{run:?}"
    );
    let ports = format!("connects to localhost on {} and {port}", emulator.mqtt_port());
    assert!(
        finding(&run, "proxy")["message"].to_string().contains(&ports),
        "{run:?}"
    );
    let words = files.words(&["--websocket-port", &port, "--json"]);
    let words: Vec<_> = ["doctor"].into_iter().chain(words.iter().map(String::as_str)).collect();
    let run = crate::support::dps_with(&words, &[("ALL_PROXY", &url)]).await;
    assert_eq!(
        (run.code, &finding(&run, "proxy")["verdict"]),
        (0, &Value::from("ok")),
        "{run:?}"
    );
    assert!(
        finding(&run, "proxy")["message"].to_string().contains("ALL_PROXY"),
        "{run:?}"
    );
    emulator.shutdown().await;
}

#[tokio::test]
async fn a_web_server_that_redirects_is_not_the_service() {
    let (emulator, ca) = (start(Emulator::builder()).await, Ca::root());
    let head = "HTTP/1.1 302 Found\r\nLocation: https://portal.example/login\r\nContent-Length: 0\r\n\r\n";
    let (web, _tasks) = web_server(&ca, head.to_owned()).await;
    let files = Files::of(&emulator, "device-1");
    let (port, ca) = (web.port().to_string(), files.write("web.pem", &ca.certificate().pem()));
    let words = ["--websocket-port", &port, "--extra-ca", &ca, "--json"];
    let run = files.doctor(&words).await;
    assert_eq!(
        (run.code, codes_of(&run, "WebSocket data")),
        (0, vec!["redirected".to_owned()]),
        "{run:?}"
    );
    let host = format!("localhost:{port}");
    let run = files
        .doctor(&[&words[2..], &["--websocket", "--host", &host]].concat())
        .await;
    assert_eq!(
        (run.code, &run.json()["cause"]["code"]),
        (3, &Value::from("redirected")),
        "{run:?}"
    );
    let message = run.json()["cause"]["message"].to_string();
    assert!(
        message.contains("redirects to https://portal.example/login"),
        "{message}"
    );
    emulator.shutdown().await;
}

#[tokio::test]
async fn dates_that_are_wrong_by_a_clock_that_is_right_have_a_hint_that_does_not_name_the_clock() {
    let emulator = start(Emulator::builder()).await;
    let early = emulator.issue_device_with(&Device::new("device-1").not_yet_valid());
    let files = Files::of_identity(&emulator, &early.expect("a device"));
    let port = emulator.websocket_port().to_string();
    let run = files.doctor(&["--websocket-port", &port, "--json"]).await;
    let cause = &run.json()["cause"];
    assert_eq!(
        (run.code, &cause["code"]),
        (2, &Value::from("certificate-not-yet-valid")),
        "{run:?}"
    );
    let hint = cause["hint"].as_str().expect("a hint");
    assert!(hint.starts_with("this device's clock is right: wait"), "{hint}");
    // Without TLS on the WebSocket's port nothing measures the clock.
    let run = files.doctor(&["--websocket-port", "1", "--json"]).await;
    let hint = run.json()["cause"]["hint"].to_string();
    assert!(hint.contains("set this device's clock, which says"), "{hint}");
    assert!(!format!("{run:?}").contains("renew"), "{run:?}");
    emulator.shutdown().await;
}
