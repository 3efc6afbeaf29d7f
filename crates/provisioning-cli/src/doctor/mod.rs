//! `dps doctor`: goes through what usually goes wrong, from the inside out.

mod clock;
mod finding;
mod identity;
mod network;
mod signer;

use std::{
    io::{Write, stderr, stdout},
    time::SystemTime,
};

use provisioning_device::{ErrorKind, IdScope};
use tokio::{runtime::Runtime, select};

use crate::{
    args::{Doctor, Registration},
    credential::credential_if_given,
    failure::Failure,
    given::variable,
    inputs::{Inputs, registration_id},
    interrupt::interrupted,
    logging,
    options::Options,
    progress::Progress,
    registration,
};

use self::{
    finding::{Diagnosis, Finding},
    network::Network,
};

/// Runs the command; what it returns is all that is left to print.
pub(crate) fn run(args: &Doctor) -> Result<Diagnosis, Failure> {
    let logging = logging::start(args.output.verbose);
    let options = Options::read(&args.registration)?;
    let network = Network::new(&args.registration, &options)?;
    let runtime = Runtime::new().map_err(|error| Failure::local(&error))?;
    let mut notes = Notes {
        findings: vec![],
        to_stderr: args.output.json,
    };
    let result = runtime.block_on(async {
        select! {
            () = interrupted() => return Err(interruption()),
            () = examine(&args.registration, &network, &mut notes) => {}
        }
        // This hears of an interrupt by itself, and leaves in an orderly way.
        notes.take(if args.register {
            register(&args.registration, &options, logging).await
        } else {
            Finding::skipped("registration", "not asked for: add --register")
        });
        Ok(())
    });
    // A name that is still being resolved must not keep the program.
    runtime.shutdown_background();
    result.map(|()| Diagnosis(notes.findings))
}

/// From the credential to the service's door.
async fn examine(args: &Registration, network: &Network, notes: &mut Notes) {
    notes.take(id_scope(args));
    let registration_id = registration_id(&args.service);
    let credential = credential_if_given(&args.identity, registration_id.as_deref());
    let credential = credential.and_then(|it| Ok(it.map(|it| it.load_if_ready()).transpose()?));
    for finding in identity::look_at(credential, registration_id.as_deref(), SystemTime::now()) {
        notes.take(finding);
    }
    if let Err(error) = network.look_at(notes).await {
        notes.take(Finding::failed("network", error));
    }
}

fn id_scope(args: &Registration) -> Finding {
    let given = args
        .service
        .id_scope
        .clone()
        .or_else(|| variable("PROVISIONING_IDSCOPE"));
    match given.map(IdScope::new) {
        Some(Ok(id_scope)) => Finding::ok("id scope", format!("{id_scope} has the form of one")),
        Some(Err(error)) => Finding::failed("id scope", error),
        None => Finding::skipped("id scope", "none is given: add --id-scope"),
    }
}

async fn register(args: &Registration, options: &Options<'_>, logging: bool) -> Finding {
    let inputs = match Inputs::of_service(args, options) {
        Ok(inputs) => inputs,
        Err(failure) => return Finding::failed("registration", failure),
    };
    let progress = Progress::new(logging);
    let outcome = registration::register(&inputs, &progress).await;
    progress.finish();
    match outcome {
        Ok(assignment) => {
            let (hub, device_id) = (assignment.assigned_hub(), assignment.device_id());
            Finding::ok("registration", format!("assigned to {hub} as {device_id}"))
        }
        Err(failure) => Finding::failed("registration", failure),
    }
}

fn interruption() -> Failure {
    let kind = ErrorKind::Cancelled;
    Failure::found(kind, "interrupted", kind.hint())
}

/// Where findings go: to whoever is looking, at once, and to the diagnosis.
struct Notes {
    findings: Vec<Finding>,
    to_stderr: bool,
}

impl Notes {
    fn take(&mut self, finding: Finding) {
        // Nobody reading is fine.
        let _ = if self.to_stderr {
            writeln!(stderr(), "{finding}")
        } else {
            writeln!(stdout(), "{finding}")
        };
        self.findings.push(finding);
    }
}
