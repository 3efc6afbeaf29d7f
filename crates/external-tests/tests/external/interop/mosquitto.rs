//! `dps` registers through mosquitto with a service behind it, and a device connects to mosquitto as its hub.

use std::fs;

use rumqttc::{AsyncClient, Event, MqttOptions, Packet, Publish, QoS, SubscribeFilter};
use serde_json::{Value, json};
use tokio::{
    process::Command,
    sync::mpsc::{UnboundedReceiver, unbounded_channel},
};

use super::PAYLOAD;
use crate::support::{DEVICE, LocalDps, Output, Running, build_program, free_port, installed};

const HUB: &str = "behind-mosquitto.azure-devices.net";
const OPERATION: &str = "4.0123456789abcdef.00000000-0000-4000-8000-000000000000";
/// The service answers a request with this payload with status 401.
const REFUSE_ME: &str = r#""refuse me""#;

#[tokio::test]
#[ignore = "needs mosquitto: cargo xtask external"]
async fn a_device_registers_over_mqtt() {
    Broker::start("").await.assert_assigned(&[]).await;
}

#[tokio::test]
#[ignore = "needs mosquitto: cargo xtask external"]
async fn a_device_registers_over_a_websocket() {
    Broker::start("protocol websockets\n")
        .await
        .assert_assigned(&["--websocket"])
        .await;
}

#[tokio::test]
#[ignore = "needs mosquitto: cargo xtask external"]
async fn a_refusal_is_reported_over_mqtt() {
    Broker::start("").await.assert_refused(&[]).await;
}

#[tokio::test]
#[ignore = "needs mosquitto: cargo xtask external"]
async fn a_refusal_is_reported_over_a_websocket() {
    Broker::start("protocol websockets\n")
        .await
        .assert_refused(&["--websocket"])
        .await;
}

#[tokio::test]
#[ignore = "needs mosquitto: cargo xtask external"]
async fn the_example_hub_connects_to_mosquitto_with_a_key_and_with_a_certificate() {
    let (dps, port) = (LocalDps::start().await, free_port().await);
    let mosquitto = mosquitto(&dps, port, &tls_listener(&dps, port)).await;
    let mut command = Command::new(build_program("hub").await);
    let device_ca = dps.file("device-ca.pem");
    command.arg(port.to_string()).arg(dps.file("ca.pem")).arg(device_ca);
    let output = Running::start_piped("the example hub", &mut command)
        .wait_with_output()
        .await;
    assert_eq!(output.code, Some(0), "the example failed:\n{}", output.stderr);
    let log = mosquitto.log();
    for device in ["meter-1", "meter-2"] {
        let (id, user) = (format!(" as {device} ("), format!("u'localhost/{device}/?api-version="));
        let mut connected = log.lines().filter(|line| line.contains("New client connected"));
        let is_named = connected.any(|line| line.contains(&id) && line.contains(&user));
        assert!(is_named, "mosquitto names no {device} with its user name");
    }
}

/// mosquitto with a service behind it.
struct Broker {
    /// Its CA signed all certificates. No device connects to it.
    dps: LocalDps,
    port: u16,
    requests: UnboundedReceiver<Publish>,
    _mosquitto: Running,
}

impl Broker {
    /// Starts mosquitto with a listener for devices, which must present a certificate.
    async fn start(protocol: &str) -> Self {
        let dps = LocalDps::start().await;
        let [port, service_port] = [free_port().await, free_port().await];
        let listener = tls_listener(&dps, port);
        let config = format!("{listener}{protocol}require_certificate true\nlistener {service_port} 127.0.0.1\n");
        let mosquitto = mosquitto(&dps, service_port, &config).await;
        let requests = serve(service_port).await;
        Self {
            dps,
            port,
            requests,
            _mosquitto: mosquitto,
        }
    }

    async fn assert_assigned(&mut self, words: &[&str]) {
        let (code, answer) = self.register(words, PAYLOAD).await;
        assert_eq!(code, Some(0), "{answer}");
        assert_eq!(
            (&answer["assignedHub"], &answer["deviceId"]),
            (&HUB.into(), &DEVICE.into()),
            "{answer}"
        );
        self.assert_register_request(PAYLOAD);
        let query = self.requests.try_recv().expect("a query");
        let begin = "$dps/registrations/GET/iotdps-get-operationstatus/?$rid=";
        assert!(query.topic.starts_with(begin), "{query:?}");
        assert!(query.topic.contains(&format!("&operationId={OPERATION}")), "{query:?}");
        self.assert_no_more_requests();
    }

    async fn assert_refused(&mut self, words: &[&str]) {
        let (code, answer) = self.register(words, REFUSE_ME).await;
        let error = &answer["error"];
        assert_eq!(code, Some(3), "{answer}");
        assert_eq!(
            (&error["kind"], &error["errorCode"]),
            (&"unauthorized".into(), &401002.into()),
            "{answer}"
        );
        self.assert_register_request(REFUSE_ME);
        self.assert_no_more_requests();
    }

