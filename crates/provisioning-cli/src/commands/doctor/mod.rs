//! `dps doctor`: checks what a registration needs, from the credential to the service, and says what to do about each
//! problem.

mod clock;
mod credential;
mod diagnosis;
mod finding;
pub(super) mod flags;
mod flight;
mod issuer;
mod network;

use std::time::SystemTime;

use provisioning_device::{Credential, ErrorKind, IdScope};
use tokio::select;

use self::{diagnosis::Diagnosis, finding::Finding, flags::Doctor, network::Network};
use super::{interrupt::interrupted, register::attempt, runtime};
use crate::{
    input::{
        client::{CheckedClient, id_scope, registration_id},
        credential::credential_if_given,
        credential_check::exposed_secret,
        flags::Registration,
        options::Options,
    },
    output::failure::Failure,
};

/// Checks everything. The findings are printed one by one; the summary is left to be printed.
pub(super) fn run(flags: &Doctor, json: bool) -> Result<Diagnosis, Failure> {
    let options = Options::read(&flags.registration)?;
    let credential = load_credential(&flags.registration);
    let certificate = credential::certificate_to_present(credential.as_ref().ok().and_then(Option::as_ref));
    let network = Network::new(&flags.registration, &options, certificate)?;
    let mut diagnosis = Diagnosis::new(json);
    runtime::block_on(async {
        select! {
            // First: an interrupt is handled from before the first finding is printed.
            biased;
            () = interrupted() => {
                let kind = ErrorKind::Cancelled;
                return Err(Failure::new(kind, "interrupted").with_hint(kind.hint()));
            }
            () = check(&flags.registration, credential, &network, &mut diagnosis) => {}
        }
        // A registration handles an interrupt itself: it closes its connection first.
        diagnosis.add(if flags.register {
            register(&flags.registration, &options).await
        } else {
            Finding::skipped("registration", "not asked for: add --register")
        });
        diagnosis.finish()
    })?
}

/// The credential, if one is named.
fn load_credential(flags: &Registration) -> Result<Option<Credential>, Failure> {
    let registration_id = registration_id(&flags.service)?;
    let credential = credential_if_given(&flags.identity, registration_id.as_deref())?;
    Ok(credential.map(|it| it.load_if_ready()).transpose()?)
}

async fn check(
    flags: &Registration,
    credential: Result<Option<Credential>, Failure>,
    network: &Network,
    diagnosis: &mut Diagnosis,
) {
    diagnosis.add(scope(flags));
    let registration_id = match registration_id(&flags.service) {
        Ok(registration_id) => registration_id,
        Err(error) => {
            diagnosis.add(Finding::failed("registration id", error));
            None
        }
    };
    for finding in credential::check(credential, registration_id.as_deref(), SystemTime::now()) {
        diagnosis.add(finding);
    }
    if let Some((problem, remedy)) = exposed_secret(&flags.identity) {
        diagnosis.add(Finding::warning("secret file", problem, remedy));
    }
    if let Err(error) = network.check(diagnosis).await {
        diagnosis.add(Finding::failed("network", error));
    }
}

fn scope(flags: &Registration) -> Finding {
    let checked = id_scope(&flags.service).and_then(|given| given.map(IdScope::new).transpose());
    match checked {
        Ok(Some(id_scope)) => Finding::ok("id scope", format!("{id_scope} has a valid form")),
        Err(error) => Finding::failed("id scope", error),
        Ok(None) => Finding::skipped("id scope", "not given: add --id-scope"),
    }
}

async fn register(flags: &Registration, options: &Options<'_>) -> Finding {
    let checked = match CheckedClient::new(flags, options) {
        Ok(checked) => checked,
        Err(failure) => return Finding::failed("registration", failure),
    };
    match attempt::register(&checked, interrupted()).await {
        Ok(assignment) => {
            let (hub, device_id) = (assignment.assigned_hub(), assignment.device_id());
            Finding::ok("registration", format!("assigned to {hub} as {device_id}"))
        }
        Err(failure) => Finding::failed("registration", failure),
    }
}
