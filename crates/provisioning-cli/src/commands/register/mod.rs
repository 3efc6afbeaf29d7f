//! `dps register`: registers the device and saves what the service issues.

mod assigned;
pub(super) mod attempt;
pub(super) mod flags;
mod issued_certificate;
#[cfg_attr(not(feature = "local"), path = "local_dps_absent.rs")]
mod local_dps;
mod new_key;
mod saved_files;
mod store;

use provisioning_device::RegistrationId;

use self::{
    assigned::Assigned, flags::Register, issued_certificate::IssuedCertificate, saved_files::SavedFiles, store::Store,
};
use super::runtime;
use crate::{
    input::{
        client::{CheckedClient, registration_id},
        credential::credential,
        credential_check::exposed_secret,
        options::Options,
    },
    output::{console, failure::Failure},
};

/// Registers the device. The answer is left to be printed.
pub(super) fn run(flags: &Register, is_verbose: bool) -> Result<Assigned, Failure> {
    let files = SavedFiles {
        store: flags.storage.store.as_deref().map(Store::open).transpose()?,
        certificate: IssuedCertificate::prepare(&flags.certificate, || device(flags))?,
    };
    files.check(flags.registration.files().chain(&flags.certificate.csr))?;
    let options = Options::read(&flags.registration)?
        .with_csr(files.csr(), flags.certificate.csr.clone())
        .with_force(flags.storage.force);
    if flags.local {
        // Before the local DPS starts.
        options.build(options.placeholder_builder(flags.local_device())?)?;
        return local_dps::register(flags, &options, files);
    }
    let client = CheckedClient::new(&flags.registration, &options)?;
    if is_verbose && let Some((problem, remedy)) = exposed_secret(&flags.registration.identity) {
        console::print_error(&format!("warning: {problem}: {remedy}"));
    }
    runtime::block_on(files.register(&client))?
}

/// The registration id of the device.
fn device(flags: &Register) -> Result<RegistrationId, Failure> {
    let service = &flags.registration.service;
    Ok(match registration_id(service)? {
        _ if flags.local => RegistrationId::new(flags.local_device())?,
        Some(id) => RegistrationId::new(id)?,
        None => credential(&flags.registration.identity, None)?.registration_id()?,
    })
}
