//! The opening handshake: what is sent, what is accepted, and what becomes of everything else.

use std::{error::Error, io, time::Duration};

use provisioning_websocket::{Handshake, HandshakeError, connect};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_tungstenite::tungstenite::{
    Message,
    handshake::server::{Request, Response},
};

use crate::peer::{BINARY, EndsBadly, FIN, Peer, frame, has_cause, header, pair, soon, switching};

fn mqtt() -> Handshake {
    Handshake::new("example.org", "/$iothub/websocket").with_subprotocol("mqtt")
}

/// Connects to a server that reads the request, sends what `answer` makes of it, and hangs up.
async fn answered(handshake: Handshake, answer: impl FnOnce(&str) -> String) -> Result<(), HandshakeError> {
    let (near, mut peer) = pair(65536);
    let serving = async move {
        let request = peer.read_request().await;
        peer.send(answer(&request)).await;
    };
    soon(async { tokio::join!(connect(near, &handshake), serving) })
        .await
        .0
        .map(drop)
}

fn refused(error: HandshakeError) -> (u16, String, Option<String>) {
    match error {
        HandshakeError::Refused {
            status,
            reason,
            location,
            ..
        } => (status, reason, location),
        other => panic!("not a refusal: {other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn the_request_names_host_path_version_and_sub_protocol() {
    let (near, mut peer) = pair(4096);
    let _connecting = tokio::spawn(async move { connect(near, &mqtt()).await.map(drop) });
    let request = soon(peer.read_request()).await;
    assert!(
        request.starts_with("GET /$iothub/websocket HTTP/1.1\r\nHost: example.org\r\n"),
        "{request}"
    );
    assert_eq!(header(&request, "Upgrade"), Some("websocket"));
    assert_eq!(header(&request, "Connection"), Some("Upgrade"));
    assert_eq!(header(&request, "Sec-WebSocket-Version"), Some("13"));
    assert_eq!(header(&request, "Sec-WebSocket-Protocol"), Some("mqtt"));
}

#[tokio::test(start_paused = true)]
async fn every_request_has_its_own_key() {
    let mut keys = Vec::new();
    for _ in 0..2 {
        let keep_key = |request: &str| {
            keys.push(header(request, "Sec-WebSocket-Key").unwrap().to_owned());
            switching(request, "")
        };
        answered(Handshake::new("h", "/"), keep_key).await.unwrap();
    }
    assert!(
        keys.iter().all(|key| key.len() == 24),
        "sixteen bytes in base64: {keys:?}"
    );
    assert_ne!(keys[0], keys[1]);
}

#[tokio::test(start_paused = true)]
async fn an_independent_server_and_this_client_understand_each_other() {
    let (near, peer) = pair(4096);
    #[allow(clippy::result_large_err, reason = "the type is tungstenite's")]
    let agree = |request: &Request, mut response: Response| {
        let protocol = request.headers()["Sec-WebSocket-Protocol"].clone();
        response.headers_mut().insert("Sec-WebSocket-Protocol", protocol);
        Ok(response)
    };
    let handshake = mqtt();
    let (server, client) = soon(async {
        tokio::join!(
            tokio_tungstenite::accept_hdr_async(peer.0, agree),
            connect(near, &handshake)
        )
    })
    .await;
    let (mut server, mut client) = (server.unwrap(), client.unwrap());

    client.write_all(b"ping").await.unwrap();
    client.flush().await.unwrap();
    let received = futures_util::StreamExt::next(&mut server).await.unwrap().unwrap();
    assert_eq!(received, Message::binary(&b"ping"[..]));
    futures_util::SinkExt::send(&mut server, Message::binary(&b"pong"[..]))
        .await
        .unwrap();
    let mut answer = [0; 4];
    client.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"pong");
}

#[tokio::test(start_paused = true)]
async fn an_answer_may_come_byte_by_byte() {
    let (near, mut peer) = pair(4096);
    let serving = async {
        let request = peer.read_request().await;
        for byte in switching(&request, "X-Padding: more reads than a suspicious reader tolerates\r\n").bytes() {
            peer.send([byte]).await;
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    let handshake = Handshake::new("h", "/");
    let (connected, ()) = soon(async { tokio::join!(connect(near, &handshake), serving) }).await;
    connected.unwrap();
}

#[tokio::test(start_paused = true)]
async fn frames_that_arrive_together_with_the_answer_are_not_lost() {
    let (near, mut peer) = pair(4096);
    let serving = async {
        let request = peer.read_request().await;
        peer.send(
            [
                switching(&request, "").as_bytes(),
                &frame(FIN | BINARY, "first"),
                &[FIN | BINARY],
            ]
            .concat(),
        )
        .await;
        peer
    };
    let handshake = Handshake::new("h", "/");
    let (connected, mut peer) = soon(async { tokio::join!(connect(near, &handshake), serving) }).await;
    peer.send(b"\x06second").await;
    let mut received = [0; 11];
    soon(connected.unwrap().read_exact(&mut received)).await.unwrap();
    assert_eq!(&received, b"firstsecond");
}

#[tokio::test(start_paused = true)]
async fn header_names_lists_and_case_are_read_as_http_has_them() {
    let loosely = |request: &str| {
        switching(request, "sec-websocket-protocol: mqtt\r\n")
            .replace("Upgrade: websocket", "UPGRADE:WebSocket")
            .replace(
                "Connection: Upgrade",
                "connection: keep-alive\r\nConnection: x, uPGRADE",
            )
    };
    answered(mqtt(), loosely).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_breaks_rfc_6455_is_a_protocol_error_that_names_the_rule() {
    type Answer = fn(&str) -> String;
    let good = |request: &str| switching(request, "Sec-WebSocket-Protocol: mqtt\r\n");
    answered(mqtt(), good).await.unwrap();

    let broken: [(Answer, &str); 14] = [
        (
            |r| switching(r, "").replace("Upgrade: websocket\r\n", ""),
            "`Upgrade` is",
        ),
        (|r| switching(r, "").replace("websocket\r\n", "h2c\r\n"), "`Upgrade` is"),
        (
            |r| switching(r, "").replace("Connection: Upgrade\r\n", ""),
            "`Connection` is",
        ),
        (
            |r| switching(r, "").replace("Connection: Upgrade", "Connection: close"),
            "`Connection` is",
        ),
        (
            |r| switching(r, "").replace("Sec-WebSocket-Accept: ", "X-Accept: "),
            "`Sec-WebSocket-Accept` is",
        ),
        (
            |r| switching(r, "").replace("Sec-WebSocket-Accept: ", "Sec-WebSocket-Accept: x"),
            "`Sec-WebSocket-Accept` is",
        ),
        (
            |r| switching(r, ""),
            r#"`Sec-WebSocket-Protocol` is "" instead of "mqtt""#,
        ),
        (
            |r| switching(r, "Sec-WebSocket-Protocol: amqp\r\n"),
            r#"`Sec-WebSocket-Protocol` is "amqp" instead of "mqtt""#,
        ),
        (
            |r| switching(r, "Sec-WebSocket-Protocol: mqtt, amqp\r\n"),
            "`Sec-WebSocket-Protocol` is",
        ),
        (
            |r| {
                switching(
                    r,
                    "Sec-WebSocket-Protocol: mqtt\r\nSec-WebSocket-Extensions: permessage-deflate; x\r\n",
                )
            },
            "permessage-deflate",
        ),
        (|_| "SSH-2.0-OpenSSH_9.7\r\n".to_owned(), "SSH-2.0-OpenSSH_9.7"),
        (|_| "\u{15}\u{3}\u{3}\0\u{2}\u{2}\u{16}".to_owned(), "no HTTP answer"),
        (
            |_| format!("HTTP/1.1 101 Yes\r\nX-Long: {}", "x".repeat(20_000)),
            "longer than 16384",
        ),
        (
            |_| format!("HTTP/1.1 101 Yes\r\n{}\r\n", "X: y\r\n".repeat(200)),
            "too many headers",
        ),
    ];
    for (answer, rule) in broken {
        let error = answered(mqtt(), answer).await.unwrap_err();
        assert!(matches!(error, HandshakeError::Protocol(_)), "{rule}: {error:?}");
        let source = error.source().unwrap().to_string();
        assert!(source.contains(rule), "{source} does not name {rule}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_sub_protocol_that_nobody_asked_for_is_a_protocol_error() {
    let error = answered(Handshake::new("h", "/"), |r| {
        switching(r, "Sec-WebSocket-Protocol: mqtt\r\n")
    })
    .await;
    assert!(matches!(error, Err(HandshakeError::Protocol(_))), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn any_other_status_is_a_refusal_with_its_reason() {
    for (line, status, reason) in [
        ("HTTP/1.1 401 Unauthorized", 401, "Unauthorized"),
        ("HTTP/1.1 403 Forbidden", 403, "Forbidden"),
        ("HTTP/1.1 404 Not Found Here", 404, "Not Found Here"),
        ("HTTP/1.1 503", 503, "no reason given"),
        ("HTTP/1.0 502 Bad Gateway", 502, "Bad Gateway"),
        ("HTTP/1.1 200 OK", 200, "OK"),
    ] {
        let answer = format!("{line}\r\nContent-Length: 0\r\n\r\n");
        let error = answered(mqtt(), |_| answer).await.unwrap_err();
        assert!(error.to_string().contains(&status.to_string()), "{error}");
        assert_eq!(refused(error), (status, reason.to_owned(), None));
    }
}

#[tokio::test(start_paused = true)]
async fn a_redirect_says_where_it_points() {
    let answer = "HTTP/1.1 302 Found\r\nLocation: https://example.net/a,b\r\nContent-Length: 0\r\n\r\n";
    let error = answered(mqtt(), |_| answer.to_owned()).await.unwrap_err();
    assert_eq!(
        refused(error),
        (302, "Found".to_owned(), Some("https://example.net/a,b".to_owned()))
    );
}

#[tokio::test(start_paused = true)]
async fn the_body_of_a_refusal_is_its_reason() {
    for (headers_and_body, reason) in [
        ("Content-Length: 6\r\n\r\nno way", "no way"),
        ("Content-Length: 6\r\n\r\nno wayHTTP/1.1 200 OK", "no way"),
        ("\r\nuntil the end", "until the end"),
        ("Content-Length: 11\r\n\r\n\x1b[2J\r\n<p>no", "[2J <p>no"),
        ("Content-Length: 2\r\n\r\n\r\n", "Forbidden"),
        (
            "Transfer-Encoding: chunked\r\n\r\n6\r\nno way\r\n0\r\n\r\n",
            "Forbidden",
        ),
    ] {
        let error = answered(mqtt(), |_| format!("HTTP/1.1 403 Forbidden\r\n{headers_and_body}"))
            .await
            .unwrap_err();
        assert_eq!(refused(error).1, reason, "{headers_and_body:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn only_the_beginning_of_a_long_body_is_read_and_kept() {
    let (near, mut peer) = pair(600);
    let serving = async {
        peer.read_request().await;
        peer.send("HTTP/1.1 500 Oops\r\nContent-Length: 100000\r\n\r\n").await;
        // Fails once the client has left, which is long before the end.
        peer.0.write_all(&[b'x'; 100_000]).await
    };
    let handshake = mqtt();
    let (connected, sent) = soon(async { tokio::join!(connect(near, &handshake), serving) }).await;
    assert_eq!(refused(connected.unwrap_err()).1, "x".repeat(512) + "…");
    assert_eq!(sent.unwrap_err().kind(), io::ErrorKind::BrokenPipe);
}

#[tokio::test(start_paused = true)]
async fn the_body_of_a_refusal_may_come_late_but_is_not_waited_for_for_long() {
    for (pause, reason) in [(500, "no way"), (5000, "Forbidden")] {
        let (near, mut peer) = pair(4096);
        let serving = async {
            peer.read_request().await;
            peer.send("HTTP/1.1 403 Forbidden\r\nContent-Length: 6\r\n\r\n").await;
            tokio::time::sleep(Duration::from_millis(pause)).await;
            let _ = peer.0.write_all(b"no way").await;
        };
        let handshake = mqtt();
        let (connected, ()) = soon(async { tokio::join!(connect(near, &handshake), serving) }).await;
        assert_eq!(refused(connected.unwrap_err()).1, reason);
    }
}

#[tokio::test(start_paused = true)]
async fn the_end_of_the_stream_before_the_answer_is_an_unexpected_end() {
    for start in [
        "",
        "HTTP/1.1 101 Switching Proto",
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n",
    ] {
        match answered(mqtt(), |_| start.to_owned()).await {
            Err(HandshakeError::Io(error)) => assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof),
            other => panic!("{start:?}: {other:?}"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_error_of_the_stream_keeps_its_source() {
    let (near, mut peer) = pair(4096);
    let handshake = mqtt();
    let hang_up = async move { drop(peer.read_request().await) };
    let (read_failed, ()) = soon(async { tokio::join!(connect(EndsBadly(near), &handshake), hang_up) }).await;
    let (near, Peer(far)) = pair(4096);
    drop(far);
    let write_failed = soon(connect(EndsBadly(near), &handshake)).await;
    for result in [read_failed, write_failed] {
        match result {
            Err(HandshakeError::Io(error)) => assert!(has_cause(&error), "{error:?}"),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_takes_no_bytes_is_an_error_and_no_panic() {
    let full = io::Cursor::new(&mut [][..]);
    let failed = soon(connect(tokio::io::join(tokio::io::empty(), full), &mqtt())).await;
    match failed {
        Err(HandshakeError::Io(error)) => assert_eq!(error.kind(), io::ErrorKind::WriteZero),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_is_sent_for_a_host_path_or_sub_protocol_that_http_cannot_carry() {
    for (handshake, what) in [
        (Handshake::new("h\r\nX: y", "/"), "host"),
        (Handshake::new("h", "no slash"), "path"),
        (Handshake::new("h", "/").with_subprotocol("a b"), "sub-protocol"),
    ] {
        let (near, mut peer) = pair(4096);
        match soon(connect(near, &handshake)).await {
            Err(HandshakeError::InvalidInput { name, .. }) => assert_eq!(name, what),
            other => panic!("{what}: {other:?}"),
        }
        assert_eq!(soon(peer.read_rest()).await, b"");
    }
}

#[tokio::test(start_paused = true)]
async fn dropping_the_handshake_closes_the_stream() {
    let (near, mut peer) = pair(4096);
    let handshake = mqtt();
    let given_up = tokio::time::timeout(Duration::from_secs(1), connect(near, &handshake)).await;
    assert!(given_up.is_err(), "nobody answered");
    peer.read_request().await;
    assert_eq!(soon(peer.read_rest()).await, b"");
}
