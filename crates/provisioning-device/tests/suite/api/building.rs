//! The builder: no order of calls loses anything, arguments are the checked type or text, and a caller's own parts fit.

use std::{sync::Arc, time::Duration};

use provisioning_device::{
    ApiVersion, Builder, Connector, Endpoint, Host, IdScope, InvalidInput, Payload, Policy, PollingTransport, Progress,
    ProvisioningDeviceClient, Proxy, RegistrationId, RegistrationRequest, Request, Response, StatusEvent, SymmetricKey,
    TlsProvider, Transport, TransportError, async_trait,
};
use provisioning_emulator::{Emulator, Port, Security};
use serde_json::json;
use test_support::emulator::{connector, start_in_memory};

const ASSIGNED: &str = r#"{"operationId":"4.op","status":"assigned","registrationState":
    {"registrationId":"device-1","assignedHub":"hub.example","deviceId":"device-1","status":"assigned"}}"#;

fn key() -> SymmetricKey {
    SymmetricKey::from_base64("a2V5").expect("a key")
}

fn new() -> Builder {
    ProvisioningDeviceClient::builder("0ne00A1B2C3", key(), Transport::Mqtt).with_registration_id("device-1")
}

/// The builders that the calls make in every order.
fn in_every_order<const N: usize>(calls: [fn(Builder) -> Builder; N]) -> Vec<Builder> {
    fn orders(begun: Builder, left: &[fn(Builder) -> Builder]) -> Vec<Builder> {
        if left.is_empty() {
            return vec![begun];
        }
        let each = 0..left.len();
        each.flat_map(|index| {
            let mut left = left.to_vec();
            let call = left.remove(index);
            orders(call(begun.clone()), &left)
        })
        .collect()
    }
    orders(new(), &calls)
}

#[test]
fn where_to_connect_to_is_the_same_in_every_order_of_calls() {
    let gateway = Endpoint::default().with_websocket_path("/dps").expect("a path");
    let expected = gateway
        .clone()
        .with_host("gateway.example".parse().expect("a host"))
        .with_port(8884)
        .expect("a port")
        .with_server_name("service.example".parse().expect("a name"))
        .with_websocket_port(444)
        .expect("a port");
    let calls: [fn(Builder) -> Builder; 4] = [
        |builder| {
            let endpoint = Endpoint::default().with_websocket_path("/dps").expect("a path");
            builder.with_endpoint(endpoint.with_host("other.example".parse().expect("a host")))
        },
        |builder| builder.with_host("gateway.example:8884"),
        |builder| builder.with_server_name("service.example"),
        |builder| builder.with_websocket_port(444),
    ];
    let builders = in_every_order(calls);
    assert_eq!(builders.len(), 24);
    for builder in builders {
        assert_eq!(builder.endpoint().expect("valid"), expected);
        let client = builder.build().expect("valid");
        assert_eq!(client.request().endpoint(), Some(&expected));
    }
}

#[test]
fn the_builders_own_limit_wins_over_the_policys_in_either_order() {
    let calls: [fn(Builder) -> Builder; 2] = [
        |builder| builder.with_timeout(Duration::from_secs(7)),
        |builder| {
            let policy = Policy::default().with_registration_timeout(Duration::from_secs(70));
            builder.with_policy(policy.with_default_wait(Duration::from_secs(3)))
        },
    ];
    for builder in in_every_order(calls) {
        let policy = builder.policy();
        assert_eq!(policy.registration_timeout(), Duration::from_secs(7));
        assert_eq!(policy.default_wait(), Duration::from_secs(3));
    }
}

/// What was set, as far as it is text.
fn told(builder: &Builder) -> [String; 6] {
    fn text(value: Option<impl ToString>) -> String {
        value.expect("set").to_string()
    }
    [
        builder.id_scope().expect("valid").to_string(),
        format!("{:?}", builder.endpoint().expect("valid")),
        text(builder.registration_id().expect("valid")),
        text(builder.api_version().expect("valid")),
        format!("{:?}", builder.payload().expect("valid")),
        format!("{:?}", builder.proxy().expect("valid")),
    ]
}

