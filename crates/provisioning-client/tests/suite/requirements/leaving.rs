//! What the newer requirement document asks of `cancel`, and the older of `endSession`: here `disconnect`.

use std::{iter, sync::Arc};

use provisioning_client::RegistrationClient;
use provisioning_types::{ErrorKind, TransportError};
use test_support::at_once;

use crate::support::{
    Farewell, Leave, Play, Scripted, Stage, assert_is_cancelled, assigned, client, ended, fails, request,
};

/// polling_state_machine: SRS_NODE_PROVISIONING_TRANSPORT_STATE_MACHINE_18_025
#[tokio::test(start_paused = true)]
async fn cancel_while_disconnected_returns_at_once() {
    returns_at_once_while_disconnected(Leave::Cancel).await;
}

/// client_state_machine: SRS_NODE_PROVISIONING_TRANSPORT_STATE_MACHINE_18_025
#[tokio::test(start_paused = true)]
async fn disconnect_while_disconnected_returns_at_once() {
    returns_at_once_while_disconnected(Leave::Disconnect).await;
}

/// polling_state_machine: SRS_NODE_PROVISIONING_TRANSPORT_STATE_MACHINE_18_026
#[tokio::test(start_paused = true)]
async fn cancel_on_a_connection_is_handed_to_the_transport_and_its_failure_back() {
    is_handed_on_and_its_failure_back(Leave::Cancel).await;
}

/// client_state_machine: SRS_NODE_PROVISIONING_TRANSPORT_STATE_MACHINE_18_026
#[tokio::test(start_paused = true)]
async fn disconnect_on_a_connection_is_handed_to_the_transport_and_its_failure_back() {
    is_handed_on_and_its_failure_back(Leave::Disconnect).await;
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

async fn returns_at_once_while_disconnected(leave: Leave) {
    for (client, transport) in disconnected().await {
        transport.forget_calls();
        at_once(leave.by(&client)).await.unwrap();
        assert_eq!(transport.calls(), [""; 0]);
    }
}

/// Clients without a connection: never used, never connected, lost, and left.
async fn disconnected() -> [(RegistrationClient, Arc<Scripted>); 4] {
    let fresh = client(iter::empty::<Play>());
    let never_connected = client([fails(ErrorKind::Connect)]);
    never_connected.0.register(request()).await.unwrap_err();
    let lost = client([assigned().into(), fails(ErrorKind::Lost)]);
    lost.0.register(request()).await.unwrap();
    lost.0.register(request()).await.unwrap_err();
    let left = client([assigned()]);
    left.0.register(request()).await.unwrap();
    left.0.disconnect().await.unwrap();
    [fresh, never_connected, lost, left]
}

async fn is_handed_on_and_its_failure_back(leave: Leave) {
    for (farewell, failure) in [(Farewell::AtOnce, None), (Farewell::Fails, Some(ErrorKind::Lost))] {
        let (client, transport) = client([assigned()]);
        transport.say_farewell(farewell);
        client.register(request()).await.unwrap();
        let result = at_once(leave.by(&client)).await;
        assert_eq!(result.err().as_ref().map(TransportError::kind), failure);
        assert_eq!(transport.calls(), ["0 s: register".to_owned(), leave.logged(0)]);
    }
}
