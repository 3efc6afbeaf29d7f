//! No secret and no payload is shown: not by `Debug`, errors or events, nor by the log of any crate at any level.

mod cases;
mod messages;
mod recorder;
mod search;
mod service;

use base64::{Engine, prelude::BASE64_STANDARD};
use provisioning_device::{Builder, Credential, Secret as Hidden, Transport};
use serde_json::json;
use test_support::{
    Files,
    proxy::{Kind, LOGIN, Proxy},
    shown,
};

use self::{
    cases::{Case, DEVICE_KEY, GROUP_KEY, cases},
    search::{Search, Secret},
    service::Service,
};

const PAYLOAD: &str = "pay10ad-of-the-device-and-of-its-answer";

#[tokio::test]
async fn no_secret_and_no_payload_is_in_any_log_error_event_or_debug_output_whatever_the_credential_and_the_route() {
    recorder::start();
    let base64 = |key| BASE64_STANDARD.encode(key);
    let service = Service::start(&base64(DEVICE_KEY), &base64(GROUP_KEY)).await;
    let files = Files::new();
    let proxies = [
        Proxy::start(Kind::Http, true).await,
        Proxy::start(Kind::Socks5, true).await,
    ];
    let login = LOGIN.trim_end_matches('@').split(':');
    let mut secrets: Vec<_> = login.map(|part| Secret::whole("the proxy's login", part)).collect();
    for case in cases(&service, &files).await {
        secrets.extend(case.secrets.iter().cloned());
        for transport in [Transport::Mqtt, Transport::MqttWs] {
            let said = use_every_route(&service, &case, transport, &proxies).await;
            let shown = Search::new(&secrets).find(&said);
            assert!(shown.is_none(), "{}: {shown:?} in {said}", case.what);
        }
    }
    // The `Debug` of an assignment has the payload, as it has every field that the service sent. A log has not.
    secrets.push(Secret::middle("the payload", PAYLOAD));
    let records = recorder::stop();
    for (part, whose) in [
        ("provisioning_net::proxy: the proxy has connected", "this project's"),
        ("Sending ClientHello", "rustls's"),
        ("Opcode: Data(Binary)", "tungstenite's"),
    ] {
        let is_recorded = records.iter().any(|record| record.contains(part));
        assert!(is_recorded, "{whose} log is recorded");
    }
    let search = Search::new(&secrets);
    for record in &records {
        let leak = search.find(record);
        assert!(leak.is_none(), "{leak:?} in {record}");
    }
}

/// Registers directly and through each proxy, and once in vain; returns everything that the client shows.
async fn use_every_route(service: &Service, case: &Case, transport: Transport, proxies: &[Proxy]) -> String {
    let client = service
        .client(case.credential.clone(), transport)
        .with_registration_id(case.registration_id)
        .with_payload(json!({ "secret": PAYLOAD }));
    let mut said = register(case, client.clone()).await;
    for proxy in proxies {
        said += &register(case, client.clone().with_proxy(proxy.url(LOGIN).as_str())).await;
    }
    let nobody = client.with_registration_id("somebody-else").build();
    let error = nobody.expect("valid input").register().await;
    said + &shown(&error.expect_err("another device's credential"))
}

/// Registers, and returns everything that the client shows.
async fn register(case: &Case, builder: Builder) -> String {
    let Case { what, credential, .. } = case;
    let mut said = format!("{credential:?} {builder:?}");
    let client = builder.build().expect("valid input");
    let mut events = client.events();
    let assignment = client
        .register()
        .await
        .unwrap_or_else(|error| panic!("{what}: {}", shown(&error)));
    assert_eq!(
        assignment.state().payload(),
        Some(&json!({ "secret": PAYLOAD })),
        "{what}"
    );
    said += &format!("{assignment:?} {:?}", client.request());
    drop(client);
    while let Some(event) = events.next().await {
        said += &format!("{event} {event:?}");
    }
    said
}

#[test]
fn an_encrypted_key_its_passphrase_and_what_they_hold_are_not_repeated() {
    let data = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../provisioning-credentials/tests/data/encrypted"
    );
    let open = |passphrase: &str| {
        let (certificate, key) = (format!("{data}.pem"), format!("{data}.key"));
        Credential::x509_from_encrypted_files(certificate, key, Hidden::new(passphrase.as_bytes().to_vec()))
    };
    let credential = open("correct").expect("the passphrase opens it");
    let wrong = open("wr0ng-passphrase").expect_err("another passphrase");
    let said = format!(
        "{credential:?} {:?} {}",
        credential.load_if_ready().expect("it opens"),
        shown(&wrong)
    );
    assert!(!said.contains("correct") && !said.contains("wr0ng"), "{said}");
}
