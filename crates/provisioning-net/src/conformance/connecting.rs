//! What happens up to the byte stream.

use std::{pin::pin, sync::Mutex};

use provisioning_types::{ConnectionEvent, ErrorKind, Phase, Progress, TransportError};
use tokio::{io::AsyncReadExt, join, select};

use super::{
    Setup,
    drive::{Outcome, connect, read, rest, say, soon, write},
};
use crate::{connection_error::connection_error, connector::BoxedStream, target::Target};

/// A connector that opens connections reports the URIs that it tries, each once and in order, and nothing else. When
/// the service sees the connection, all of them are reported.
pub async fn each_attempt_is_reported_before_it_begins(start: impl Fn() -> Setup) {
    let Setup {
        connector,
        uri,
        attempts,
        mut service,
        ..
    } = start();
    let (reported, target) = (Mutex::new(Vec::new()), Target::new(&uri));
    let listener = |event| match event {
        ConnectionEvent::WaitingFor(_) | ConnectionEvent::GivenCa { .. } => {}
        event => reported.lock().expect("no panic").push(event),
    };
    let events = |uris: &[String]| -> Vec<_> {
        let uris = uris.iter().cloned();
        uris.map(|uri| ConnectionEvent::Connecting { uri }).collect()
    };
    let accepting = async {
        let connection = service.connection().await;
        let seen = reported.lock().expect("no panic").clone();
        assert_eq!(
            seen,
            events(&attempts),
            "what is reported when the service sees the connection"
        );
        service.accept(connection).await
    };
    let connecting = connector.connect(&target, Progress::new(&listener));
    let (_accepted, stream) = soon("a connection", async { join!(accepting, connecting) }).await;
    assert!(stream.is_ok(), "the connector connects: {:?}", stream.err());
    assert_eq!(
        *reported.lock().expect("no panic"),
        events(&attempts),
        "what is reported in the end"
    );
}

/// The attempts are reported all the same.
pub async fn a_service_that_cannot_be_reached_is_a_connect_error(start: impl Fn() -> Setup) {
    let Setup {
        connector,
        uri,
        attempts,
        service,
        ..
    } = start();
    drop(service);
    let reported = Mutex::new(Vec::new());
    let listener = |event| match event {
        ConnectionEvent::WaitingFor(_) | ConnectionEvent::GivenCa { .. } => {}
        event => reported.lock().expect("no panic").push(event),
    };
    let target = Target::new(&uri);
    let outcome = soon("the failure", connector.connect(&target, Progress::new(&listener))).await;
    let error = error(outcome, "to a service that cannot be reached");
    assert_eq!(
        error.kind(),
        ErrorKind::Connect,
        "the service cannot be reached: {error:?}"
    );
    assert_eq!(
        reported.lock().expect("no panic").len(),
        attempts.len(),
        "the attempts are reported"
    );
}

/// A connector without a handshake may connect; its stream ends then.
pub async fn a_connection_that_ends_during_the_handshake_is_an_error(start: impl Fn() -> Setup) {
    let Setup {
        connector,
        uri,
        mut service,
        ..
    } = start();
    let target = Target::new(&uri);
    let connecting = connector.connect(&target, Progress::ignored());
    let cutting = async { drop(service.connection().await) };
    let (outcome, ()) = soon("the failure", async { join!(connecting, cutting) }).await;
    match outcome {
        Ok(mut stream) => assert!(rest(&mut stream).await.0.is_empty(), "nothing arrives"),
        outcome => drop(error(outcome, "that is cut off")),
    }
}

/// The error of a connection, which has a phase and a kind that are about connections.
fn error(outcome: Outcome, which: &str) -> TransportError {
    let Some(error) = outcome.err() else {
        panic!("a connection {which} is made");
    };
    assert_eq!(
        error.phase(),
        Some(Phase::Connect),
        "the phase of a connection {which}: {error:?}"
    );
    assert!(
        !matches!(
            error.kind(),
            ErrorKind::Input | ErrorKind::InvalidOperation | ErrorKind::Cancelled
        ),
        "the kind of a connection {which}: {error:?}"
    );
    error
}

