//! Devices that are made while the emulator runs, with what they need to register.

use std::sync::Arc;

use rustls_pki_types::{CertificateDer, pem::PemObject};
use tokio::task::spawn_blocking;

use super::Service;
use crate::{
    device::Device,
    enrollment::{AllocationPolicy, Enrollment, EnrollmentKind, Presented},
    error::EmulatorError,
    identity::{CertificateSettings, DeviceIdentity},
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
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NewAttestation {
    Certificate,
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
                self.enroll_for_certificate(&id, own_enrollment).await?;
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

    /// Enrolls a device for certificates of the emulator's CA, unless an enrollment admits it with one.
    async fn enroll_for_certificate(&self, id: &str, own: bool) -> Result<(), Refusal> {
        if own && !self.has_enrollment(id) {
            return self.enroll(Enrollment::individual(id).own_ca());
        }
        // A valid one: that of the device may have expired.
        let valid = self.issue(id, CertificateSettings::default()).await?;
        let chain = CertificateDer::pem_slice_iter(valid.certificate_chain_pem.as_bytes());
        let chain: Vec<_> = chain.flatten().collect();
        match self.enrollments.admit(id, Presented::Certificates(&chain)) {
            Ok(_) => Ok(()),
            Err(_) if self.has_enrollment(id) => Err(other_enrollment(id, "certificates of the emulator's CA")),
            Err(_) => self.enroll(Enrollment::individual(id).own_ca()),
        }
    }

    /// The symmetric key of a device, which is enrolled for one unless an enrollment admits it.
    fn enroll_for_key(&self, id: &str, own: bool) -> Result<String, Refusal> {
        if own && !self.has_enrollment(id) {
            self.enroll(Enrollment::individual(id))?;
        }
        let key = || self.enrollments.device_key(id).map(|key| key.to_base64());
        if let Some(key) = key() {
            return Ok(key);
        }
        if self.has_enrollment(id) {
            return Err(other_enrollment(id, "symmetric keys"));
        }
        self.enroll(Enrollment::individual(id))?;
        key().ok_or_else(|| other_enrollment(id, "symmetric keys"))
    }

    fn has_enrollment(&self, id: &str) -> bool {
        self.enrollments.get(EnrollmentKind::Individual, id).is_ok()
    }

    /// As the built-in groups do, the enrollment returns the payload of the device to it.
    fn enroll(&self, enrollment: Enrollment) -> Result<(), Refusal> {
        let any_hub = Vec::<String>::new();
        let enrollment = enrollment.hubs(any_hub, AllocationPolicy::Custom);
        self.enrollments.enroll(enrollment).map_err(refused)
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
