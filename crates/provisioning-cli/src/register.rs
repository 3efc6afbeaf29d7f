//! `dps register`: from words to an outcome.

use std::{future::Future, pin::pin, time::SystemTime};

use provisioning_device::{Assignment, RegisterError, StatusEvents};
use tokio::{runtime::Runtime, select};

use crate::{
    advice, args::Register, failure::Failure, inputs::Inputs, interrupt::interrupted, local::LocalService, logging,
    options::Options, outcome::Assigned, progress::Progress,
};

/// The registration id of `--local` unless one is given.
const LOCAL_DEVICE: &str = "device-1";

/// Runs the command; what it returns is all that is left to print.
pub(crate) fn run(args: &Register) -> Result<Assigned, Failure> {
    let logging = logging::start(args.output.verbose);
    // Before the runtime: bad input needs none.
    let options = Options::read(&args.registration)?;
    let service = if args.local {
        options.check(local_device(args))?;
        None
    } else {
        Some(Inputs::of_service(&args.registration, &options)?)
    };
    let runtime = Runtime::new().map_err(|error| Failure::local(&error))?;
    let progress = Progress::new(logging);
    let result = runtime.block_on(async {
        match service {
            Some(inputs) => register(inputs, &progress).await,
            None => register_locally(args, &options, &progress).await,
        }
    });
    progress.finish();
    result
}

fn local_device(args: &Register) -> &str {
    args.registration
        .service
        .registration_id
        .as_deref()
        .unwrap_or(LOCAL_DEVICE)
}

async fn register_locally(args: &Register, options: &Options<'_>, progress: &Progress) -> Result<Assigned, Failure> {
    progress.say("starting a local service");
    let local = LocalService::start(local_device(args)).await?;
    let result = match Inputs::of_local_service(&args.registration, options, &local) {
        Ok(inputs) => register(inputs, progress).await,
        Err(error) => Err(error.into()),
    };
    local.stop().await;
    result
}

pub(crate) async fn register(Inputs { client, warnings }: Inputs, progress: &Progress) -> Result<Assigned, Failure> {
    for warning in &warnings {
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
    let outcome = show_while(registration, events, progress).await;
    outcome
        .map(|assignment| Assigned::new(client.request().registration_id(), assignment))
        .map_err(|error| {
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
            Some(event) = events.next() => progress.show(&event),
            outcome = &mut registration => return outcome,
        }
    }
}
