//! A registration whose outcome is kept.

use provisioning_device::CertificateSigningRequest;

use crate::{
    failure::Failure,
    inputs::Inputs,
    issuance::Issuance,
    outcome::Assigned,
    progress::Progress,
    registration::register,
    store::{Kept, Store},
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
        let request = inputs.client.request();
        let registration_id = request.registration_id();
        if let Some(store) = &self.store {
            let path = store.path().display();
            match store.look_up(request) {
                Kept::Answer(assignment) => {
                    progress.say(&format!("the assignment is kept in {path}; --force asks the service"));
                    return Ok(Assigned::new(registration_id, assignment.clone()));
                }
                Kept::Another => progress.say(&format!(
                    "{path} is about another device, id scope or host: replacing it"
                )),
                Kept::Nothing => {}
            }
        }
        let key_file = self.issuance.as_mut().map(Issuance::write_key).transpose()?.flatten();
        let assignment = register(inputs, progress).await?;
        if let Some(key_file) = key_file {
            key_file.keep();
        }
        // The assignment stands whatever becomes of the certificate, and the certificate whatever becomes of the file.
        let kept = self.store.map(|store| store.keep(request, &assignment));
        let issued = self.issuance.map(|issuance| issuance.finish(request, &assignment));
        for said in [kept, issued].into_iter().flatten() {
            progress.say(&said?);
        }
        Ok(Assigned::new(registration_id, assignment))
    }
}