    /// The exit code and the answer of `dps register`.
    async fn register(&self, words: &[&str], payload: &str) -> (Option<i32>, Value) {
        let mut command = self.dps.dps_register(self.port).await;
        command.args(["--timeout", "30", "--payload", payload]).args(words);
        let Output { code, stdout, stderr } = Running::start_piped("dps", &mut command).wait_with_output().await;
        let answer = serde_json::from_str(&stdout);
        (
            code,
            answer.unwrap_or_else(|error| panic!("{error} in {stdout:?}\n{stderr}")),
        )
    }

    /// The next request registers the device with this payload.
    fn assert_register_request(&mut self, payload: &str) {
        let request = self.requests.try_recv().expect("a register request");
        assert!(
            request
                .topic
                .starts_with("$dps/registrations/PUT/iotdps-register/?$rid="),
            "{request:?}"
        );
        let body: Value = serde_json::from_slice(&request.payload).expect("JSON");
        assert_eq!(body["registrationId"], DEVICE, "{body}");
        assert_eq!(body["payload"], payload.parse::<Value>().expect("JSON"), "{body}");
    }

    fn assert_no_more_requests(&mut self) {
        let request = self.requests.try_recv();
        assert!(request.is_err(), "{request:?}");
    }
}

/// Starts mosquitto and waits until it listens on this port.
async fn mosquitto(dps: &LocalDps, port: u16, listeners: &str) -> Running {
    let mut command = installed(&["mosquitto"], "mosquitto");
    let config = dps.file("mosquitto.conf");
    // Without `user`, mosquitto changes from root to a user that cannot read the keys.
    let text = format!("user root\nlog_dest stderr\nlog_type all\nallow_anonymous true\n{listeners}");
    fs::write(&config, text).expect("a file");
    let mut mosquitto = Running::start("mosquitto", command.arg("-c").arg(config));
    mosquitto.wait_for(port).await;
    mosquitto
}

fn tls_listener(dps: &LocalDps, port: u16) -> String {
    let [ca, certificate, key] = ["ca.pem", "server.pem", "server.key"].map(|name| dps.file(name));
    let [ca, certificate, key] = [ca.display(), certificate.display(), key.display()];
    format!("listener {port} 127.0.0.1\ncafile {ca}\ncertfile {certificate}\nkeyfile {key}\n")
}

/// Starts a service behind the broker, which answers as DPS does. Returns its requests.
async fn serve(port: u16) -> UnboundedReceiver<Publish> {
    let options = MqttOptions::new("the-service", "127.0.0.1", port);
    let (mqtt, mut events) = AsyncClient::new(options, 10);
    let filters = ["PUT", "GET"].map(|kind| format!("$dps/registrations/{kind}/#"));
    let filters = filters.map(|filter| SubscribeFilter::new(filter, QoS::AtLeastOnce));
    mqtt.subscribe_many(filters).await.expect("a running client");
    while !matches!(
        events.poll().await.expect("mosquitto"),
        Event::Incoming(Packet::SubAck(_))
    ) {}
    let (sender, requests) = unbounded_channel();
    tokio::spawn(async move {
        while let Ok(event) = events.poll().await {
            if let Event::Incoming(Packet::Publish(request)) = event {
                let (topic, body) = answer(&request);
                let published = mqtt.publish(topic, QoS::AtLeastOnce, false, body.to_string()).await;
                published.expect("a running client");
                // The test has ended if it does not receive.
                let _ = sender.send(request);
            }
        }
    });
    requests
}

/// The topic and the body of the answer to a request.
fn answer(request: &Publish) -> (String, Value) {
    let (_, request_id) = request.topic.split_once("$rid=").expect("a request id");
    let request_id = request_id.split('&').next().unwrap_or_default();
    let topic = |status, query| format!("$dps/registrations/res/{status}/?$rid={request_id}{query}");
    if request.topic.contains("/GET/") {
        let state = json!({"registrationId": DEVICE, "deviceId": DEVICE, "assignedHub": HUB, "status": "assigned"});
        let body = json!({"operationId": OPERATION, "status": "assigned", "registrationState": state});
        return (topic(200, ""), body);
    }
    let body: Value = serde_json::from_slice(&request.payload).expect("JSON");
    if body["payload"] == REFUSE_ME.parse::<Value>().expect("JSON") {
        let body = json!({"errorCode": 401002, "trackingId": "of-the-broker-run", "message": "Invalid certificate."});
        return (topic(401, ""), body);
    }
    (
        topic(202, "&retry-after=1"),
        json!({"operationId": OPERATION, "status": "assigning"}),
    )
}
