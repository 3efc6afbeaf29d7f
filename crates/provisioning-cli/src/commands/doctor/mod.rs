//! `dps doctor`: checks what a registration needs, from the credential to the service, and says what to do about each
//! problem.

mod cause;
mod clock;
mod code;
mod credential;
mod diagnosis;
mod finding;
pub(super) mod flags;
mod flight;
mod http;
mod network;
#[cfg(test)]
mod page;
mod proxy;
mod registration;
mod route;
mod server_certificate;
mod tls;
mod trusted;
mod validity;

use std::time::SystemTime;

use provisioning_device::{Credential, DEFAULT_SAS_LIFETIME, ErrorKind, IdScope};
use tokio::select;

use self::{
    clock::Evidence, code::Code, diagnosis::Diagnosis, finding::Finding, flags::Doctor, network::Network,
    validity::Validity,
};
use super::{interrupt::interrupted, runtime};
use crate::{
    input::{
        client::{id_scope, registration_id},
        credential::credential_if_given,
        credential_check::exposed_secret,
        flags::Registration,
        options::Options,
    },
    output::failure::Failure,
};

/// Checks everything. The findings are reported one by one; the summary is left to be printed.
pub(super) fn run(flags: &Doctor) -> Result<Diagnosis, Failure> {
    let options = Options::read(&flags.registration)?;
    let credential = load_credential(&flags.registration);
    let certificate = credential::certificate_to_present(credential.as_ref().ok().and_then(Option::as_ref));
    let network = Network::new(&flags.registration, &options, certificate)?;
    let mut diagnosis = Diagnosis::new();
    let is_x509 = matches!(credential, Ok(Some(Credential::X509(_))));
    runtime::block_on(async {
        let is_reached = select! {
            // First: an interrupt is handled from before the first finding is reported.
            biased;
            () = interrupted() => {
                let kind = ErrorKind::Cancelled;
                return Err(Failure::new(kind, "interrupted").with_hint(kind.hint()));
            }
            is_reached = check(&flags.registration, credential, &network, &mut diagnosis) => is_reached,
        };
        // A registration handles an interrupt itself: it closes its connection first.
        let registration = match (flags.register, is_reached) {
            (false, _) => Finding::skipped("registration", "not asked for: add --register"),
            (true, false) => Finding::skipped("registration", "no port that it would use completes TLS"),
            (true, true) => registration::check(&flags.registration, &options, is_x509).await,
        };
        diagnosis.add(registration);
        Ok(diagnosis.finish())
    })?
}

/// The credential, if one is named.
fn load_credential(flags: &Registration) -> Result<Option<Credential>, Failure> {
    let registration_id = registration_id(&flags.service)?;
    let credential = credential_if_given(&flags.identity, registration_id.as_deref())?;
    Ok(credential.map(|it| it.load_if_ready()).transpose()?)
}

/// Adds every finding but that of a registration. Returns whether the service is reached for one.
async fn check(
    flags: &Registration,
    credential: Result<Option<Credential>, Failure>,
    network: &Network<'_>,
    diagnosis: &mut Diagnosis,
) -> bool {
    diagnosis.add(scope(flags));
    let registration_id = match registration_id(&flags.service) {
        Ok(registration_id) => registration_id,
        Err(error) => {
            diagnosis.add(Finding::failed("registration id", Code::RegistrationIdInvalid, error));
            None
        }
    };
    let now = SystemTime::now();
    let lifetime = flags.identity.sas_lifetime.unwrap_or(DEFAULT_SAS_LIFETIME);
    let device = credential.as_ref().ok().and_then(Option::as_ref);
    let evidence = Evidence {
        head: Err("the service was not reached"),
        server: None,
        device: device.and_then(|it| Validity::of_credential(it, lifetime, now)),
    };
    for finding in credential::check(credential, registration_id.as_deref(), now) {
        diagnosis.add(finding);
    }
    if let Some((problem, remedy)) = exposed_secret(&flags.identity) {
        let failure = Failure::new(ErrorKind::Input, problem).with_hint(remedy);
        diagnosis.add(Finding::warning("secret file", Code::SecretExposed, failure));
    }
    network.check(evidence, diagnosis).await.unwrap_or_else(|error| {
        diagnosis.add(Finding::failed("network", Code::InputInvalid, error));
        false
    })
}

fn scope(flags: &Registration) -> Finding {
    let checked = id_scope(&flags.service).and_then(|given| given.map(IdScope::new).transpose());
    match checked {
        Ok(Some(id_scope)) => Finding::ok("id scope", format!("{id_scope} has a valid form")),
        Err(error) => Finding::failed("id scope", Code::IdScopeInvalid, error),
        Ok(None) => Finding::skipped("id scope", "not given: add --id-scope"),
    }
}
