//! Certificates that the service issues: what is asked for, what is written, and what is no certificate to write.

use std::{fs, path::Path, sync::Arc};

use base64::{Engine, engine::general_purpose::STANDARD};
use provisioning_emulator::{Device, Effect, Emulator, Fault, LogEntry, LogKind, RetryAfter, Step};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateSigningRequestParams, DistinguishedName, DnType, IsCa, Issuer,
    KeyPair, PKCS_ECDSA_P384_SHA384, date_time_ymd,
};
use serde_json::{Value, json};

use test_support::emulator::start;

use crate::support::{Files, Run};

/// A device's signing request, PEM.
pub(crate) fn request(common_name: &str) -> String {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, common_name);
    let key = KeyPair::generate().expect("a key");
    let request = params.serialize_request(&key).expect("a request");
    request.pem().expect("PEM")
}

/// The chain that some CA issues for a request, as the service writes it.
fn issue(request_pem: &str, change: impl FnOnce(&mut CertificateParams)) -> Vec<String> {
    let key = KeyPair::generate().expect("a key");
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca = params.self_signed(&key).expect("a CA");
    let mut request = CertificateSigningRequestParams::from_pem(request_pem).expect("a request");
    change(&mut request.params);
    let leaf = request.signed_by(&Issuer::new(params, key)).expect("a certificate");
    [leaf.der(), ca.der()].map(|der| STANDARD.encode(der)).to_vec()
}

/// An answer that assigns, with this chain or with none.
fn assigned_with(chain: Option<&Value>) -> Fault {
    let mut body = json!({"operationId": "4.op", "status": "assigned", "registrationState": {
        "registrationId": "device-1", "status": "assigned", "assignedHub": "hub.example", "deviceId": "device-1",
    }});
    if let Some(chain) = chain {
        body["registrationState"]["issuedCertificateChain"] = chain.clone();
    }
    Fault::new(Effect::Body(body.to_string()), Step::Answer).expect("a fault")
}

async fn emulator() -> Emulator {
    start(Emulator::builder().polls_before_assigning(0)).await
}

/// The base64 of the request that a device sent.
fn sent_request(log: &[Arc<LogEntry>]) -> Option<String> {
    let (_, rest) = log
        .iter()
        .find_map(|entry| entry.payload.as_deref()?.split_once("\"csr\":\""))?;
    rest.split('"').next().map(str::to_owned)
}

#[tokio::test]
async fn what_is_issued_for_a_request_in_pem_or_der_is_written_over_both_transports() {
    let emulator = emulator().await;
    let files = Files::of(&emulator, "device-1");
    let pem = request("device-1");
    let lines: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
    let der_file = files.path("device.csr.der");
    fs::write(&der_file, STANDARD.decode(&lines).expect("base64")).expect("a file");
    let pem_file = files.write("device.csr", &pem);
    let chain = issue(&pem, |_| {});
    for (host, csr, carrier) in [
        (&files.host, &pem_file, &[][..]),
        (&files.websocket_host, &der_file, &["--websocket"]),
    ] {
        emulator.clear_log();
        emulator.inject(assigned_with(Some(&json!(chain))));
        let issued = files.write("issued.pem", "what was there before");
        let words = [&["--csr", csr, "--issued-cert", &issued, "--json"], carrier].concat();
        let run = files.register(host, &words).await;
        assert_eq!(
            (run.code, &run.json()["assignedHub"]),
            (0, &json!("hub.example")),
            "{run:?}"
        );
        assert!(run.stderr.contains("the 2 issued certificates are in "), "{run:?}");
        let written = fs::read_to_string(&issued).expect("a file");
        assert_eq!(written.matches("-----BEGIN CERTIFICATE-----").count(), 2, "{written}");
        let text: String = written.lines().collect();
        assert!(text.contains(&chain[0]) && text.contains(&chain[1]), "{written}");
        let log = emulator.log();
        assert_eq!(sent_request(&log).as_deref(), Some(lines.as_str()));
        let connect = log
            .iter()
            .find(|entry| entry.kind == LogKind::Connect)
            .expect("somebody connected");
        let payload = connect.payload.as_deref().unwrap_or_default();
        assert!(payload.contains("api-version=2026-11-01&"), "{connect:?}");
    }
    emulator.shutdown().await;
}

