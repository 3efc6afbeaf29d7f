//! A connection that ends in the TLS handshake is lost: TLS itself did not fail.

use futures_util::FutureExt;
use provisioning_net::{Connector, FallbackConnector, Target, TlsConnector};
use provisioning_types::{ErrorKind, Phase, Progress};
use rustls::server::Acceptor;
use test_support::{
    in_memory, listen, soon,
    tls::{BOTH_VERSIONS, Ca},
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_rustls::LazyConfigAcceptor;

use super::{
    device::Device,
    server::{Server, trusting},
};
use crate::support::{endpoint, mqtts, words::message};

#[tokio::test(start_paused = true)]
async fn the_end_of_the_stream_in_the_handshake_is_a_lost_connection() {
    // At once, and in the middle of a record.
    for answer in [&b""[..], &[0x16, 3, 3, 1, 0, 2]] {
        let device = Device::new(trusting(&Ca::root()), None);
        let call = device.connect();
        let mut stream = device.stream().await;
        soon("ClientHello", stream.read_u8()).await.expect("the stream works");
        stream.write_all(answer).await.expect("the stream works");
        drop(stream);
        let error = call.error().await;
        assert_eq!((error.kind(), error.phase()), (ErrorKind::Lost, Some(Phase::Connect)));
        assert!(message(&error).contains("during the TLS handshake"), "{error}");
    }
}

#[tokio::test]
async fn a_reset_in_the_handshake_is_a_lost_connection() {
    let (listener, endpoint) = listen().await;
    let resetting = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.expect("a connection");
        // ClientHello stays unread, so closing the socket resets the connection.
        stream.readable().await.expect("the stream works");
    });
    let uri = mqtts(endpoint);
    let connector = TlsConnector::new(trusting(&Ca::root()));
    let outcome = soon("an outcome", connector.connect(&Target::new(&uri), Progress::ignored())).await;
    resetting.await.expect("no panic");
    let error = outcome.err().expect("a reset");
    assert_eq!((error.kind(), error.phase()), (ErrorKind::Lost, Some(Phase::Connect)));
}

#[tokio::test(start_paused = true)]
async fn a_handshake_that_is_cut_off_is_followed_by_the_second_route() {
    let ((inner, incoming), (second, _service)) = (in_memory(), in_memory());
    let connector = FallbackConnector::new(TlsConnector::over(inner, trusting(&Ca::root())), second);
    let uri = mqtts(endpoint());
    let target = Target::new(&uri);
    let cutting = async { drop(incoming.next().await) };
    let (outcome, ()) = tokio::join!(connector.connect(&target, Progress::ignored()), cutting);
    outcome.expect("the second route");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_leaves_without_an_alert_may_not_accept_the_certificate_that_was_presented() {
    for version in BOTH_VERSIONS {
        for (with_certificate, words) in [(true, "device's certificate is enrolled"), (false, "check the port")] {
            let server = Server::new(version);
            let certificate = with_certificate.then(|| server.ca.client_certificate());
            let device = Device::new(server.trust(), certificate);
            let call = device.connect();
            let accepting = LazyConfigAcceptor::new(Acceptor::default(), device.stream().await);
            let accepting = soon("ClientHello", accepting).await.expect("the stream works");
            // The server writes its messages and is gone when the device answers.
            let accepted = accepting.into_stream(server.acceptor.config().clone()).now_or_never();
            assert!(accepted.is_none(), "the device has not answered");
            let error = call.error().await;
            assert_eq!(error.kind(), ErrorKind::Lost, "{error}");
            assert_eq!(error.to_string(), "the connection ended during the TLS handshake");
            assert!(error.hint().contains(words), "{}", error.hint());
        }
    }
}
