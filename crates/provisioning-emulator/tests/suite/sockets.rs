//! Real sockets: both ports, TLS with client certificates, MQTT and MQTT over WebSocket.

use std::{
    io::ErrorKind,
    net::{IpAddr, Ipv4Addr},
    time::Duration,
};

use futures_util::{SinkExt, StreamExt};
use provisioning_emulator::{Cut, Effect, EmulatorError, Fault, Step};
use rumqttc::{ConnectReturnCode, Packet};
use tokio::{
    io::AsyncReadExt,
    net::{TcpListener, TcpStream},
    time::timeout,
};
use tokio_tungstenite::{
    client_async,
    tungstenite::{Message, client::IntoClientRequest, http::HeaderValue},
};

use crate::support::{Device, builder, connect_bytes, connect_packet, stop, tls::dial};

#[tokio::test]
async fn a_device_registers_over_tls_on_a_socket() {
    let emulator = builder().start().await.expect("an emulator");
    let identity = emulator.issue_device("d").expect("a certificate");
    let mut device = Device::ready(dial(&emulator, emulator.mqtt_port(), &identity).await, "d").await;
    let first = device.register("d").await;
    let done = device.query(first.body["operationId"].as_str().expect("an id")).await;
    assert_eq!(done.body["registrationState"]["deviceId"], "d");
    stop(emulator).await;
}

#[tokio::test]
async fn a_device_connects_over_a_websocket_on_a_socket() {
    let emulator = builder().start().await.expect("an emulator");
    let identity = emulator.issue_device("d").expect("a certificate");
    let stream = dial(&emulator, emulator.websocket_port(), &identity).await;
    let mut request = "wss://localhost/$iothub/websocket"
        .into_client_request()
        .expect("a request");
    request
        .headers_mut()
        .insert("Sec-WebSocket-Protocol", HeaderValue::from_static("mqtt"));
    let (mut socket, _) = client_async(request, stream).await.expect("an upgrade");
    socket
        .send(Message::binary(connect_bytes("MQTT", 4, 0x82)))
        .await
        .expect("sent");
    let answer = socket.next().await.expect("an answer").expect("a message");
    assert_eq!(answer.into_data()[..], [0x20, 2, 0, 0]);
    stop(emulator).await;
}

#[tokio::test]
async fn a_refusal_arrives_although_the_device_sends_on() {
    let emulator = builder().start().await.expect("an emulator");
    let other = emulator.issue_device("other").expect("a certificate");
    let mut device = Device::over(dial(&emulator, emulator.mqtt_port(), &other).await);
    device.send(rumqttc::Packet::Connect(connect_packet("d"))).await;
    device.send_bytes(&[0; 20_000]).await;
    let answer = device.receive().await;
    assert!(matches!(answer, rumqttc::Packet::ConnAck(ack) if ack.code == ConnectReturnCode::NotAuthorized));
    stop(emulator).await;
}

#[tokio::test]
async fn each_carrier_has_a_free_port_on_loopback() {
    let emulator = builder().start().await.expect("an emulator");
    let (mqtt, websocket) = (emulator.mqtt_port(), emulator.websocket_port());
    assert!(mqtt != 0 && websocket != 0 && mqtt != websocket);
    for port in [mqtt, websocket] {
        TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.expect("IPv4");
        if TcpListener::bind("[::1]:0").await.is_ok() {
            TcpStream::connect(format!("[::1]:{port}"))
                .await
                .expect("IPv6, which this machine has");
        }
    }
    stop(emulator).await;
    TcpStream::connect((Ipv4Addr::LOCALHOST, mqtt))
        .await
        .expect_err("nobody listens any more");
}

#[tokio::test]
async fn ports_and_address_are_as_asked_for_and_a_taken_port_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = taken.local_addr().expect("its address").port();
    let address = IpAddr::from(Ipv4Addr::LOCALHOST);
    let Err(error) = builder().listen(address).mqtt_port(port).start().await else {
        panic!("it was taken")
    };
    assert!(matches!(error, EmulatorError::Listen { .. }), "{error:?}");
    assert_eq!(
        error.to_string(),
        format!("the mqtt port cannot listen on 127.0.0.1:{port}")
    );
    drop(taken);
    let emulator = builder()
        .listen(address)
        .websocket_port(port)
        .start()
        .await
        .expect("an emulator");
    assert_eq!(emulator.websocket_port(), port);
    stop(emulator).await;
}

#[tokio::test]
async fn a_reset_is_a_reset_on_a_socket_at_the_bottom_and_at_the_top() {
    let emulator = builder().start().await.expect("an emulator");
    let reset = |step| Fault::new(Effect::Reset(Cut::Now), step).expect("a fault");
    emulator.inject(reset(Step::Tcp));
    let mut tcp = TcpStream::connect(("127.0.0.1", emulator.mqtt_port()))
        .await
        .expect("TCP");
    let read = timeout(Duration::from_secs(20), tcp.read_u8()).await.expect("in time");
    assert_eq!(read.expect_err("a reset").kind(), ErrorKind::ConnectionReset);

    emulator.inject(reset(Step::Connack));
    let identity = emulator.issue_device("d").expect("a certificate");
    let mut device = Device::over(dial(&emulator, emulator.mqtt_port(), &identity).await);
    device.send(Packet::Connect(connect_packet("d"))).await;
    let error = device.next().await.expect("no orderly end").expect_err("a reset");
    assert!(error.to_string().contains("reset"), "{error}");
    stop(emulator).await;
}
