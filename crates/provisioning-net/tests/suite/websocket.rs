//! WebSockets over streams in memory.

use futures_util::{SinkExt, StreamExt};
use provisioning_net::{
    BoxedStream, Connector, Scheme, ServiceUri, Target, Unanswered, WebSocketConnector, connection_error,
};
use provisioning_types::{ErrorKind, Host, Phase, Progress, ServiceError, TransportError, error_message};
use test_support::{Call, in_memory, soon};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream};
use tokio_tungstenite::{
    WebSocketStream, accept_hdr_async,
    tungstenite::{
        Message,
        handshake::server::{Request, Response},
        http::HeaderValue,
    },
};

use crate::support::{endpoint, words::message};

/// Connects, with the service's end of the stream below the WebSocket.
async fn connecting(uri: ServiceUri, max_message_size: usize) -> (Call<BoxedStream>, DuplexStream) {
    let (connector, incoming) = in_memory();
    let call = Call::start(async move {
        let connector = WebSocketConnector::new(connector);
        assert_eq!(connector.scheme(), Scheme::Wss);
        let target = Target::new(&uri).with_max_message_size(max_message_size);
        connector.connect(&target, Progress::ignored()).await
    });
    (call, incoming.next().await)
}

fn wss() -> ServiceUri {
    ServiceUri::new(Scheme::Wss, endpoint())
}

/// Accepts a WebSocket; also returns its `Host` header and its path.
#[expect(
    clippy::result_large_err,
    reason = "the type of the callback is tungstenite's choice"
)]
pub(crate) async fn accept<S>(stream: S) -> (WebSocketStream<S>, String, String)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let (mut host, mut path) = (String::new(), String::new());
    let choose = |request: &Request, mut response: Response| {
        path = request.uri().path().to_owned();
        let header = |name| request.headers()[name].to_str().expect("text").to_owned();
        host = header("Host");
        assert_eq!(header("Sec-WebSocket-Protocol"), "mqtt");
        response
            .headers_mut()
            .insert("Sec-WebSocket-Protocol", HeaderValue::from_static("mqtt"));
        Ok(response)
    };
    let accepted = accept_hdr_async(stream, choose).await.expect("a WebSocket");
    (accepted, host, path)
}

#[tokio::test(start_paused = true)]
async fn host_and_path_are_those_of_the_uri_without_the_schemes_own_port() {
    let name = Host::new("name.test").expect("a host");
    for (endpoint, host) in [
        (endpoint(), "service.test"),
        (endpoint().with_port(443).expect("a port"), "service.test"),
        (endpoint().with_port(8443).expect("a port"), "service.test:8443"),
        (endpoint().with_server_name(name), "name.test"),
    ] {
        let (call, stream) = connecting(ServiceUri::new(Scheme::Wss, endpoint), 1024).await;
        let (mut server, asked_host, path) = soon("the handshake", accept(stream)).await;
        assert_eq!((asked_host.as_str(), path.as_str()), (host, "/$iothub/websocket"));
        let mut device = call.success().await;
        device.write_all(b"hello").await.expect("the stream works");
        device.flush().await.expect("the stream works");
        let message = soon("a message", server.next()).await.expect("one").expect("one");
        assert_eq!(message, Message::binary(&b"hello"[..]));
    }
}

