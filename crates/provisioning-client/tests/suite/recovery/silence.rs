//! A request or a handshake that is not answered is recovered from like a lost connection.

use std::sync::Arc;

use provisioning_client::{Policy, Recovery, RegistrationClient, StatusEvent};
use provisioning_types::{ErrorKind, Phase, WaitStep};

use crate::support::{
    OPERATION, Play, Script, Scripted, assert_is_cancelled, assigned, assigning, client_with, ended, fails, hangs,
    pass, request, seconds, spawn_register, told,
};

fn recovering(count: u32, script: impl Script) -> (RegistrationClient, Arc<Scripted>) {
    client_with(
        Policy::default().with_recovery(Recovery::lost_connections(count)),
        script,
    )
}

/// A flow that a NAT has forgotten between two polls.
#[tokio::test(start_paused = true)]
async fn an_unanswered_query_is_asked_again_on_a_new_connection() {
    let script = [
        Play::from(assigning()).connected(),
        hangs().waiting_for(WaitStep::Delivery),
        Play::from(assigned()).connected(),
    ];
    let (client, transport) = recovering(1, script);
    let mut events = client.events();
    let assignment = client.register(request()).await.unwrap();
    assert_eq!(assignment.operation_id(), Some(OPERATION));
    let query = |at: u64| format!("{at} s: query {OPERATION}");
    // The silent connection is closed first; then comes the back-off.
    assert_eq!(
        transport.calls(),
        ["0 s: register", &query(2), "32 s: abort", &query(34)]
    );
    let told = told(&mut events).await;
    let Some(StatusEvent::Recovering {
        attempt: 1,
        retry_in,
        cause,
        ..
    }) = told.iter().find(|event| event.name() == "recovering")
    else {
        panic!("{told:?}");
    };
    assert_eq!((*retry_in, cause.kind()), (seconds(2), ErrorKind::Timeout));
    let expected = "no PUBACK or response from service.example:8883 within 30 s, the limit of one request";
    assert_eq!(cause.to_string(), expected);
}

#[tokio::test(start_paused = true)]
async fn an_unanswered_handshake_or_registration_request_is_tried_again() {
    for silent in [
        hangs(),
        hangs().connecting().waiting_for(WaitStep::Tls),
        hangs().connecting().waiting_for(WaitStep::WebSocket),
        hangs().connecting().waiting_for(WaitStep::Connack),
        hangs().connecting().waiting_for(WaitStep::Suback),
        hangs().connected().waiting_for(WaitStep::Delivery),
        hangs().connected().waiting_for(WaitStep::Response),
    ] {
        let (client, transport) = recovering(1, [silent, Play::from(assigned()).connected()]);
        client.register(request()).await.unwrap();
        assert_eq!(transport.calls(), ["0 s: register", "30 s: abort", "32 s: register"]);
    }
}

/// The transport gave a handshake up by itself.
#[tokio::test(start_paused = true)]
async fn a_transports_own_timeout_counts_as_silence() {
    let (client, transport) = recovering(1, [fails(ErrorKind::Timeout).connecting(), assigned().into()]);
    client.register(request()).await.unwrap();
    assert_eq!(transport.calls(), ["0 s: register", "0 s: abort", "2 s: register"]);
}

#[tokio::test(start_paused = true)]
async fn with_recovery_used_up_or_off_silence_stays_a_timeout() {
    for allowed in 0..3 {
        let silent = (0..10).map(|_| hangs().waiting_for(WaitStep::Delivery));
        let (client, transport) = recovering(allowed, [Play::from(assigning())].into_iter().chain(silent));
        let error = client.register(request()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Timeout);
        assert_eq!(error.operation_id(), Some(OPERATION));
        let calls = transport.calls();
        let queries = calls.iter().filter(|call| call.contains("query")).count();
        assert_eq!(queries, usize::try_from(allowed).unwrap() + 1, "{calls:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn silence_is_not_recovered_from_past_the_registrations_limit() {
    let policy = Policy::default()
        .with_recovery(Recovery::lost_connections(u32::MAX))
        .with_registration_timeout(seconds(100));
    let silent = (0..100).map(|_| hangs().connected().waiting_for(WaitStep::Delivery));
    let (client, transport) = client_with(policy, silent);
    let error = client.register(request()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
    assert!(transport.started().elapsed() <= seconds(100));
    assert_eq!(transport.in_flight(), 0);
}

/// Before the first connection nothing was lost; a silent port is no lost connection.
#[tokio::test(start_paused = true)]
async fn a_first_connection_without_tcp_is_not_recovered_from_and_one_on_the_way_back_counts() {
    let (client, transport) = recovering(5, [hangs().connecting().waiting_for(WaitStep::Tcp)]);
    let error = client.register(request()).await.unwrap_err();
    assert_eq!((error.kind(), error.phase()), (ErrorKind::Connect, Phase::Connect));
    assert_eq!(transport.calls(), ["0 s: register"]);

    let script = [
        Play::from(assigning()),
        fails(ErrorKind::Lost),
        hangs().connecting().waiting_for(WaitStep::Tcp),
        Play::from(assigned()).connected(),
    ];
    let (client, transport) = recovering(2, script);
    client.register(request()).await.unwrap();
    assert_eq!(transport.calls().len(), 5, "{:?}", transport.calls());
}

#[tokio::test(start_paused = true)]
async fn the_operation_is_asked_for_not_earlier_than_the_service_said() {
    let script = [Play::from(assigning().retry_after(100)), hangs(), assigned().into()];
    let (client, transport) = recovering(1, script);
    client.register(request()).await.unwrap();
    assert_eq!(transport.started().elapsed(), seconds(132));
}

#[tokio::test(start_paused = true)]
async fn a_registration_that_recovers_from_silence_can_be_cancelled_and_followed() {
    let (client, transport) = recovering(1, [hangs().connected()]);
    let registration = spawn_register(&client);
    pass(31).await;
    client.cancel().await.unwrap();
    assert_is_cancelled(ended(registration).await);
    transport.now([assigned()]);
    client.register(request()).await.unwrap();
    assert_eq!(
        transport.calls(),
        ["0 s: register", "30 s: abort", "31 s: cancel", "31 s: register"]
    );
}