#[tokio::test]
async fn a_new_key_is_written_for_its_owner_only_and_the_certificate_is_its_own() {
    let emulator = start(
        Emulator::builder()
            .device(Device::new("device-1").never_assigned())
            .retry_after(RetryAfter::Seconds(1)),
    )
    .await;
    let files = Files::of(&emulator, "device-1");
    let (key, issued) = (files.path("new.key"), files.path("new.pem"));
    let words = ["--new-key", &key, "--issued-cert", &issued, "--json"];
    let mut running = files.start(&files.host, &words);
    running.until_stderr_has("assigning").await;
    let sent = sent_request(&emulator.log()).expect("a request");
    let pem = format!("-----BEGIN CERTIFICATE REQUEST-----\n{sent}\n-----END CERTIFICATE REQUEST-----\n");
    emulator.inject(assigned_with(Some(&json!(issue(&pem, |_| {})))));
    let run = Run::of(running).await;
    assert_eq!(run.code, 0, "{run:?}");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = fs::metadata(&key).expect("a file").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    let new_key = KeyPair::from_pem(&fs::read_to_string(&key).expect("a file")).expect("a key");
    assert_eq!(new_key.algorithm(), &PKCS_ECDSA_P384_SHA384);
    // That the two fit is what the doctor looks at.
    let run = files.doctor(&["--cert", &issued, "--key", &key, "--json"]).await;
    let checks = run.json()["checks"].clone();
    let own = checks
        .as_array()
        .expect("a list")
        .iter()
        .find(|finding| finding["check"] == "private key");
    assert_eq!(own.expect("a finding")["verdict"], "ok", "{run:?}");

    let before = fs::read(&key).expect("a file");
    let run = files.register(&files.host, &words).await;
    assert_eq!((run.code, run.kind().as_str()), (2, "input"), "{run:?}");
    assert!(run.message().contains("expected a file that does not exist"), "{run:?}");
    assert_eq!(fs::read(&key).expect("a file"), before, "it is never overwritten");
    emulator.shutdown().await;
}

#[tokio::test]
async fn a_new_key_goes_away_when_the_device_is_not_assigned() {
    let emulator = emulator().await;
    let files = Files::of(&emulator, "device-1");
    let (key, issued) = (files.path("new.key"), files.path("new.pem"));
    let words = [
        "--new-key",
        &key,
        "--issued-cert",
        &issued,
        "--id-scope",
        "0ne0OTHER",
        "--json",
    ];
    let run = files.register(&files.host, &words).await;
    assert_eq!((run.code, run.kind().as_str()), (3, "unauthorized"), "{run:?}");
    assert!(!Path::new(&key).exists() && !Path::new(&issued).exists(), "{run:?}");
    emulator.shutdown().await;
}

#[tokio::test]
async fn each_chain_that_is_no_good_is_told_with_the_assignment_that_stands() {
    let emulator = emulator().await;
    let files = Files::of(&emulator, "device-1");
    let pem = request("device-1");
    let csr = files.write("device.csr", &pem);
    let chain = issue(&pem, |_| {});
    let other_key = issue(&request("device-1"), |_| {});
    let other_name = issue(&pem, |params| {
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, "device-2");
    });
    let expired = issue(&pem, |params| params.not_after = date_time_ymd(1976, 1, 1));
    let early = issue(&pem, |params| params.not_before = date_time_ymd(4000, 1, 1));
    for (chain, says) in [
        (None, "has no issued certificate"),
        (Some(Value::Null), "is null"),
        (Some(json!([])), "is empty"),
        (Some(json!("MII")), "is not a list"),
        (Some(json!(["!"])), "is not base64"),
        (Some(json!(["AAAA"])), "is not an X.509 certificate"),
        (Some(json!(other_key)), "for another key"),
        (Some(json!(other_name)), "common name is \"device-2\""),
        (
            Some(json!([&chain[1], &chain[0]])),
            "is certificate 1 of the issued chain",
        ),
        (Some(json!([&chain[0], &other_key[0]])), "is not followed by"),
        (Some(json!(expired)), "has expired"),
        (Some(json!(early)), "is not valid yet"),
    ] {
        emulator.inject(assigned_with(chain.as_ref()));
        let issued = files.write("issued.pem", "what was there before");
        let store = files.path("store.json");
        let words = ["--csr", &csr, "--issued-cert", &issued, "--store", &store, "--json"];
        let run = files.register(&files.host, &words).await;
        assert_stands(&run, says);
        let before = fs::read_to_string(&issued).expect("a file");
        assert_eq!(before, "what was there before", "{says}: {run:?}");
        let kept = fs::read_to_string(&store).expect("a file");
        assert!(kept.contains("assignedHub"), "{says}: the assignment is kept: {run:?}");
    }
    emulator.shutdown().await;
}

fn assert_stands(run: &Run, says: &str) {
    assert_eq!(
        (run.code, run.kind().as_str()),
        (3, "unexpected-response"),
        "{says}: {run:?}"
    );
    let (error, message) = (run.error(), run.message());
    let (hub, device_id) = (&error["assignedHub"], &error["deviceId"]);
    assert!(hub.is_string() && device_id == "device-1", "{says}: {run:?}");
    let hub = hub.as_str().unwrap_or_default();
    let stands = format!("the device is assigned to {hub} as device-1, but ");
    assert!(
        message.starts_with(&stands) && message.contains(says),
        "{says}: {run:?}"
    );
}
