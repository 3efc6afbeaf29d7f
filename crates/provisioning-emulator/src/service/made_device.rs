//! Devices that are made while the emulator runs, with what they need to register.

use std::sync::Arc;

use rustls_pki_types::{CertificateDer, pem::PemObject};
use serde::Deserialize;
use tokio::task::spawn_blocking;

use super::Service;
use crate::{
    device::Device,
    enrollment::{AllocationPolicy, Enrollment, Presented},
    error::EmulatorError,
    identity::{CertificateSettings, DeviceIdentity, Validity},
    refusal::Refusal,
};

/// A device to make.
pub(crate) struct NewDevice {
    pub(crate) device: Device,
    pub(crate) attestation: NewAttestation,
    /// Whether it gets an enrollment of its own although a group admits it.
    pub(crate) own_enrollment: bool,
}

/// How a new device proves its identity.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
pub(crate) enum NewAttestation {
    #[default]
    #[serde(rename = "x509")]
    Certificate,
    #[serde(rename = "symmetricKey")]
    Key,
}

/// The credential of a new device.
pub(crate) enum Credential {
    Certificate(DeviceIdentity),
    /// In base64.
    Key(String),
}

impl Service {
    /// Makes a device: its credential, the enrollment that admits it unless there is one, and the faults that its
    /// description is shorthand for. They replace those that name the device, if there are any.
    pub(crate) async fn make_device(&self, new: NewDevice) -> Result<Credential, Refusal> {
        let NewDevice {
            device,
            attestation,
            own_enrollment,
        } = new;
        let id = device.registration_id.clone();
        let faults = device.faults().map_err(refused)?;
        let credential = match attestation {
            NewAttestation::Certificate => {
                let identity = self.issue(&id, device.certificate).await?;
                let valid = match device.certificate.validity {
                    Validity::Now => None,
                    Validity::Expired | Validity::NotYet => {
                        Some(self.issue(&id, CertificateSettings::default()).await?)
                    }
                };
                self.enroll_for_certificate(&id, own_enrollment, valid.as_ref().unwrap_or(&identity))?;
                Credential::Certificate(identity)
            }
            NewAttestation::Key => Credential::Key(self.enroll_for_key(&id, own_enrollment)?),
        };
        if !faults.is_empty() {
            self.faults.replace_of(&id, faults);
        }
        Ok(credential)
    }

    async fn issue(&self, id: &str, settings: CertificateSettings) -> Result<DeviceIdentity, Refusal> {
        let (authority, id) = (Arc::clone(&self.authority), id.to_owned());
        // An RSA key takes long.
        let issued = spawn_blocking(move || authority.issue_device(&id, settings)).await;
        let ended = |_| Refusal::new(500, 500_001, "The certificate could not be made.");
        issued.map_err(ended)?.map_err(refused)
    }

    /// Enrolls a device for certificates of the emulator's CA, unless an enrollment admits it with this one.
    fn enroll_for_certificate(&self, id: &str, own: bool, valid: &DeviceIdentity) -> Result<(), Refusal> {
        let chain = CertificateDer::pem_slice_iter(valid.certificate_chain_pem.as_bytes());
        let chain: Vec<_> = chain.flatten().collect();
        let is_admitted = || self.enrollments.admit(id, Presented::Certificates(&chain)).is_ok();
        if (own || !is_admitted()) && self.enroll(Enrollment::individual(id).own_ca())? {
            return Ok(());
        }
        match is_admitted() {
            true => Ok(()),
            false => Err(other_enrollment(id, "certificates of the emulator's CA")),
        }
    }

    /// The symmetric key of a device, which is enrolled for one unless an enrollment admits it.
    fn enroll_for_key(&self, id: &str, own: bool) -> Result<String, Refusal> {
        let key = || self.enrollments.device_key(id).map(|key| key.to_base64());
        if own || key().is_none() {
            self.enroll(Enrollment::individual(id))?;
        }
        key().ok_or_else(|| other_enrollment(id, "symmetric keys"))
    }

    /// Enrolls the device unless it has an enrollment of its own. Returns whether it did. As the built-in groups do, the
    /// enrollment returns the payload of the device to it.
    fn enroll(&self, enrollment: Enrollment) -> Result<bool, Refusal> {
        let any_hub = Vec::<String>::new();
        self.enrollments
            .create(enrollment.hubs(any_hub, AllocationPolicy::Custom))
    }
}

fn other_enrollment(id: &str, kind: &str) -> Refusal {
    let message = format!(
        "The device {id} has an enrollment of its own, which is not for {kind}: delete it first (DELETE /enrollments/{id}), \
         or take another registrationId."
    );
    Refusal::new(409, 409_201, message)
}

fn refused(error: EmulatorError) -> Refusal {
    Refusal::bad_request(format!("{error}."))
}
