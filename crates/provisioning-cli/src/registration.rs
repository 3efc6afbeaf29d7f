//! One registration: what happens is shown, and an interrupt ends it in an orderly way.

use std::{future::Future, pin::pin, time::SystemTime};

use provisioning_device::{Assignment, RegisterError, StatusEvents};
use tokio::select;

use crate::{advice, failure::Failure, inputs::Inputs, interrupt::interrupted, progress::Progress};

/// Registers, showing what happens; leaves in an orderly way when interrupted.
pub(crate) async fn register(inputs: &Inputs, progress: &Progress) -> Result<Assignment, Failure> {
    let Inputs { client, warnings } = inputs;
    for warning in warnings {
        progress.say(&format!("warning: {warning}"));
    }
    let events = client.events();
    let registration = async {
        let mut registration = pin!(client.register());
        select! {
            outcome = &mut registration => outcome,
            () = interrupted() => {
                progress.say("interrupted, leaving the service");
                if let Err(error) = client.cancel().await {
                    progress.say(&format!("cancelling failed: {error}"));
                }
                // Resolves as cancelled, once the connection is closed: within seconds, whatever the service does.
                registration.await
            }
        }
    };
    show_while(registration, events, progress).await.map_err(|error| {
        let remarks = advice::on_refusal(&error, warnings, SystemTime::now());
        Failure::from(error).with_remarks(&remarks)
    })
}

/// Shows events until the registration ends, and those that are left then.
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
