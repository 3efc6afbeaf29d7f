//! Devices with general MQTT clients register with the emulator: paho, aiomqtt, gmqtt, mqtt.js and rumqttc.

use std::{sync::Arc, time::Duration};

use provisioning_emulator::LogKind;
use rumqttc::{AsyncClient, Event, EventLoop, MqttOptions, Packet, QoS};
use rustls::{ClientConfig, RootCertStore, crypto::ring};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject};
use serde_json::{Value, json};
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    process::Command,
    time::{sleep, timeout},
};
use tokio_rustls::TlsConnector;

use super::{install, script};
use crate::support::{DEVICE, LocalDps};

const RESPONSES: &str = "$dps/registrations/res/#";

/// Nothing takes longer than this.
const TIMEOUT: Duration = Duration::from_secs(60);

#[tokio::test]
#[ignore = "needs Python: cargo xtask external"]
async fn paho_registers_over_mqtt_and_over_a_websocket() {
    for websocket in [false, true] {
        registers(install::python_mqtt("mqtt_clients.py").await, "paho", websocket).await;
    }
}

#[tokio::test]
#[ignore = "needs Python: cargo xtask external"]
async fn aiomqtt_registers_over_mqtt_and_over_a_websocket() {
    for websocket in [false, true] {
        registers(install::python_mqtt("mqtt_clients.py").await, "aiomqtt", websocket).await;
    }
}

#[tokio::test]
#[ignore = "needs Python: cargo xtask external"]
async fn gmqtt_registers_over_mqtt() {
    registers(install::python_mqtt("mqtt_clients.py").await, "gmqtt", false).await;
}

#[tokio::test]
#[ignore = "needs Node and npm: cargo xtask external"]
async fn mqtt_js_registers_over_mqtt_and_over_a_websocket() {
    for websocket in [false, true] {
        registers(install::node("mqtt_client.js").await, "mqtt.js", websocket).await;
    }
}

/// Registers with a client in a script, by certificate.
async fn registers(command: Command, client: &str, websocket: bool) {
    let dps = LocalDps::start().await;
    let emulator = &dps.emulator;
    let port = match websocket {
        true => emulator.websocket_port(),
        false => emulator.mqtt_port(),
    };
    let parameters = json!({
        "client": client,
        "host": "localhost",
        "port": port,
        "websocket": websocket,
        "idScope": emulator.id_scope(),
        "registrationId": DEVICE,
        "ca": dps.file("ca.pem"),
        "cert": dps.file("devices/device-1.pem"),
        "key": dps.file("devices/device-1.key"),
    });
    let (result, _script) = script::ask("the device", command, &dps, &parameters).await;
    assert_assigned(&result["assigned"], &result);
    dps.log_of_ended_connections()
        .await
        .assert_has(LogKind::Close, "DISCONNECT");
}

#[tokio::test]
#[ignore = "an external client: cargo xtask external"]
async fn the_event_loop_of_rumqttc_registers() {
    let dps = LocalDps::start().await;
    let mut options = MqttOptions::new(DEVICE, "127.0.0.1", tls_relay(&dps).await);
    let id_scope = dps.emulator.id_scope();
    // An empty password is not sent.
    options.set_credentials(format!("{id_scope}/registrations/{DEVICE}/api-version=2019-03-31"), "");
    let (client, mut events) = AsyncClient::new(options, 10);
    client.subscribe(RESPONSES, QoS::AtLeastOnce).await.expect("queued");
    let mut topic = "$dps/registrations/PUT/iotdps-register/?$rid=1".to_owned();
    let mut body = json!({"registrationId": DEVICE}).to_string();
    let state = timeout(TIMEOUT, async {
        loop {
            client
                .publish(&topic, QoS::AtLeastOnce, false, body)
                .await
                .expect("queued");
            let mut answer = next_answer(&mut events).await;
            if answer["status"] != "assigning" {
                break answer["registrationState"].take();
            }
            let operation = answer["operationId"].as_str().expect("an id");
            topic = format!("$dps/registrations/GET/iotdps-get-operationstatus/?$rid=2&operationId={operation}");
            body = String::new();
            sleep(Duration::from_secs(1)).await;
        }
    });
    assert_assigned(&state.await.expect("in time"), &Value::Null);
}

async fn next_answer(events: &mut EventLoop) -> Value {
    loop {
        if let Event::Incoming(Packet::Publish(publish)) = events.poll().await.expect("connected") {
            return serde_json::from_slice(&publish.payload).expect("JSON");
        }
    }
}

/// A port that adds TLS with the certificate of [`DEVICE`], as rumqttc is built without.
async fn tls_relay(dps: &LocalDps) -> u16 {
    let read = |name: &str| std::fs::read(dps.file(name)).expect("a file");
    let chain = CertificateDer::pem_slice_iter(&read("devices/device-1.pem")).collect::<Result<_, _>>();
    let key = PrivateKeyDer::from_pem_slice(&read("devices/device-1.key")).expect("a key");
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_slice(&read("ca.pem")).expect("a CA"))
        .expect("a root");
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_client_auth_cert(chain.expect("a chain"), key)
        .expect("a key that fits");
    let connector = TlsConnector::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let emulator_port = dps.emulator.mqtt_port();
    tokio::spawn(async move {
        let (mut device, _) = listener.accept().await.expect("a connection");
        let stream = TcpStream::connect(("127.0.0.1", emulator_port))
            .await
            .expect("the emulator");
        let name = ServerName::try_from("localhost").expect("a name");
        let mut stream = connector.connect(name, stream).await.expect("TLS");
        // The connection ends with the test.
        let _ = copy_bidirectional(&mut device, &mut stream).await;
    });
    port
}

#[track_caller]
fn assert_assigned(state: &Value, result: &Value) {
    let is_assigned = state["status"] == "assigned" && state["deviceId"] == DEVICE && state["assignedHub"].is_string();
    assert!(is_assigned, "{state} {result}");
}
