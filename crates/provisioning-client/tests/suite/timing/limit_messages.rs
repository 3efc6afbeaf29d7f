//! An error of a limit says which limit it was, and which step and peer the registration waited for.

use provisioning_client::{FailureReason, Policy, RegisterError};
use provisioning_types::{ErrorKind, Phase, WaitStep, Waiting};
use test_support::at_once;

use crate::support::{OPERATION, Play, assigned, assigning, client, client_with, hangs, request, seconds, throttled};

const AFTER_TCP: [(WaitStep, &str); 6] = [
    (WaitStep::Tls, "no TLS handshake with service.example:8883"),
    (WaitStep::WebSocket, "no WebSocket handshake with service.example:8883"),
    (WaitStep::Connack, "no CONNACK from service.example:8883"),
    (WaitStep::Suback, "no SUBACK from service.example:8883"),
    (WaitStep::Delivery, "no PUBACK or response from service.example:8883"),
    (WaitStep::Response, "no response from service.example:8883"),
];

const BEFORE_TCP: [(WaitStep, &str); 3] = [
    (WaitStep::Resolve, "no address of service.example:8883"),
    (WaitStep::Tcp, "no TCP connection to service.example:8883"),
    (WaitStep::Proxy, "no connection through the proxy service.example:8883"),
];

async fn error_of(policy: Policy, script: Vec<Play>) -> RegisterError {
    let (client, _) = client_with(policy, script);
    client.register(request()).await.unwrap_err()
}

#[tokio::test(start_paused = true)]
async fn the_limit_of_one_request_names_the_step_and_the_peer() {
    for (step, missing) in AFTER_TCP.into_iter().chain(BEFORE_TCP) {
        let error = error_of(Policy::default(), vec![hangs().connecting().waiting_for(step)]).await;
        assert_eq!(
            error.to_string(),
            format!("{missing} within 30 s, the limit of one request")
        );
        let FailureReason::RequestTimedOut { waiting, .. } = error.reason() else {
            panic!("{error:?}");
        };
        assert_eq!(*waiting, Some(Waiting::new(step, "service.example:8883")));
    }
}

/// A port that is open would not help.
#[tokio::test(start_paused = true)]
async fn a_limit_that_ends_the_wait_for_the_devices_key_is_a_timeout_that_names_it() {
    for (policy, limit) in [
        (Policy::default(), "within 30 s, the limit of one request"),
        (
            Policy::default().with_registration_timeout(seconds(20)),
            "no assignment within 20 s, the limit of the whole registration",
        ),
    ] {
        let error = error_of(policy, vec![hangs().waiting_for(WaitStep::Credential)]).await;
        assert_eq!(error.kind(), ErrorKind::Timeout, "{error:?}");
        let shown = error.to_string();
        assert!(shown.contains(limit), "{shown}");
        assert!(shown.contains("no signature or credential of "), "{shown}");
        assert!(error.hint().contains("key"), "{}", error.hint());
    }
}

