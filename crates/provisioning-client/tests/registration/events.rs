//! What a registration tells, in which order, and to whom.

use provisioning_client::StatusEvent;
use provisioning_types::ErrorKind;
use tokio::spawn;

use crate::support::{
    Farewell, OPERATION, Play, assigned, assigning, client, ended, event_name, fails, names_told, pass, request,
    seconds, spawn_register, throttled, told,
};

#[tokio::test(start_paused = true)]
async fn a_registration_tells_its_steps_in_order() {
    let script = [throttled(429).retry_after(3), assigning().retry_after(4), assigned()];
    let (client, _) = client(script.map(|said| Play::from(said).connected()));
    let mut events = client.events();
    client.register(request()).await.unwrap();
    let told = told(&mut events).await;
    let names: Vec<_> = told.iter().map(event_name).collect();
    let steps = ["Throttled", "Assigning", "Assigned"].map(|step| ["Connecting", "Connected", step]);
    assert_eq!(names, steps.concat());
    let StatusEvent::Connecting { uri } = &told[0] else {
        panic!("{told:?}");
    };
    assert_eq!(uri, "mqtts://service.example");
    let StatusEvent::Throttled { status, retry_in } = told[2] else {
        panic!("{told:?}");
    };
    assert_eq!((status, retry_in), (429, seconds(3)));
    let StatusEvent::Assigning { operation_id, retry_in } = &told[5] else {
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
    assert_eq!(names_told(&mut events).await, ["Connecting", "Connected"]);
    pass(5).await;
    assert_eq!(names_told(&mut events).await, ["Assigning"]);
    pass(10).await;
    assert_eq!(names_told(&mut events).await, ["Connecting", "Connected"]);
    registration.await.unwrap().unwrap();
    // Told before the call returned: nothing has to happen for it any more.
    assert_eq!(names_told(&mut events).await, ["Assigned"]);
}

#[tokio::test(start_paused = true)]
async fn a_failed_registration_tells_no_assignment() {
    let (client, _) = client([assigning().into(), fails(ErrorKind::Lost)]);
    let mut events = client.events();
    client.register(request()).await.unwrap_err();
    assert_eq!(names_told(&mut events).await, ["Assigning"]);
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
        ["Connecting", "Connected", "Assigned", "DisconnectFailed"]
    );
}

#[tokio::test(start_paused = true)]
async fn a_late_listener_hears_what_comes_and_not_what_was() {
    let (client, _) = client([assigning().retry_after(5), assigned()]);
    let registration = spawn_register(&client);
    pass(1).await;
    let mut late = client.events();
    registration.await.unwrap().unwrap();
    assert_eq!(names_told(&mut late).await, ["Assigned"]);
}

#[tokio::test(start_paused = true)]
async fn every_listener_hears_everything_and_one_that_left_is_not_missed() {
    let (client, _) = client([assigning(), assigned()]);
    let (mut one, mut other, left) = (client.events(), client.clone().events(), client.events());
    drop(left);
    client.register(request()).await.unwrap();
    for listener in [&mut one, &mut other] {
        assert_eq!(names_told(listener).await, ["Assigning", "Assigned"]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_listener_in_a_task_of_its_own_ends_when_the_client_is_gone() {
    let (client, transport) = client([assigned()]);
    let mut events = client.events();
    let listening = spawn(async move {
        let mut names = vec![];
        while let Some(event) = events.next().await {
            names.push(event_name(&event));
        }
        names
    });
    client.register(request()).await.unwrap();
    drop(client);
    // The transport, which has got where to report progress, may live on.
    assert_eq!(ended(listening).await, ["Assigned"]);
    assert_eq!(transport.calls().len(), 1);
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
        assert_eq!(names_told(&mut events).await, ["Assigned", "DisconnectFailed"]);
        transport.now([assigned()]);
        client.register(request()).await.unwrap();
    }
}
