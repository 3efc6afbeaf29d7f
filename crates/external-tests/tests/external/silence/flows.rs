//! Connections that die without a reset: a NAT drops its entry, or only one side still has the connection.

use std::collections::BTreeSet;

use provisioning_emulator::{Direction, Effect, Emulator, Fault, LogEntry, LogKind, Step};
use tokio::net::TcpListener;

use super::{
    namespace::{Flow, NAME},
    site::{Registration, Site, Transport, is, late, over_both},
};

/// Whether an entry is the response to the first query: the second response.
fn first_poll_is_answered() -> impl FnMut(&LogEntry) -> bool {
    let mut responses = 0;
    move |entry| {
        responses += u32::from(entry.kind == LogKind::Publish && entry.direction == Direction::Out);
        responses == 2
    }
}

/// Registers, and discards the packets of the connection between the first two queries.
async fn dropped_between_two_polls(site: &Site, transport: Transport, words: &[&str]) -> Registration {
    let words = [&["--operation-timeout", "3"], words].concat();
    site.register_until(first_poll_is_answered(), transport, &words).await
}

async fn polled_site() -> Site {
    Site::start_with(Emulator::builder().polls_before_assigning(3)).await
}

#[tokio::test]
#[ignore = "needs root and iproute2: cargo xtask external"]
async fn a_flow_that_is_dropped_between_two_polls_is_recovered_by_operation_id() {
    over_both(async |transport| {
        let site = polled_site().await;
        let registration = dropped_between_two_polls(&site, transport, &["--recover", "3"]).await;
        registration.assert_assigned();
        let log = site.dps.log();
        let topics = || {
            let packets = log
                .of(LogKind::Publish)
                .filter(|entry| entry.direction == Direction::In);
            packets.filter_map(|entry| entry.topic.as_deref())
        };
        let requests = topics().filter(|topic| topic.contains("iotdps-register")).count();
        assert_eq!(requests, 1, "{transport:?}:\n{log}");
        let operations: BTreeSet<_> = topics()
            .filter_map(|topic| topic.split_once("operationId="))
            .map(|(_, operation)| operation)
            .collect();
        assert_eq!(operations.len(), 1, "{transport:?}:\n{log}");
        assert_eq!(log.of(LogKind::ConnAck).count(), 2, "{transport:?}:\n{log}");
    })
    .await;
}

#[tokio::test]
#[ignore = "needs root and iproute2: cargo xtask external"]
async fn without_recovery_it_is_a_timeout_that_names_the_step_the_peer_and_the_limit() {
    over_both(async |transport| {
        let site = polled_site().await;
        let registration = dropped_between_two_polls(&site, transport, &[]).await;
        let message = format!(
            "no PUBACK or response from {} within 3 s, the limit of one request",
            transport.peer()
        );
        registration.assert_failed(5, "timeout", &[&message], &["NAT", "--recover"]);
        registration.assert_took(4.0, 9.0);
    })
    .await;
}

#[tokio::test]
#[ignore = "needs root and iproute2: cargo xtask external"]
async fn a_flow_that_is_dropped_in_a_long_wait_is_lost_when_a_ping_is_not_answered() {
    over_both(async |transport| {
        let throttled = Effect::Refuse {
            code: Some(429),
            retry_after: Some(60),
        };
        let fault = Fault::new(throttled, Step::Answer).expect("a fault");
        let site = Site::start_with(Emulator::builder().fault(fault)).await;
        let accept = |entry: &LogEntry| entry.kind == LogKind::Publish && entry.direction == Direction::Out;
        let registration = site.register_until(accept, transport, &["--keep-alive", "2"]).await;
        registration.assert_failed(4, "lost", &["ping"], &[]);
        registration.assert_took(2.0, 10.0);
    })
    .await;
}

/// The service's side of the connection never answers, and nothing passes after TCP has connected.
#[tokio::test]
#[ignore = "needs root and iproute2: cargo xtask external"]
async fn a_connection_that_dies_once_it_is_accepted_is_a_timeout_of_the_tls_handshake() {
    over_both(async |transport| {
        let site = Site::start().await;
        let listener = TcpListener::bind((site.network.service(), 0)).await.expect("a port");
        let host = format!("{NAME}:{}", listener.local_addr().expect("an address").port());
        let discarding = async {
            let accepted = listener.accept().await.expect("a connection");
            site.network.discard(Flow::DevicePort(accepted.1.port()));
            accepted
        };
        let registering = site.register_at(&host, transport, &["--operation-timeout", "3"]);
        let (registration, _open) = tokio::join!(registering, discarding);
        registration.assert_failed(5, "timeout", &["TLS handshake", &host, "within 3 s"], &["MTU"]);
        registration.assert_took(3.0, 6.0);
    })
    .await;
}

/// Registers and discards the packets of the connection when the emulator's log has an entry of this kind.
async fn dropped_at(transport: Transport, step: Step, entry: LogKind, words: &str) {
    let builder = Emulator::builder().fault(late(step)).fault(late(Step::Answer));
    let site = Site::start_with(builder).await;
    let registration = site
        .register_until(is(entry), transport, &["--operation-timeout", "3"])
        .await;
    let message = format!(
        "no {words} from {} within 3 s, the limit of one request",
        transport.peer()
    );
    registration.assert_failed(5, "timeout", &[&message], &["MTU"]);
    registration.assert_took(3.0, 6.0);
}

#[tokio::test]
#[ignore = "needs root and iproute2: cargo xtask external"]
async fn a_connection_that_dies_after_connack_is_a_timeout_of_suback() {
    over_both(|transport| dropped_at(transport, Step::Suback, LogKind::Subscribe, "SUBACK")).await;
}

#[tokio::test]
#[ignore = "needs root and iproute2: cargo xtask external"]
async fn a_connection_that_dies_after_suback_is_a_timeout_of_the_delivery() {
    over_both(|transport| dropped_at(transport, Step::Puback, LogKind::Publish, "PUBACK or response")).await;
}

#[tokio::test]
#[ignore = "needs root and iproute2: cargo xtask external"]
async fn a_handshake_that_dies_is_made_again_on_a_new_connection() {
    over_both(async |transport| {
        let builder = Emulator::builder().polls_before_assigning(0).fault(late(Step::Suback));
        let site = Site::start_with(builder).await;
        let words = ["--operation-timeout", "3", "--recover", "3"];
        let registration = site.register_until(is(LogKind::Subscribe), transport, &words).await;
        registration.assert_assigned();
        assert_eq!(site.dps.log().of(LogKind::ConnAck).count(), 2, "{}", site.dps.log());
    })
    .await;
}