#[tokio::test(start_paused = true)]
async fn a_message_larger_than_the_target_allows_breaks_the_carriers_rules() {
    let (call, stream) = connecting(wss(), 16).await;
    let (mut server, ..) = accept(stream).await;
    let mut device = call.success().await;
    for (length, is_fine) in [(16, true), (17, false)] {
        server.send(Message::binary(vec![0; length])).await.expect("sent");
        let mut bytes = vec![0; length];
        let read = soon("the message", device.read_exact(&mut bytes)).await;
        match read {
            Ok(_) => assert!(is_fine),
            Err(error) => {
                assert!(!is_fine, "{error}");
                assert_eq!(connection_error(error).kind(), ErrorKind::UnexpectedResponse);
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_no_websocket_has_the_kind_of_its_status() {
    for (answer, kind) in [
        ("HTTP/1.1 401 No\r\n\r\n", ErrorKind::Unauthorized),
        ("HTTP/1.1 403 No\r\n\r\n", ErrorKind::Unauthorized),
        ("HTTP/1.1 404 No\r\n\r\n", ErrorKind::NotFound),
        ("HTTP/1.1 503 No\r\n\r\n", ErrorKind::Service),
        ("HTTP/1.1 302 No\r\nLocation: /\r\n\r\n", ErrorKind::Refused),
        ("HTTP/1.1 400 No\r\n\r\n", ErrorKind::Refused),
        ("SSH-2.0-OpenSSH_9.2\r\n", ErrorKind::UnexpectedResponse),
        ("", ErrorKind::Lost),
    ] {
        let error = answered(answer.as_bytes()).await;
        assert_eq!(error.kind(), kind, "{answer}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_refusal_with_the_services_json_has_what_the_service_said() {
    let padding = "x".repeat(2000);
    let long = format!(r#"{{"message":"{padding}","errorCode":401002,"trackingId":"abc-1"}}"#);
    let (first, second) = long.split_at(1000);
    for answer in [
        format!("Content-Length: {}\r\n\r\n{long}", long.len()),
        format!(
            "Transfer-Encoding: chunked\r\n\r\n3e8\r\n{first}\r\n{:x}\r\n{second}\r\n0\r\n\r\n",
            second.len()
        ),
    ] {
        let (call, mut stream) = connecting(wss(), 1024).await;
        let answer = format!("HTTP/1.1 401 No\r\n{answer}");
        let (_, error) = tokio::join!(stream.write_all(answer.as_bytes()), call.error());
        assert_eq!(
            error.service().and_then(ServiceError::tracking_id),
            Some("abc-1"),
            "{error:?}"
        );
    }
    let (call, mut stream) = connecting(wss(), 1024).await;
    let body = r#"{"errorCode":401002,"trackingId":"abc-1"}"#;
    let answer = format!("HTTP/1.1 401 No\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    stream.write_all(answer.as_bytes()).await.expect("written");
    let error = call.error().await;
    assert_eq!(
        error.service().and_then(ServiceError::tracking_id),
        Some("abc-1"),
        "{error:?}"
    );
    let says = "the service answered 401 (error code 401002)";
    assert!(error_message(&error).contains(says), "{error:?}");
}

/// The error of a WebSocket whose request is answered with these bytes, and then the end.
async fn answered(answer: &[u8]) -> TransportError {
    let (call, mut stream) = connecting(wss(), 1024).await;
    let mut first = [0; 4];
    stream.read_exact(&mut first).await.expect("a request");
    assert_eq!(&first, b"GET ");
    stream.write_all(answer).await.expect("written");
    stream.shutdown().await.expect("closed");
    let error = call.error().await;
    assert_eq!(error.phase(), Some(Phase::Connect));
    error
}

#[tokio::test(start_paused = true)]
async fn a_refusal_without_the_services_json_is_laid_to_what_stands_in_between() {
    for (answer, expected) in [
        (
            "HTTP/1.1 403 Forbidden\r\nServer: squid/5.7\r\nContent-Type: text/html\r\n\r\n<html><head><title>Access \
             denied</title>",
            "403 \"Access denied\" (server \"squid/5.7\")",
        ),
        (
            "HTTP/1.1 302 Found\r\nLocation: http://portal.example/login\r\n\r\n",
            "302 \"Found\", which leads to \"http://portal.example/login\"",
        ),
        (
            "HTTP/1.1 502 Bad Gateway\r\n\r\n{\"error\":1}",
            "502 \"{\\\"error\\\":1}\"",
        ),
        ("HTTP/1.1 401 No\r\n\r\n", "401 \"No\""),
    ] {
        let error = answered(answer.as_bytes()).await;
        let expected = format!("the WebSocket was refused by a peer that answers HTTP: {expected}");
        assert_eq!(message(&error), expected);
        assert!(
            error.hint().contains("gateway, a proxy or a captive portal"),
            "{error:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_peer_of_another_protocol_is_named() {
    for (answer, expected, hint) in [
        (
            &b"\x20\x02\x00\x01"[..],
            "answers MQTT",
            "the port is for MQTT without a WebSocket: connect without one",
        ),
        (b"\x15\x03\x01\x00\x02\x02\x46", "answers TLS", "the port expects TLS"),
        (
            b"SSH-2.0-OpenSSH_9.2\r\n",
            "answers \"SSH-2.0-OpenSSH_9.2\"",
            "check the host",
        ),
    ] {
        let error = answered(answer).await;
        assert!(error.hint().starts_with(hint), "{error:?}");
        assert_eq!(error.kind(), ErrorKind::UnexpectedResponse);
        assert_eq!(
            message(&error),
            format!("the peer does not speak WebSocket: it {expected}")
        );
    }
    let error = answered(b"").await;
    assert_eq!(
        message(&error),
        "the connection ended during the WebSocket handshake: services end it like this when they refuse the credential"
    );
    assert!(Unanswered::source_of(&error).is_some());
    assert!(error.hint().ends_with("ends WebSockets"), "{error:?}");
    let error = answered(b"HTTP/1.1 1").await;
    assert!(
        Unanswered::source_of(&error).is_none(),
        "it answered something: {error:?}"
    );
    assert!(error.hint().contains("443 for WebSocket, 8883 for MQTT"), "{error:?}");
}
