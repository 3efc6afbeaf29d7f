//! Going on after lost connections, as far as the policy allows.

use provisioning_client::{Policy, Recovery, RegistrationClient, StatusEvent};
use provisioning_types::{ErrorKind, Phase};
use tokio::task::JoinHandle;

use crate::support::{
    OPERATION, Outcome, Play, Script, Scripted, assigned, assigning, client, client_with, fails, names_told, pass,
    request, seconds, spawn_register, throttled, told,
};

fn recovering(count: u32, script: impl Script) -> (RegistrationClient, std::sync::Arc<Scripted>) {
    client_with(
        Policy::default().with_recovery(Recovery::lost_connections(count)),
        script,
    )
}

fn query(at: u64) -> String {
    format!("{at} s: query {OPERATION}")
}

/// Lets a registration run into its first wait, and ends the connection a second into that.
async fn lost_while_waiting(client: &RegistrationClient, transport: &Scripted) -> JoinHandle<Outcome> {
    let registration = spawn_register(client);
    pass(1).await;
    transport.lose_connection();
    registration
}

#[tokio::test(start_paused = true)]
async fn a_connection_lost_while_waiting_is_made_again_and_the_operation_goes_on() {
    let (client, transport) = recovering(1, [Play::from(assigning()), Play::from(assigned()).connected()]);
    let mut events = client.events();
    let registration = lost_while_waiting(&client, &transport).await;
    let assignment = registration.await.unwrap().unwrap();
    assert_eq!(assignment.operation_id(), Some(OPERATION));
    assert_eq!(transport.calls(), ["0 s: register", &query(3)]);
    assert_eq!(
        names_told(&mut events).await,
        ["assigning", "recovering", "connecting", "connected", "assigned"]
    );
}

#[tokio::test(start_paused = true)]
async fn a_connection_lost_during_a_query_is_made_again_for_the_same_query() {
    let script = [
        Play::from(assigning()),
        fails(ErrorKind::Lost),
        Play::from(assigned()).connected(),
    ];
    let (client, transport) = recovering(1, script);
    client.register(request()).await.unwrap();
    assert_eq!(transport.calls(), ["0 s: register", &query(2), &query(4)]);
}

#[tokio::test(start_paused = true)]
async fn a_connection_lost_before_there_is_an_operation_asks_for_it_again() {
    let (client, transport) = recovering(1, [fails(ErrorKind::Lost).connected(), assigned().into()]);
    client.register(request()).await.unwrap();
    assert_eq!(transport.calls(), ["0 s: register", "2 s: register"]);
}

#[tokio::test(start_paused = true)]
async fn recovering_does_not_ask_earlier_than_the_service_said() {
    for answer in [assigning(), throttled(503)] {
        let (client, transport) = recovering(1, [answer.retry_after(100), assigned()]);
        let mut events = client.events();
        let registration = lost_while_waiting(&client, &transport).await;
        registration.await.unwrap().unwrap();
        assert_eq!(transport.started().elapsed(), seconds(100));
        let told = told(&mut events).await;
        let StatusEvent::Recovering {
            attempt,
            retry_in,
            cause,
            ..
        } = &told[1]
        else {
            panic!("{told:?}");
        };
        assert_eq!((*attempt, *retry_in, cause.kind()), (1, seconds(99), ErrorKind::Lost));
    }
}

#[tokio::test(start_paused = true)]
async fn attempts_to_connect_again_back_off_and_count() {
    let script = [
        Play::from(assigning()),
        fails(ErrorKind::Lost),
        fails(ErrorKind::Connect).connecting(),
        fails(ErrorKind::Service).connecting(),
        Play::from(assigned()).connected(),
    ];
    let (client, transport) = recovering(3, script);
    let mut events = client.events();
    client.register(request()).await.unwrap();
    let told = told(&mut events).await;
    let recoveries = told.iter().filter_map(|event| match event {
        StatusEvent::Recovering { attempt, retry_in, .. } => Some((*attempt, *retry_in)),
        _ => None,
    });
    let [(1, first), (2, second), (3, third)] = recoveries.collect::<Vec<_>>()[..] else {
        panic!("{told:?}");
    };
    assert_eq!(first, seconds(2));
    assert!((seconds(3)..=seconds(4)).contains(&second), "{second:?}");
    assert!((seconds(6)..=seconds(8)).contains(&third), "{third:?}");
    assert_eq!(transport.calls().len(), 5);
}

#[tokio::test(start_paused = true)]
async fn no_more_connections_are_recovered_from_than_the_policy_allows() {
    for allowed in 0..4 {
        let losses = (0..10).map(|_| fails(ErrorKind::Lost));
        let (client, transport) = recovering(allowed, [Play::from(assigning())].into_iter().chain(losses));
        let error = client.register(request()).await.unwrap_err();
        assert_eq!((error.kind(), error.operation_id()), (ErrorKind::Lost, Some(OPERATION)));
        let queries = transport.calls().len() - 1;
        assert_eq!(queries, usize::try_from(allowed).unwrap() + 1);
    }
}

#[tokio::test(start_paused = true)]
async fn each_registration_may_recover_as_often() {
    let (client, transport) = recovering(1, [assigned()]);
    for _ in 0..3 {
        transport.now([Play::from(assigning()), fails(ErrorKind::Lost), assigned().into()]);
        client.register(request()).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn without_recovery_nothing_is_made_again() {
    let (client, transport) = client([assigning()]);
    let registration = lost_while_waiting(&client, &transport).await;
    let error = registration.await.unwrap().unwrap_err();
    assert_eq!((error.kind(), error.phase()), (ErrorKind::Lost, Phase::Wait));
    pass(1000).await;
    assert_eq!(transport.calls(), ["0 s: register"]);
}

#[tokio::test(start_paused = true)]
async fn what_is_no_lost_connection_is_not_recovered_from() {
    for kind in [
        ErrorKind::Connect,
        ErrorKind::Service,
        ErrorKind::Tls,
        ErrorKind::Unauthorized,
    ] {
        let (client, transport) = recovering(5, [Play::from(assigning()), fails(kind)]);
        let error = client.register(request()).await.unwrap_err();
        assert_eq!(error.kind(), kind);
        assert_eq!(transport.calls().len(), 2);
    }
    let (client, transport) = recovering(5, [fails(ErrorKind::Connect).connecting()]);
    client.register(request()).await.unwrap_err();
    assert_eq!(transport.calls().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn recovering_ends_where_the_registration_limit_is() {
    let policy = Policy::default()
        .with_recovery(Recovery::lost_connections(u32::MAX))
        .with_registration_timeout(seconds(60));
    let losses = (0..100).map(|_| fails(ErrorKind::Lost).connecting());
    let (client, transport) = client_with(policy, losses);
    let error = client.register(request()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Lost);
    assert!(transport.started().elapsed() < seconds(60));
    assert!(transport.calls().len() > 3);
}
