//! Which connection a request uses, and one request at a time.

use futures_util::FutureExt;
use provisioning_types::{
    ApiVersion, ErrorKind, Host, IdScope, PollingTransport, Progress, RegistrationId, RegistrationRequest, Request,
};
use serde_json::json;
use test_support::{request_of, settle};

use crate::support::{
    bodies::{ASSIGNED, ASSIGNING},
    device::{Asked, Device, endpoint, request},
    peer::Peer,
};

#[tokio::test(start_paused = true)]
async fn a_standing_connection_is_used_again() {
    let (device, mut peer) = Device::connected().await;
    for asked in Asked::BOTH {
        // What is asked there makes no difference.
        let call = device.ask(asked, request().with_payload(json!(1)).with_force_registration(true));
        let request = peer.request().await;
        peer.answer(&request, "202", ASSIGNING).await;
        call.success().await;
    }
    assert!(device.made_no_connection().await);
}

#[tokio::test(start_paused = true)]
async fn a_request_after_an_idle_loss_makes_a_new_connection() {
    for asked in Asked::BOTH {
        let (device, peer) = Device::connected().await;
        drop(peer);
        device.lost().await;
        let call = device.ask(asked, request());
        let mut peer = device.peer().await;
        peer.welcome().await;
        let request = peer.request().await;
        peer.answer(&request, "202", ASSIGNING).await;
        call.success().await;
        assert!(device.transport.connection_lost().now_or_never().is_none());
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_after_one_that_was_lost_makes_a_new_connection() {
    for asked in Asked::BOTH {
        let (device, mut peer) = Device::connected().await;
        let lost = device.ask(asked, request());
        peer.request().await;
        drop(peer);
        assert_eq!(lost.error().await.kind(), ErrorKind::Lost);
        device.connect().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_for_another_identity_or_place_leaves_the_connection_and_makes_a_new_one() {
    let other_port = endpoint().with_port(18883).expect("a port");
    let other_name = endpoint().with_server_name(Host::new("other.test").expect("a name"));
    for other in [
        request_of("device-2"),
        RegistrationRequest::new(
            IdScope::new("0neFFFFFFFF").expect("an id scope"),
            RegistrationId::new("device-1").expect("an id"),
        ),
        request().with_api_version(ApiVersion::new("2021-10-01").expect("a version")),
        request().with_endpoint(other_port.clone()),
        request().with_endpoint(other_name.clone()),
    ] {
        let (device, mut first) = Device::connected().await;
        let call = device.register_with(other.clone());
        first.left().await;
        let mut second = device.peer().await;
        let connect = second.welcome().await;
        assert_eq!(connect.client_id, other.registration_id().as_str());
        answer(&mut second).await;
        call.success().await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_that_is_the_transports_own_needs_no_new_connection() {
    let (device, mut peer) = Device::connected().await;
    let call = device.register_with(request().with_endpoint(endpoint()));
    answer(&mut peer).await;
    call.success().await;
}

#[tokio::test(start_paused = true)]
async fn a_second_request_is_an_invalid_operation_and_the_first_is_unharmed() {
    let device = Device::new();
    let first = device.register();
    let mut peer = device.peer().await;
    second_is_refused(&device).await;
    peer.accept().await;
    let subscribe = peer.subscription().await;
    second_is_refused(&device).await;
    peer.grant(&subscribe).await;
    let request = peer.request().await;
    second_is_refused(&device).await;
    peer.acknowledge(&request).await;
    settle().await;
    second_is_refused(&device).await;
    peer.answer(&request, "200", ASSIGNED).await;
    assert_eq!(first.success().await.body(), ASSIGNED.as_bytes());
    let next = device.query("4.op");
    answer(&mut peer).await;
    next.success().await;
}

async fn second_is_refused(device: &Device) {
    for asked in Asked::BOTH {
        let (request, transport) = (request_of("device-2"), &*device.transport);
        let outcome = asked.of(transport, &request).now_or_never();
        let error = outcome.expect("at once").expect_err("refused");
        assert_eq!(error.kind(), ErrorKind::InvalidOperation);
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_that_was_refused_as_the_second_may_come_after_the_first_was_dropped() {
    let (device, mut peer) = Device::connected().await;
    let request = request();
    let mut first = device.transport.send(&request, &Request::Register, Progress::ignored());
    assert!((&mut first).now_or_never().is_none());
    second_is_refused(&device).await;
    drop(first);
    let next = device.query("4.op");
    answer(&mut peer).await;
    next.success().await;
}

#[tokio::test(start_paused = true)]
async fn two_devices_in_one_process_have_nothing_in_common() {
    let (one, other) = (Device::new(), Device::new());
    let (first, second) = (one.register(), other.register_with(request_of("device-2")));
    let (mut at_one, mut at_other) = (one.peer().await, other.peer().await);
    for (peer, id) in [(&mut at_one, "device-1"), (&mut at_other, "device-2")] {
        assert_eq!(peer.welcome().await.client_id, id);
    }
    let (asked, _) = (at_one.request().await, at_other.request().await);
    at_other.answer(&asked, "200", ASSIGNED).await;
    one.cancel().await;
    assert_eq!(first.error().await.kind(), ErrorKind::Cancelled);
    settle().await;
    assert!(!second.is_finished());
}

async fn answer(peer: &mut Peer) {
    let request = peer.request().await;
    peer.answer(&request, "202", ASSIGNING).await;
}
