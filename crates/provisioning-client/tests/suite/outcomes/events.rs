//! What a registration tells, in which order, and to whom.

use provisioning_client::StatusEvent;
use provisioning_types::ErrorKind;
use tokio::{spawn, time::timeout};

use crate::support::{
    Farewell, OPERATION, Play, assigned, assigning, client, ended, fails, hangs, names_told, pass, request, seconds,
    spawn_register, throttled, told,
};

#[tokio::test(start_paused = true)]
async fn a_registration_tells_its_steps_in_order() {
    let script = [throttled(429).retry_after(3), assigning().retry_after(4), assigned()];
    let (client, _) = client(script.map(|said| Play::from(said).connected()));
    let mut events = client.events();
    client.register(request()).await.unwrap();
    let told = told(&mut events).await;
    let names: Vec<_> = told.iter().map(StatusEvent::name).collect();
    let steps = ["throttled", "assigning", "assigned"].map(|step| ["connecting", "connected", step]);
    assert_eq!(names, steps.concat());
    let StatusEvent::Connecting { uri, .. } = &told[0] else {
        panic!("{told:?}");
    };
    assert_eq!(uri, "mqtts://service.example");
    let StatusEvent::Throttled { status, retry_in, .. } = told[2] else {
        panic!("{told:?}");
    };
    assert_eq!((status, retry_in), (429, seconds(3)));
    let StatusEvent::Assigning {
        operation_id, retry_in, ..
    } = &told[5]
    else {
        panic!("{told:?}");
    };
    assert_eq!((operation_id.as_str(), *retry_in), (OPERATION, seconds(4)));
}

#[tokio::test(start_paused = true)]
async fn steps_are_told_as_they_happen_and_not_at_the_end() {
    let slow = |said: crate::support::Said| Play::from(said).connected().after(5);
    let (client, _) = client([slow(assigning().retry_after(10)), slow(assigned())]);
    let mut events = client.events();
    let registration = spawn_register(&client);
    pass(1).await;
    assert_eq!(names_told(&mut events).await, ["connecting", "connected"]);
    pass(5).await;
    assert_eq!(names_told(&mut events).await, ["assigning"]);
    pass(10).await;
    assert_eq!(names_told(&mut events).await, ["connecting", "connected"]);
    registration.await.unwrap().unwrap();
    // Told before the call returned: nothing has to happen for it any more.
    assert_eq!(names_told(&mut events).await, ["assigned"]);
}

#[tokio::test(start_paused = true)]
async fn a_failed_registration_tells_no_assignment() {
    let (client, _) = client([assigning().into(), fails(ErrorKind::Lost)]);
    let mut events = client.events();
    client.register(request()).await.unwrap_err();
    assert_eq!(names_told(&mut events).await, ["assigning"]);
}

#[tokio::test(start_paused = true)]
async fn a_listener_that_never_reads_blocks_nobody_and_keeps_the_newest_events() {
    let (client, transport) = client([assigned()]);
    let mut idle = client.events();
    for _ in 0..100 {
        transport.now([Play::from(assigned()).connected()]);
        client.register(request()).await.unwrap();
    }
    transport.say_farewell(Farewell::Fails);
    client.disconnect().await.unwrap_err();
    let kept = names_told(&mut idle).await;
    assert!((2..300).contains(&kept.len()), "{}", kept.len());
    assert_eq!(
        kept[kept.len() - 4..],
        ["connecting", "connected", "assigned", "disconnect-failed"]
    );
}

#[tokio::test(start_paused = true)]
async fn a_late_listener_hears_what_comes_and_not_what_was() {
    let (client, _) = client([assigning().retry_after(5), assigned()]);
    let registration = spawn_register(&client);
    pass(1).await;
    let mut late = client.events();
    registration.await.unwrap().unwrap();
    assert_eq!(names_told(&mut late).await, ["assigned"]);
}

