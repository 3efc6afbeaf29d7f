//! A registration whose outcome is kept.

use provisioning_device::{CertificateSigningRequest, ErrorKind};

use crate::{
    failure::Failure,
    inputs::Inputs,
    issuance::{Issuance, unwritable},
    outcome::Assigned,
    progress::Progress,
    register::register,
    store::{self, Kept, Store},
};

/// What is kept of a registration, and where.
pub(crate) struct Keeper {
    pub(crate) store: Option<Store>,
    pub(crate) issuance: Option<Issuance>,
}

impl Keeper {
    pub(crate) fn csr(&self) -> Option<CertificateSigningRequest> {
        self.issuance.as_ref().map(|issuance| issuance.request().clone())
    }

    /// Registers, unless the answer is kept already, and keeps what comes of it.
    pub(crate) async fn register(mut self, inputs: &Inputs, progress: &Progress) -> Result<Assigned, Failure> {
        let client = &inputs.client;
        let request = client.request();
        let registration_id = request.registration_id();
        if let Some(store) = &self.store {
            let path = store.path().display();
            match store.look_up(request) {
                Kept::Answer(assignment) => {
                    progress.say(&format!("the assignment is kept in {path}; --force asks the service"));
                    return Ok(Assigned::new(registration_id, assignment.clone()));
                }
                Kept::Another => progress.say(&format!("{path} is about another device or id scope: replacing it")),
                Kept::Nothing => {}
            }
        }
        let key_file = self.issuance.as_mut().map(Issuance::write_key).transpose()?.flatten();
        let assignment = register(inputs, progress).await?;
        if let Some(key_file) = key_file {
            key_file.keep();
        }
        // The assignment first: it stands whatever becomes of the certificate.
        if let Some(store) = self.store {
            let path = store.path().to_owned();
            store.keep(request, &assignment).map_err(|error| {
                let hint = "the assignment stands; it is not kept";
                Failure::although_assigned(
                    &assignment,
                    ErrorKind::Input,
                    &unwritable(store::WHAT, &path, &error),
                    hint,
                )
            })?;
            progress.say(&format!("the assignment is kept in {}", path.display()));
        }
        if let Some(issuance) = self.issuance {
            progress.say(&issuance.finish(&assignment, request)?);
        }
        Ok(Assigned::new(registration_id, assignment))
    }
}
