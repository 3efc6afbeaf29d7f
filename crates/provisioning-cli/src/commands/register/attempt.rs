//! One registration: shows its events, and closes the connection in an orderly way when interrupted.

use std::{pin::pin, time::SystemTime};

use provisioning_device::{Assignment, RegisterError, StatusEvents};
use tokio::select;

use crate::{
    commands::interrupt::interrupted,
    input::client::CheckedClient,
    output::{failure::Failure, progress::Progress},
};

/// Registers the device.
pub(crate) async fn register(checked: &CheckedClient, progress: &Progress) -> Result<Assignment, Failure> {
    let CheckedClient { client, warnings } = checked;
    for warning in warnings {
        progress.print(&format!("warning: {warning}"));
    }
    let events = client.events();
    let registration = async {
        let mut registration = pin!(client.register());
        select! {
            // First: an interrupt is handled from before the first step is reported.
            biased;
            () = interrupted() => {
                progress.print("interrupted, closing the connection");
                if let Err(error) = client.cancel().await {
                    progress.print(&format!("cancelling failed: {error}"));
                }
                // Completes as cancelled within seconds, even if the service does not respond.
                registration.as_mut().await
            }
            outcome = &mut registration => outcome,
        }
    };
    show_while(registration, events, progress)
        .await
        .map_err(|error| Failure::of_registration(&error, warnings, SystemTime::now()))
}

/// Shows events until the registration ends, including those that are queued then.
async fn show_while(
    registration: impl Future<Output = Result<Assignment, RegisterError>>,
    mut events: StatusEvents,
    progress: &Progress,
) -> Result<Assignment, RegisterError> {
    let mut registration = pin!(registration);
    loop {
        select! {
            biased;
            Some(event) = events.next() => progress.show(&event.event),
            outcome = &mut registration => return outcome,
        }
    }
}