#[tokio::test(start_paused = true)]
async fn every_listener_hears_everything_and_one_that_left_is_not_missed() {
    let (client, _) = client([assigning(), assigned()]);
    let (mut one, mut other, left) = (client.events(), client.clone().events(), client.events());
    drop(left);
    client.register(request()).await.unwrap();
    for listener in [&mut one, &mut other] {
        assert_eq!(names_told(listener).await, ["assigning", "assigned"]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_listener_in_a_task_of_its_own_ends_when_the_client_is_gone() {
    let (client, transport) = client([assigned()]);
    let mut events = client.events();
    let listening = spawn(async move {
        let mut names = vec![];
        while let Some(event) = events.next().await {
            names.push(event.event.name());
        }
        names
    });
    client.register(request()).await.unwrap();
    drop(client);
    assert_eq!(ended(listening).await, ["assigned", "ended"]);
    assert_eq!(transport.calls().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn every_event_names_the_device_and_the_last_one_has_the_outcome() {
    let script = [
        Play::from(assigned()).connected(),
        fails(ErrorKind::Unauthorized),
        hangs(),
        hangs(),
    ];
    let (client, _) = client(script);
    let mut events = client.events();
    let assignment = client.register(request()).await.unwrap();
    client.register(request()).await.unwrap_err();
    // Dropped.
    timeout(seconds(1), client.register(request())).await.unwrap_err();
    // Cancelled.
    let registration = spawn_register(&client);
    pass(1).await;
    client.cancel().await.unwrap();
    ended(registration).await.unwrap_err();

    let mut outcomes = vec![];
    while let Some(event) = events.try_next() {
        assert_eq!(event.registration_id.as_str(), "device-1");
        if let StatusEvent::Ended { outcome, .. } = event.event {
            outcomes.push(outcome);
        }
    }
    assert_eq!(outcomes[0].as_ref().ok(), Some(&assignment));
    let kinds: Vec<_> = outcomes[1..]
        .iter()
        .map(|outcome| outcome.as_ref().unwrap_err().kind())
        .collect();
    assert_eq!(
        kinds,
        [ErrorKind::Unauthorized, ErrorKind::Cancelled, ErrorKind::Cancelled]
    );
}

#[tokio::test(start_paused = true)]
async fn a_registration_that_disconnects_by_itself_ends_after_that() {
    let (client, transport) = client([assigned()]);
    let mut events = client.events();
    transport.say_farewell(Farewell::Fails);
    client.register_and_disconnect(request()).await.unwrap();
    let names: Vec<_> = std::iter::from_fn(|| events.try_next())
        .map(|event| event.event.name())
        .collect();
    assert_eq!(names, ["assigned", "disconnect-failed", "ended"]);
}

#[tokio::test(start_paused = true)]
async fn a_slow_listener_learns_how_many_events_it_missed() {
    let (client, transport) = client([assigned()]);
    let mut slow = client.events();
    // In a task of its own, whose cooperative budget is not that of the listener.
    let registrations = tokio::spawn(async move {
        for _ in 0..100 {
            transport.now([Play::from(assigned()).connected()]);
            client.register(request()).await.unwrap();
        }
    });
    registrations.await.unwrap();
    // Four events each, of which 64 are kept.
    let first = slow.next().await.unwrap();
    assert!(
        matches!(first.event, StatusEvent::Missed { count: 336, .. }),
        "{first:?}"
    );
    let rest = std::iter::from_fn(|| slow.try_next());
    assert_eq!(rest.filter(|event| event.event.name() != "missed").count(), 64);
}

#[test]
fn events_are_read_without_a_runtime_too() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    let (client, mut events) = runtime.block_on(async {
        let (client, _) = client([assigned()]);
        let events = client.events();
        client.register(request()).await.unwrap();
        (client, events)
    });
    assert_eq!(events.blocking_next().unwrap().event.name(), "assigned");
    assert_eq!(events.try_next().unwrap().event.name(), "ended");
    assert!(events.try_next().is_none());
    drop(client);
    assert!(events.blocking_next().is_none());
}

/// As `futures` and `tokio-stream` read it.
#[tokio::test(start_paused = true)]
async fn the_events_are_a_stream() {
    fn first<S: futures_core::Stream + Unpin>(stream: S) -> S {
        stream
    }
    let (client, _) = client([assigned()]);
    let mut events = first(client.events());
    client.register(request()).await.unwrap();
    let next = std::future::poll_fn(|cx| futures_core::Stream::poll_next(std::pin::Pin::new(&mut events), cx)).await;
    assert_eq!(next.unwrap().event.name(), "assigned");
}

#[tokio::test(start_paused = true)]
async fn a_disconnect_that_fails_is_told_and_does_not_undo_the_registration() {
    for (farewell, kind) in [
        (Farewell::Fails, ErrorKind::Lost),
        (Farewell::Never, ErrorKind::Timeout),
    ] {
        let (client, transport) = client([assigned()]);
        let mut events = client.events();
        client.register(request()).await.unwrap();
        transport.say_farewell(farewell);
        let error = client.disconnect().await.unwrap_err();
        assert_eq!(error.kind(), kind);
        assert_eq!(names_told(&mut events).await, ["assigned", "disconnect-failed"]);
        transport.now([assigned()]);
        client.register(request()).await.unwrap();
    }
}
