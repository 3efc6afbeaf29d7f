//! Waiting for the network: the first connection is tried again while the policy allows it.

use std::time::Duration;

use provisioning_client::{FailureReason, Policy, Recovery, StatusEvent};
use provisioning_types::{ErrorKind, Phase, WaitStep};

use crate::support::{
    Play, assigned, assigning, client, client_with, fails, hangs, names_told, request, seconds, told,
};

fn waiting(limit: u64) -> Policy {
    Policy::default().with_wait_for_network(seconds(limit))
}

fn no_network() -> Play {
    fails(ErrorKind::Connect).connecting()
}

#[tokio::test(start_paused = true)]
async fn the_first_connection_is_tried_again_until_the_network_is_there() {
    let script = [no_network(), no_network(), Play::from(assigned()).connected()];
    let (client, transport) = client_with(waiting(60), script);
    let mut events = client.events();
    client.register(request()).await.unwrap();
    let told = told(&mut events).await;
    let waits: Vec<_> = told
        .iter()
        .filter_map(|event| match event {
            StatusEvent::WaitingForNetwork {
                attempt,
                retry_in,
                cause,
                ..
            } => Some((*attempt, *retry_in, cause.kind())),
            _ => None,
        })
        .collect();
    let [(1, first, ErrorKind::Connect), (2, second, ErrorKind::Connect)] = waits[..] else {
        panic!("{told:?}");
    };
    assert!((seconds(3)..=seconds(4)).contains(&first), "{first:?}");
    assert!((seconds(6)..=seconds(8)).contains(&second), "{second:?}");
    // The clock has whole milliseconds.
    let late = transport.started().elapsed() - (first + second);
    assert!(late < Duration::from_millis(3), "{late:?}");
    let shown = told.iter().map(ToString::to_string).nth(1).unwrap();
    assert!(
        shown.starts_with("no connection yet (as the script says), trying again in "),
        "{shown}"
    );
}

#[tokio::test(start_paused = true)]
async fn by_default_the_first_connection_is_tried_once() {
    let (client, transport) = client([no_network()]);
    let error = client.register(request()).await.unwrap_err();
    assert_eq!((error.kind(), error.phase()), (ErrorKind::Connect, Phase::Connect));
    assert_eq!(transport.calls(), ["0 s: register"]);
}

#[tokio::test(start_paused = true)]
async fn the_last_try_is_at_the_end_of_the_wait_and_its_error_is_the_registrations() {
    let (client, transport) = client_with(waiting(60), (0..100).map(|_| no_network()));
    let error = client.register(request()).await.unwrap_err();
    assert_eq!(transport.started().elapsed(), seconds(60));
    assert_eq!(
        (error.kind(), error.to_string().as_str()),
        (ErrorKind::Connect, "as the script says")
    );
    let gaps = transport.gaps();
    let (last, doubled) = gaps.split_last().unwrap();
    assert!(*last <= seconds(60));
    assert!(doubled.iter().all(|gap| *gap >= seconds(3)), "{gaps:?}");
}

#[tokio::test(start_paused = true)]
async fn it_ends_within_the_registrations_limit() {
    let policy = waiting(1000).with_registration_timeout(seconds(30));
    let (client, transport) = client_with(policy, (0..100).map(|_| no_network()));
    let error = client.register(request()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Connect);
    assert!(transport.started().elapsed() <= seconds(30));
    assert!(transport.calls().len() > 2);
}

#[tokio::test(start_paused = true)]
async fn a_silent_port_counts_too_and_what_is_left_of_the_attempt_is_closed() {
    let silent = || hangs().connecting().waiting_for(WaitStep::Tcp);
    let policy = waiting(60).with_operation_timeout(seconds(10));
    let (client, transport) = client_with(policy, [silent(), Play::from(assigned()).connected()]);
    client.register(request()).await.unwrap();
    assert_eq!(transport.calls()[..2], ["0 s: register", "10 s: abort"]);

    let policy = waiting(1).with_operation_timeout(seconds(10));
    let (client, _) = client_with(policy, [silent()]);
    let error = client.register(request()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Connect);
    assert!(
        matches!(error.reason(), FailureReason::RequestTimedOut { .. }),
        "{error:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn only_the_first_connection_and_only_a_failure_to_connect_are_waited_for() {
    for kind in [
        ErrorKind::Tls,
        ErrorKind::Unauthorized,
        ErrorKind::Lost,
        ErrorKind::Input,
    ] {
        let (client, transport) = client_with(waiting(60), [fails(kind).connecting()]);
        assert_eq!(client.register(request()).await.unwrap_err().kind(), kind);
        assert_eq!(transport.calls().len(), 1);
    }
    let (client, transport) = client_with(waiting(60), [Play::from(assigning()).connected(), no_network()]);
    assert_eq!(client.register(request()).await.unwrap_err().kind(), ErrorKind::Connect);
    assert_eq!(transport.calls().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn it_costs_no_recovery() {
    let policy = waiting(60).with_recovery(Recovery::lost_connections(1));
    let script = [
        no_network(),
        no_network(),
        fails(ErrorKind::Lost).connected(),
        Play::from(assigned()).connected(),
    ];
    let (client, _) = client_with(policy, script);
    let mut events = client.events();
    client.register(request()).await.unwrap();
    let names = names_told(&mut events).await;
    assert_eq!(names.iter().filter(|name| **name == "waiting-for-network").count(), 2);
    assert_eq!(names.iter().filter(|name| **name == "recovering").count(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_endless_wait_for_the_network_is_no_overflow() {
    let policy = Policy::default().with_wait_for_network(Duration::MAX);
    let (client, _) = client_with(policy, [no_network(), Play::from(assigned()).connected()]);
    client.register(request()).await.unwrap();
}