#[tokio::test(start_paused = true)]
async fn a_limit_before_tcp_is_a_failure_to_connect_and_later_a_timeout() {
    for policy in [
        Policy::default(),
        Policy::default().with_registration_timeout(seconds(20)),
    ] {
        for (steps, kind) in [(&BEFORE_TCP[..], ErrorKind::Connect), (&AFTER_TCP, ErrorKind::Timeout)] {
            for &(step, _) in steps {
                let error = error_of(policy.clone(), vec![hangs().connecting().waiting_for(step)]).await;
                assert_eq!(error.kind(), kind, "{error:?}");
                assert!(error.is_retryable());
                assert!(!error.hint().contains("allow more time"), "{error:?}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_dropped_port_has_the_firewall_the_fallback_and_the_proxy_in_its_hint() {
    let script = vec![hangs().connecting().waiting_for(WaitStep::Tcp)];
    let error = error_of(Policy::default(), script).await;
    for word in ["firewall", "8883", "--fallback", "proxy"] {
        assert!(error.hint().contains(word), "{error:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_limit_that_ends_the_wait_for_suback_is_in_the_phase_subscribe() {
    for (step, phase) in [
        (WaitStep::Connack, Phase::Connect),
        (WaitStep::Suback, Phase::Subscribe),
    ] {
        for policy in [
            Policy::default(),
            Policy::default().with_registration_timeout(seconds(20)),
        ] {
            let error = error_of(policy, vec![hangs().waiting_for(step)]).await;
            assert_eq!(error.phase(), phase, "{error:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_limit_of_the_registration_names_the_step_and_the_peer() {
    for (step, missing) in AFTER_TCP.into_iter().chain(BEFORE_TCP) {
        let policy = Policy::default().with_registration_timeout(seconds(20));
        let error = error_of(policy, vec![hangs().connecting().waiting_for(step)]).await;
        let limit = "no assignment within 20 s, the limit of the whole registration";
        assert_eq!(error.to_string(), format!("{limit}: {missing}"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_registration_whose_first_connection_stood_ends_as_timeout_wherever_the_limit_finds_it() {
    let script = vec![
        Play::from(assigning().retry_after(10)).connected(),
        hangs().connecting().waiting_for(WaitStep::Tcp),
    ];
    let error = error_of(Policy::default().with_registration_timeout(seconds(20)), script).await;
    assert_eq!(error.kind(), ErrorKind::Timeout, "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn the_last_step_counts_and_another_address_begins_anew() {
    let script = [WaitStep::Resolve, WaitStep::Tcp, WaitStep::Tls, WaitStep::Connack];
    let play = script
        .into_iter()
        .fold(hangs().connecting(), |play, step| play.waiting_for(step));
    let error = error_of(Policy::default(), vec![play.clone()]).await;
    assert!(error.to_string().starts_with("no CONNACK from"), "{error}");
    let error = error_of(Policy::default(), vec![play.connecting()]).await;
    assert_eq!(error.to_string(), "no response within 30 s, the limit of one request");
}

#[tokio::test(start_paused = true)]
async fn while_waiting_to_poll_the_limit_says_that_the_operation_is_still_being_assigned() {
    let (client, _) = client([assigning().retry_after(200), assigning().retry_after(150)]);
    let error = client.register(request()).await.unwrap_err();
    let expected = format!(
        "the operation {OPERATION} is still being assigned after 200 s, and the limit of the whole registration is 300 \
         s; retry in 150 s"
    );
    assert_eq!((error.kind(), error.to_string()), (ErrorKind::Timeout, expected));
    assert!(error.hint().contains("allow more time"), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn more_time_is_proposed_only_if_answers_kept_coming() {
    let silent_query = || hangs().waiting_for(WaitStep::Response);
    for (script, proposes) in [
        (vec![Play::from(assigning().retry_after(280)), silent_query()], true),
        (
            vec![Play::from(assigning().retry_after(280)), throttled(503).into()],
            false,
        ),
        (vec![hangs().waiting_for(WaitStep::Response)], false),
        (vec![assigning().into(), silent_query()], false),
    ] {
        let policy = Policy::default().with_registration_timeout(seconds(281));
        let error = error_of(policy, script).await;
        assert_eq!(error.hint().contains("allow more time"), proposes, "{error:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn larger_packets_without_an_answer_have_the_mtu_in_their_hint() {
    for (step, has_hint) in [(WaitStep::Delivery, true), (WaitStep::Response, false)] {
        let error = error_of(Policy::default(), vec![hangs().connected().waiting_for(step)]).await;
        assert_eq!(error.kind(), ErrorKind::Timeout);
        let hint = error.hint();
        assert_eq!(hint.contains("MTU") && hint.contains("VPN"), has_hint, "{error:?}");
    }
    let script = vec![assigning().into(), hangs().waiting_for(WaitStep::Delivery)];
    let error = error_of(Policy::default(), script).await;
    assert!(
        error.hint().contains("NAT") && error.hint().contains("--recover"),
        "{error:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn what_a_request_waits_for_is_no_event() {
    let (client, _) = client([Play::from(assigned()).connected().waiting_for(WaitStep::Response)]);
    let mut events = client.events();
    at_once(client.register(request())).await.unwrap();
    let names = crate::support::names_told(&mut events).await;
    assert_eq!(names, ["connecting", "connected", "assigned"]);
}
