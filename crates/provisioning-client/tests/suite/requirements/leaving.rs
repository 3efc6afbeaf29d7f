//! What the newer requirement document asks of `cancel`, and the older of `endSession`: here `disconnect`.

use provisioning_client::RegistrationClient;
use provisioning_types::{ErrorKind, TransportError};
use test_support::at_once;

use crate::support::{Stage, assert_is_cancelled, assigned, ended, mocked, request};

/// polling_state_machine: SRS_NODE_PROVISIONING_TRANSPORT_STATE_MACHINE_18_025
#[tokio::test(start_paused = true)]
async fn cancel_while_disconnected_returns_at_once() {
    for client in disconnected().await {
        at_once(client.cancel()).await.unwrap();
    }
}

/// client_state_machine: SRS_NODE_PROVISIONING_TRANSPORT_STATE_MACHINE_18_025
#[tokio::test(start_paused = true)]
async fn disconnect_while_disconnected_returns_at_once() {
    for client in disconnected().await {
        at_once(client.disconnect()).await.unwrap();
    }
}

/// polling_state_machine: SRS_NODE_PROVISIONING_TRANSPORT_STATE_MACHINE_18_026
#[tokio::test(start_paused = true)]
async fn cancel_on_a_connection_is_handed_to_the_transport_and_its_failure_back() {
    for result in [Ok(()), Err(no_route())] {
        let client = mocked(|transport| {
            let call = transport.expect_send().times(1);
            call.returning(|_, _, _| assigned().judged(None));
            transport.expect_cancel().times(1).return_const(result.clone());
        });
        client.register(request()).await.unwrap();
        assert_same(at_once(client.cancel()).await, result);
    }
}

/// client_state_machine: SRS_NODE_PROVISIONING_TRANSPORT_STATE_MACHINE_18_026
#[tokio::test(start_paused = true)]
async fn disconnect_on_a_connection_is_handed_to_the_transport_and_its_failure_back() {
    for result in [Ok(()), Err(no_route())] {
        let client = mocked(|transport| {
            let call = transport.expect_send().times(1);
            call.returning(|_, _, _| assigned().judged(None));
            transport.expect_disconnect().times(1).return_const(result.clone());
        });
        client.register(request()).await.unwrap();
        assert_same(at_once(client.disconnect()).await, result);
    }
}

/// polling_state_machine: SRS_NODE_PROVISIONING_TRANSPORT_STATE_MACHINE_18_026
/// polling_state_machine: SRS_NODE_PROVISIONING_TRANSPORT_STATE_MACHINE_18_027
#[tokio::test(start_paused = true)]
async fn cancel_fails_the_registration_in_progress_as_cancelled_wherever_it_stands() {
    for stage in Stage::ALL {
        let held = stage.reached().await;
        at_once(held.client.cancel()).await.unwrap();
        assert_is_cancelled(ended(held.registration).await);
        assert_eq!(held.transport.calls(), ["10 s: cancel"], "{stage:?}");
    }
}

/// client_state_machine: SRS_NODE_PROVISIONING_TRANSPORT_STATE_MACHINE_18_026
/// client_state_machine: SRS_NODE_PROVISIONING_TRANSPORT_STATE_MACHINE_18_027
#[tokio::test(start_paused = true)]
async fn disconnect_fails_the_registration_in_progress_as_cancelled_wherever_it_stands() {
    for stage in Stage::ALL {
        let held = stage.reached().await;
        at_once(held.client.disconnect()).await.unwrap();
        assert_is_cancelled(ended(held.registration).await);
        assert_eq!(held.transport.calls(), ["10 s: disconnect"], "{stage:?}");
    }
}

/// Clients without a connection: never used, never connected, lost, and left. Their transports fail the test when they
/// are called once more.
async fn disconnected() -> [RegistrationClient; 4] {
    let fresh = mocked(|_| {});
    let never_connected = mocked(|transport| {
        let call = transport.expect_send().times(1);
        call.returning(|_, _, _| Err(no_route()));
    });
    never_connected.register(request()).await.unwrap_err();
    let lost = mocked(|transport| {
        let mut answers = vec![
            Err(TransportError::new(ErrorKind::Lost, "gone")),
            assigned().judged(None),
        ];
        let call = transport.expect_send().times(2);
        call.returning(move |_, _, _| answers.pop().unwrap());
    });
    lost.register(request()).await.unwrap();
    lost.register(request()).await.unwrap_err();
    let left = mocked(|transport| {
        let call = transport.expect_send().times(1);
        call.returning(|_, _, _| assigned().judged(None));
        transport.expect_disconnect().times(1).return_const(Ok(()));
    });
    left.register(request()).await.unwrap();
    left.disconnect().await.unwrap();
    [fresh, never_connected, lost, left]
}

fn no_route() -> TransportError {
    TransportError::new(ErrorKind::Connect, "no route")
}

fn assert_same(result: Result<(), TransportError>, expected: Result<(), TransportError>) {
    assert_eq!(
        result.map_err(|error| error.kind()),
        expected.map_err(|error| error.kind())
    );
}
