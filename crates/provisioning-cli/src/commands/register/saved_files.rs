//! A registration whose assignment and certificate are saved in files.

use provisioning_device::{CertificateSigningRequest, ErrorKind, InputFile, InvalidInput};

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
    /// Checks that no file is written twice, and that no file of `inputs` is written.
    pub(crate) fn check<'a>(&self, inputs: impl IntoIterator<Item = &'a InputFile>) -> Result<(), InvalidInput> {
        let store = self.store.iter().flat_map(Store::files);
        let certificate = self.certificate.iter().flat_map(IssuedCertificate::files);
        let inputs = inputs.into_iter();
        let mut used: Vec<_> = inputs.filter_map(|file| file.path().canonicalize().ok()).collect();
        for file in store.chain(certificate) {
            if used.iter().any(|path| path == file.target()) {
                return Err(file.invalid("a file of its own".to_owned()));
            }
            used.push(file.target().to_owned());
        }
        Ok(())
    }

    pub(crate) fn csr(&self) -> Option<CertificateSigningRequest> {
        let certificate = self.certificate.as_ref();
        certificate.map(|certificate| certificate.request().clone())
    }

    /// Registers the device unless its assignment is stored already, and writes the files.
    pub(crate) async fn register(mut self, checked: &CheckedClient) -> Result<Assigned, Failure> {
        // Handled before a key is written, so that an interrupt removes the key.
        let interrupted = interrupted();
        let request = checked.client.request();
        let registration_id = request.registration_id();
        if let Some(store) = &self.store {
            match store.look_up(request) {
                Stored::Assignment(assignment) => {
                    let path = store.file.path().display();
                    print_error(&format!("the assignment is stored in {path}; --force asks the service"));
                    return Ok(Assigned::new(registration_id, assignment));
                }
                Stored::Other(message) => print_error(&message),
                Stored::Nothing => {}
            }
        }
        let certificate = self.certificate.as_mut();
        let key_file = certificate.map(IssuedCertificate::write_key).transpose()?.flatten();
        let registered = attempt::register(checked, interrupted).await;
        let assignment = registered.map_err(|failure| failure.see(None))?;
        if let Some(key_file) = key_file {
            key_file.keep();
        }
        // Write both before reporting that one failed.
        let stored = self.store.map(|store| store.write(request, &assignment));
        let issued = self
            .certificate
            .map(|certificate| certificate.write(request, &assignment));
        let mut failures = vec![];
        for written in [stored, issued].into_iter().flatten() {
            match written {
                Ok(message) => print_error(&message),
                Err(failure) => failures.push(failure),
            }
        }
        // Certificates that cannot be used come first.
        failures.sort_by_key(|failure| failure.kind == ErrorKind::Local.into());
        match failures.into_iter().reduce(Failure::and) {
            Some(failure) if failure.kind != ErrorKind::Local.into() => Err(failure),
            error => Ok(Assigned::new(registration_id, &assignment).with_error(error)),
        }
    }
}