/// As soon as the service sees the connection: in a handshake, if there is one.
pub async fn a_dropped_connect_closes_the_connection(start: impl Fn() -> Setup) {
    let Setup {
        connector,
        uri,
        mut service,
        ..
    } = start();
    let target = Target::new(&uri);
    let mut connection = {
        let mut connecting = pin!(connector.connect(&target, Progress::ignored()));
        let seen = async {
            let mut connected = None;
            let mut incoming = pin!(service.connection());
            loop {
                select! {
                    biased;
                    connection = &mut incoming => break connection,
                    outcome = &mut connecting, if connected.is_none() => connected = Some(outcome),
                }
            }
        };
        soon("a connection", seen).await
    };
    let _ = soon(
        "the close of a connection whose `connect` was dropped",
        ended(&mut connection),
    )
    .await;
}

async fn ended(connection: &mut BoxedStream) -> std::io::Result<usize> {
    connection.read_to_end(&mut Vec::new()).await
}

/// Each carries its own bytes, and outlives the other.
pub async fn parallel_connects_are_independent(start: impl Fn() -> Setup) {
    let Setup {
        connector,
        uri,
        mut service,
        ..
    } = start();
    let target = Target::new(&uri);
    let accepting = async {
        // Both are open before either is accepted.
        let (one, other) = (service.connection().await, service.connection().await);
        (service.accept(other).await, service.accept(one).await)
    };
    let (one, other) = (
        connector.connect(&target, Progress::ignored()),
        connector.connect(&target, Progress::ignored()),
    );
    let connecting = async { join!(one, other, accepting) };
    let (one, other, accepted) = soon("two connections", connecting).await;
    let (mut one, mut other) = (one.expect("the first connects"), other.expect("the second connects"));
    let (mut its_peer, mut peer) = (accepted.0.stream, accepted.1.stream);
    write(&mut one, b"1").await;
    write(&mut other, b"2").await;
    let heard = (read(&mut peer, 1).await, read(&mut its_peer, 1).await);
    // The order in which a service sees two connections is not defined.
    match (&heard.0[..], &heard.1[..]) {
        (b"1", b"2") => {}
        (b"2", b"1") => std::mem::swap(&mut peer, &mut its_peer),
        _ => panic!("two connections carry each other's bytes: {heard:?}"),
    }
    drop(one);
    let _ = rest(&mut peer).await;
    say(&mut its_peer, &mut other, b"still").await;
    say(&mut other, &mut its_peer, b"here").await;
}

/// For connectors with [`Setup::with_certificate`]; without one in the target, none is presented.
pub async fn the_certificate_of_the_target_is_presented(start: impl Fn() -> Setup) {
    let mut setup = start();
    let (uri, Some(certificate)) = (setup.uri.clone(), setup.certificate.clone()) else {
        return;
    };
    for given in [Some(&certificate), None, Some(&certificate)] {
        let target = Target::new(&uri).with_certificate(given);
        let (_stream, accepted) = connect(&mut setup, &target).await;
        let expected = given.map(|certificate| certificate.chain()[0].clone());
        assert_eq!(
            accepted.certificate, expected,
            "the certificate that the service receives"
        );
    }
}

/// For connectors with [`Setup::with_messages`]. The error means [`ErrorKind::UnexpectedResponse`].
pub async fn a_message_above_the_limit_of_the_target_is_an_error(start: impl Fn() -> Setup) {
    const LIMIT: usize = 1000;
    let mut setup = start();
    if !setup.has_messages {
        return;
    }
    let uri = setup.uri.clone();
    let target = Target::new(&uri).with_max_message_size(LIMIT);
    let (mut device, mut accepted) = connect(&mut setup, &target).await;
    say(&mut accepted.stream, &mut device, &[1; LIMIT]).await;
    write(&mut accepted.stream, &[1; LIMIT + 1]).await;
    let (bytes, outcome) = rest(&mut device).await;
    assert!(bytes.is_empty(), "a message above the limit is read");
    let error = outcome.expect_err("a message above the limit is an error");
    assert_eq!(connection_error(error).kind(), ErrorKind::UnexpectedResponse);
}
