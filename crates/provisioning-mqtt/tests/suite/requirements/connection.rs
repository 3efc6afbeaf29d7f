//! How a connection is made.

use mockall::predicate::eq;
use provisioning_mqtt::MqttOptions;
use provisioning_net::Scheme;
use provisioning_types::{ApiVersion, Endpoint, ErrorKind, Host, Phase, TransportError};
use test_support::request_of;

use crate::support::{
    bodies::ASSIGNING,
    device::{Asked, Device, request},
    identity::certificate,
    mocks::{MockMqttSession, Mocked, given_for},
    peer::ANSWERS,
};

/// mqtt_transport: SRS_NODE_PROVISIONING_MQTT_18_035
#[tokio::test(start_paused = true)]
async fn the_client_id_is_the_registration_id_as_it_was_given() {
    for id in ["device-1", "Sn:00_11.22-"] {
        assert_eq!(given_for(Scheme::Mqtts, request_of(id)).await.login.client_id, id);
        let device = Device::new();
        let _register = device.register_with(request_of(id));
        assert_eq!(device.peer().await.accept().await.client_id, id);
    }
}

/// mqtt_transport: SRS_NODE_PROVISIONING_MQTT_18_036
#[tokio::test(start_paused = true)]
async fn the_session_is_a_clean_one() {
    assert!(given_for(Scheme::Mqtts, request()).await.login.clean);
    let device = Device::new();
    let _register = device.register();
    assert!(device.peer().await.accept().await.clean_session);
}

/// mqtt_transport: SRS_NODE_PROVISIONING_MQTT_18_037
#[tokio::test(start_paused = true)]
async fn the_connection_is_made_with_the_certificate_of_the_identity() {
    let used = given_for(Scheme::Mqtts, request()).await.certificate;
    assert_eq!(used, Some(certificate()));
    // That its key comes along shows in the TLS handshake.
}

/// mqtt_transport: SRS_NODE_PROVISIONING_MQTT_18_038
#[tokio::test(start_paused = true)]
async fn the_user_name_holds_id_scope_registration_id_api_version_and_agent() {
    let request = || request_of("Sn:1").with_api_version(ApiVersion::new("2021-10-01").expect("a version"));
    let options = || {
        MqttOptions::default()
            .with_user_agent_suffix("ä/b&c=1")
            .expect("a suffix")
    };
    let agent = concat!(
        "provisioning-device-rust%2F",
        env!("CARGO_PKG_VERSION"),
        "%20%C3%A4%2Fb%26c%3D1"
    );
    let expected = format!("0ne00A1B2C3/registrations/Sn:1/api-version=2021-10-01&ClientVersion={agent}");

    let mocked = Mocked::default();
    let transport = mocked.transport_with(None, options());
    let _ = Asked::Register.of(&transport, &request()).await;
    assert_eq!(mocked.given()[0].login.user_name, expected);

    assert_eq!(
        given_for(Scheme::Mqtts, request_of("a")).await.login.user_name,
        concat!(
            "0ne00A1B2C3/registrations/a/api-version=2019-03-31&ClientVersion=provisioning-device-rust%2F",
            env!("CARGO_PKG_VERSION")
        )
    );
}

/// mqtt_transport: SRS_NODE_PROVISIONING_MQTT_18_050
#[tokio::test(start_paused = true)]
async fn the_uri_is_mqtts_and_the_host_of_the_transport() {
    let uri = given_for(Scheme::Mqtts, request()).await.uri;
    assert_eq!(uri.to_string(), "mqtts://service.test");
    assert_eq!((uri.scheme(), uri.port()), (Scheme::Mqtts, 8883));
    assert_eq!(uri.server_name(), uri.host());
}

/// mqtt_transport: SRS_NODE_PROVISIONING_MQTT_18_039
#[tokio::test(start_paused = true)]
async fn an_endpoint_in_the_request_wins_over_that_of_the_transport() {
    let name = Host::new("name.test").expect("a name");
    let endpoint: Endpoint = "other.test:18883".parse().expect("an endpoint");
    let endpoint = endpoint.with_server_name(name.clone());
    let uri = given_for(Scheme::Mqtts, request().with_endpoint(endpoint.clone()))
        .await
        .uri;
    assert_eq!(uri.to_string(), "mqtts://other.test:18883");
    assert_eq!((&*uri.host().bare(), uri.port()), ("other.test", 18883));
    assert_eq!(uri.server_name(), &name);

    let endpoint = endpoint.with_websocket_path("/tunnel?x=1").expect("a path");
    let uri = given_for(Scheme::Wss, request().with_endpoint(endpoint)).await.uri;
    assert_eq!(uri.to_string(), "wss://other.test:18883/tunnel?x=1");
    assert_eq!(uri.server_name(), &name);
}

