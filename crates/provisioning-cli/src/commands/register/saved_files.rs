//! A registration whose assignment and certificate are saved in files.

use provisioning_device::{CertificateSigningRequest, ErrorKind};

use super::{
    assigned::Assigned,
    attempt,
    issued_certificate::IssuedCertificate,
    store::{Store, Stored},
};
use crate::{
    commands::interrupt::interrupted,
    input::client::CheckedClient,
    output::{console::print_error, failure::Failure},
};

/// The files that a registration writes.
pub(crate) struct SavedFiles {
    pub(crate) store: Option<Store>,
    pub(crate) certificate: Option<IssuedCertificate>,
}

impl SavedFiles {
    pub(crate) fn csr(&self) -> Option<CertificateSigningRequest> {
        let certificate = self.certificate.as_ref();
        certificate.map(|certificate| certificate.request().clone())
    }

    /// Registers the device unless its assignment is stored already, and writes the files.
    pub(crate) async fn register(mut self, checked: &CheckedClient) -> Result<Assigned, Failure> {
        // From before a key is written, so that an interrupt removes it.
        let interrupted = interrupted();
        let request = checked.client.request();
        let registration_id = request.registration_id();
        if let Some(store) = &self.store {
            let path = store.path().display();
            match store.look_up(request) {
                Stored::Assignment(assignment) => {
                    print_error(&format!("the assignment is stored in {path}; --force asks the service"));
                    return Ok(Assigned::new(registration_id, assignment));
                }
                Stored::Other => print_error(&format!(
                    "{path} contains the assignment of another device, id scope or host: replacing it"
                )),
                Stored::Nothing => {}
            }
        }
        let certificate = self.certificate.as_mut();
        let key_file = certificate.map(IssuedCertificate::write_key).transpose()?.flatten();
        let assignment = attempt::register(checked, interrupted).await?;
        if let Some(key_file) = key_file {
            key_file.keep();
        }
        // Write both before reporting that one failed.
        let stored = self.store.map(|store| store.write(request, &assignment));
        let issued = self
            .certificate
            .map(|certificate| certificate.write(request, &assignment));
        let mut not_written: Option<Failure> = None;
        for written in [stored, issued].into_iter().flatten() {
            let failure = match written {
                Ok(message) => {
                    print_error(&message);
                    continue;
                }
                Err(failure) => failure,
            };
            let is_local = failure.kind == ErrorKind::Local.into();
            let failures = match not_written.take() {
                Some(before) if is_local => before.and(failure),
                Some(before) => failure.and(before),
                None => failure,
            };
            if !is_local {
                // The certificates cannot be used.
                return Err(failures);
            }
            not_written = Some(failures);
        }
        Ok(Assigned::new(registration_id, &assignment).with_error(not_written))
    }
}