#[test]
fn arguments_are_the_checked_type_or_text_of_every_kind() {
    fn filled<Text>(text: impl Fn(&'static str) -> Text) -> Builder
    where
        Text: TryInto<IdScope, Error: Into<InvalidInput>>
            + TryInto<Endpoint, Error: Into<InvalidInput>>
            + TryInto<Host, Error: Into<InvalidInput>>
            + TryInto<RegistrationId, Error: Into<InvalidInput>>
            + TryInto<ApiVersion, Error: Into<InvalidInput>>
            + TryInto<Payload, Error: Into<InvalidInput>>
            + TryInto<Proxy, Error: Into<InvalidInput>>
            + TryInto<TlsProvider, Error: Into<InvalidInput>>,
    {
        ProvisioningDeviceClient::builder(text("0ne00A1B2C3"), key(), Transport::Mqtt)
            .with_host(text("gateway.example:8884"))
            .with_server_name(text("service.example"))
            .with_registration_id(text("device-1"))
            .with_api_version(text("2021-10-01"))
            .with_payload(text(r#"{"site":"north"}"#))
            .with_proxy(text("http://proxy.example:3128"))
            .with_tls_provider(text("ring"))
    }
    let borrowed = filled(|text| text);
    let owned = filled(str::to_owned);
    let references = filled(|text| -> &'static String { Box::leak(Box::new(text.to_owned())) });
    let checked =
        ProvisioningDeviceClient::builder(IdScope::new("0ne00A1B2C3").expect("valid"), key(), Transport::Mqtt)
            .with_host("gateway.example:8884".parse::<Endpoint>().expect("valid"))
            .with_server_name("service.example".parse::<Host>().expect("valid"))
            .with_registration_id(RegistrationId::new("device-1").expect("valid"))
            .with_api_version("2021-10-01".parse::<ApiVersion>().expect("valid"))
            .with_payload(json!({"site": "north"}))
            .with_proxy("http://proxy.example:3128".parse::<Proxy>().expect("valid"))
            .with_tls_provider(TlsProvider::Ring);
    for builder in [&owned, &references, &checked] {
        assert_eq!(told(builder), told(&borrowed));
    }
    assert_eq!(borrowed.transport(), Transport::Mqtt);
}

/// The README's program as it was at first: borrowed text compiles too.
#[expect(dead_code, reason = "it is enough that it compiles")]
async fn the_first_program() -> Result<(), Box<dyn std::error::Error>> {
    let credential = provisioning_device::x509_from_files("device.pem", "device.key")?;
    let client = ProvisioningDeviceClient::builder("0ne00A1B2C3", credential, Transport::Mqtt)
        .with_host(&std::env::var("PROVISIONING_HOST")?)
        .build()?;
    let assignment = client.register().await?;
    println!("{} belongs to {}", assignment.device_id(), assignment.assigned_hub());
    Ok(())
}

#[test]
fn an_argument_that_cannot_be_used_is_told_when_the_client_is_built() {
    let cases: [(Builder, &str); 7] = [
        (
            ProvisioningDeviceClient::builder("", key(), Transport::Mqtt).with_registration_id("a"),
            "id scope",
        ),
        (new().with_host("not a host"), "host"),
        (new().with_server_name("not a name"), "server name"),
        (new().with_registration_id("no spaces"), "registration id"),
        (new().with_api_version(""), "api-version"),
        (new().with_payload("{"), "payload"),
        (new().with_tls_provider("openssl"), "TLS provider"),
    ];
    for (builder, input) in cases {
        let error = builder.build().expect_err("cannot be used");
        assert_eq!(error.input(), input);
        assert!(error.to_string().starts_with(input), "{error}");
    }
}

#[test]
fn the_tls_provider_in_use_can_be_asked() {
    let provider = new().tls_provider().expect("built in").expect("not the caller's own");
    assert_eq!(provider, TlsProvider::default());
    for available in TlsProvider::AVAILABLE {
        let chosen = new().with_tls_provider(available.as_str()).tls_provider();
        assert_eq!(chosen.expect("built in"), Some(*available));
    }
}

#[tokio::test(start_paused = true)]
async fn the_callers_connector_carries_mqtt_shared_or_not() {
    let emulator = start_in_memory(Emulator::builder());
    let key = emulator.device_key("device-1").expect("a group's device");
    let client = || {
        let key = SymmetricKey::from_base64(&key).expect("a key");
        ProvisioningDeviceClient::builder(emulator.id_scope(), key, Transport::Mqtt).with_registration_id("device-1")
    };
    let own = connector(&emulator, Port::Mqtt, Security::Plain);
    let shared: Arc<dyn Connector> = Arc::new(own.clone());
    for builder in [client().with_connector(own), client().with_connector(shared)] {
        let assignment = builder.build().expect("valid").register().await.expect("assigned");
        assert_eq!(assignment.device_id(), "device-1");
    }
    assert_eq!(emulator.registrations().len(), 1);
}

/// A service that assigns at once.
struct Assigns;

#[async_trait]
impl PollingTransport for Assigns {
    async fn send(&self, _: &RegistrationRequest, _: &Request, _: Progress<'_>) -> Result<Response, TransportError> {
        Response::from_service(200, ASSIGNED.as_bytes(), None, None)
    }

    async fn cancel(&self) -> Result<(), TransportError> {
        Ok(())
    }

    async fn disconnect(&self) -> Result<(), TransportError> {
        Ok(())
    }

    async fn connection_lost(&self) -> TransportError {
        std::future::pending().await
    }

    fn abort(&self) {}
}

#[tokio::test(start_paused = true)]
async fn the_callers_polling_transport_replaces_mqtt_shared_or_not() {
    let shared: Arc<dyn PollingTransport> = Arc::new(Assigns);
    for builder in [
        new().with_polling_transport(Assigns),
        new().with_polling_transport(shared),
    ] {
        let client = builder.build().expect("valid");
        let mut events = client.events();
        let assignment = client.register().await.expect("assigned");
        assert_eq!(assignment.assigned_hub(), "hub.example");
        let last = std::iter::from_fn(|| events.try_next()).last().expect("events");
        assert!(
            matches!(&last.event, StatusEvent::Ended { outcome: Ok(ended), .. } if *ended == assignment),
            "{last:?}"
        );
    }
}