/// mqtt_transport: SRS_NODE_PROVISIONING_MQTT_18_049
#[tokio::test(start_paused = true)]
async fn over_a_websocket_the_uri_has_port_443_and_the_path_of_the_service() {
    let uri = given_for(Scheme::Wss, request()).await.uri;
    assert_eq!(uri.to_string(), "wss://service.test:443/$iothub/websocket");
    assert_eq!((uri.scheme(), uri.port()), (Scheme::Wss, 443));
    assert_eq!(uri.path(), "/$iothub/websocket");
}

/// mqtt_transport: SRS_NODE_PROVISIONING_MQTT_18_040
#[tokio::test(start_paused = true)]
async fn a_connection_begins_with_connect_once() {
    for asked in Asked::BOTH {
        let mocked = Mocked::default();
        let _ = asked.of(&mocked.transport(None), &request()).await;
        assert_eq!(mocked.given().len(), 1);
    }
}

/// mqtt_transport: SRS_NODE_PROVISIONING_MQTT_18_041
#[tokio::test(start_paused = true)]
async fn a_connect_that_fails_fails_the_request() {
    for asked in Asked::BOTH {
        let transport = Mocked::default().transport(None);
        let error = asked.of(&transport, &request()).await.expect_err("no");
        assert_eq!(
            (error.kind(), error.phase()),
            (ErrorKind::Connect, Some(Phase::Connect))
        );
        assert_eq!(error.to_string(), "out of order");
    }
}

/// mqtt_transport: SRS_NODE_PROVISIONING_MQTT_18_042
#[tokio::test(start_paused = true)]
async fn connect_is_followed_by_one_subscription_to_all_answers() {
    for asked in Asked::BOTH {
        let (mocked, mut session) = (Mocked::default(), MockMqttSession::new());
        let subscribe = session.expect_subscribe().with(eq(ANSWERS));
        subscribe.once().returning(|_| Ok(()));
        session.expect_publish().returning(mocked.answering("202", ASSIGNING));
        let transport = mocked.transport(session);
        asked.of(&transport, &request()).await.expect("an answer");
        assert_eq!(mocked.given().len(), 1);
    }
}

/// mqtt_transport: SRS_NODE_PROVISIONING_MQTT_18_043
#[tokio::test(start_paused = true)]
async fn a_subscription_that_fails_fails_the_request() {
    for asked in Asked::BOTH {
        let mut session = unsubscribable();
        session.expect_disconnect().returning(|| Ok(()));
        let transport = Mocked::default().transport(session);
        let error = asked.of(&transport, &request()).await.expect_err("no");
        assert_eq!(
            (error.kind(), error.phase()),
            (ErrorKind::Refused, Some(Phase::Subscribe))
        );
        assert_eq!(error.to_string(), "not for you");
    }
}

/// mqtt_transport: SRS_NODE_PROVISIONING_MQTT_18_051
#[tokio::test(start_paused = true)]
async fn a_connection_that_fails_half_way_is_closed_and_made_anew_by_the_next_request() {
    for asked in Asked::BOTH {
        let mocked = Mocked::default();
        let (mut session, first) = (unsubscribable(), mocked.clone());
        session.expect_disconnect().once().returning(move || {
            assert_eq!(first.given().len(), 1, "it was not closed before the next");
            // That it fails as well is not what the request is told.
            Err(TransportError::new(ErrorKind::Lost, "gone already"))
        });
        let transport = mocked.transport(session);
        for kind in [ErrorKind::Refused, ErrorKind::Connect, ErrorKind::Connect] {
            let error = asked.of(&transport, &request()).await.expect_err("no");
            assert_eq!(error.kind(), kind);
        }
        assert_eq!(mocked.given().len(), 3);
    }
}

/// A session that takes no subscription.
fn unsubscribable() -> MockMqttSession {
    let mut session = MockMqttSession::new();
    session
        .expect_subscribe()
        .returning(|_| Err(TransportError::new(ErrorKind::Refused, "not for you")));
    session
}
