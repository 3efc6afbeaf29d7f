//! One registration: shows its events, and closes the connection in an orderly way when interrupted.

use std::{pin::pin, time::SystemTime};

use provisioning_device::{Assignment, RegisterError, StatusEvent, StatusEvents};
use tokio::select;

use crate::{
    input::client::CheckedClient,
    output::{
        console::{Progress, print_error},
        failure::Failure,
    },
};

/// Registers the device, until `interrupted` completes.
pub(crate) async fn register(
    checked: &CheckedClient,
    interrupted: impl Future<Output = ()>,
) -> Result<Assignment, Failure> {
    let CheckedClient {
        client,
        warnings,
        proxy_warnings,
    } = checked;
    for warning in warnings.iter().chain(proxy_warnings) {
        print_error(&format!("warning: {warning}"));
    }
    let events = client.events();
    let registration = async {
        let mut registration = pin!(client.register());
        select! {
            // First: an interrupt is handled from before the first step is reported.
            biased;
            () = interrupted => {
                print_error("interrupted, closing the connection");
                if let Err(error) = client.cancel().await {
                    print_error(&format!("cancelling failed: {error}"));
                }
                // Completes as cancelled within seconds, even if the service does not respond.
                registration.as_mut().await
            }
            outcome = &mut registration => outcome,
        }
    };
    show_while(registration, events)
        .await
        .map_err(|error| Failure::of_registration(&error, warnings, SystemTime::now()))
}

/// Shows events until the registration ends, including those that are queued then.
async fn show_while(
    registration: impl Future<Output = Result<Assignment, RegisterError>>,
    mut events: StatusEvents,
) -> Result<Assignment, RegisterError> {
    let mut registration = pin!(registration);
    let progress = Progress::new();
    loop {
        select! {
            biased;
            Some(event) = events.next() => match event.event {
                // The outcome of the command reports the end.
                StatusEvent::Ended { .. } => {}
                event => progress.show(&event.to_string()),
            },
            outcome = &mut registration => return outcome,
        }
    }
}
