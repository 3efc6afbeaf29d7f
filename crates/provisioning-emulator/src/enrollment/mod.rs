//! Enrollments: which devices may register, with what proof, and where they go.

mod body;
mod proof;
mod store;

pub use body::AllocationPolicy;
pub(crate) use body::Body;
pub(crate) use store::{Allocation, EnrollmentKind, EnrollmentRef, Enrollments, Presented};

use body::{AttestationKind, Certificate, Certificates, ProvisioningStatus, ReprovisionPolicy, SymmetricKeys};

/// One device's enrollment, or a group's: to be given to [`Builder::enrollment`](crate::Builder::enrollment).
///
/// Unless told otherwise it is for symmetric keys that are made up, enabled, and leads to the emulator's hubs.
#[derive(Debug, Clone)]
pub struct Enrollment {
    pub(crate) kind: EnrollmentKind,
    pub(crate) id: String,
    pub(crate) body: Body,
}

impl Body {
    /// Says what of it cannot be used, as far as that can be said without the emulator's own CA.
    pub(crate) fn check(&self, kind: EnrollmentKind) -> Result<(), String> {
        let is_group = kind == EnrollmentKind::Group;
        if self.is_for_own_ca(is_group) {
            return Ok(());
        }
        let mut attestation = self.attestation.clone();
        // What stands beside the own CA can be checked, and be read in its place.
        let beside = attestation
            .certificates_mut()
            .find(|text| *text != proof::OWN_CA)
            .cloned();
        proof::Proof::read(&mut attestation, is_group, &beside.unwrap_or_default()).map(drop)
    }

    /// Whether it is proved by nothing else than a certificate of the emulator's own CA.
    fn is_for_own_ca(&self, is_group: bool) -> bool {
        let x509 = self.attestation.x509.as_ref();
        self.attestation.kind == AttestationKind::X509
            && x509.is_some_and(|x509| x509.thumbprints.is_none() && x509.certificates(is_group).eq([proof::OWN_CA]))
    }
}

impl Enrollment {
    /// The enrollment of one device.
    pub fn individual(registration_id: impl Into<String>) -> Self {
        let id = registration_id.into();
        let body = Body {
            registration_id: Some(id.clone()),
            ..Body::default()
        };
        Self {
            kind: EnrollmentKind::Individual,
            id,
            body,
        }
    }

    /// The enrollment of all devices whose certificates one CA signed, or whose keys are derived from one key.
    pub fn group(enrollment_group_id: impl Into<String>) -> Self {
        let id = enrollment_group_id.into();
        let body = Body {
            enrollment_group_id: Some(id.clone()),
            ..Body::default()
        };
        Self {
            kind: EnrollmentKind::Group,
            id,
            body,
        }
    }

    /// Is proved by one of these symmetric keys, in base64; in a group, the devices' are derived from them.
    #[must_use]
    pub fn symmetric_keys(mut self, primary: impl Into<String>, secondary: impl Into<String>) -> Self {
        self.body.attestation.kind = AttestationKind::SymmetricKey;
        self.body.attestation.symmetric_key = Some(SymmetricKeys {
            primary_key: Some(primary.into()),
            secondary_key: Some(secondary.into()),
        });
        self
    }

    /// Is proved by this certificate, PEM: of one device its own, of a group the CA's that signed the devices'.
    #[must_use]
    pub fn certificate(mut self, pem: impl Into<String>) -> Self {
        let certificate = Certificate {
            certificate: Some(pem.into()),
            info: None,
        };
        let certificates = Some(Certificates {
            primary: Some(certificate),
            secondary: None,
        });
        match self.kind {
            EnrollmentKind::Individual => self.x509().client_certificates = certificates,
            EnrollmentKind::Group => self.x509().signing_certificates = certificates,
        }
        self
    }

    /// Is proved by any certificate that the emulator's own CA signed for the device, or for any device of the group.
    #[must_use]
    pub fn own_ca(self) -> Self {
        self.certificate(proof::OWN_CA)
    }

    /// Is proved by the certificate with this thumbprint: SHA-1 or SHA-256, in hex. For one device only.
    #[must_use]
    pub fn thumbprint(mut self, hex: impl Into<String>) -> Self {
        self.x509().thumbprints.get_or_insert_default().push(hex.into());
        self
    }

    /// Is disabled: its devices' registrations end as `disabled`.
    #[must_use]
    pub fn disabled(mut self) -> Self {
        self.body.provisioning_status = ProvisioningStatus::Disabled;
        self
    }

    /// The device's id at its hub, where it is not the registration id.
    #[must_use]
    pub fn device_id(mut self, device_id: impl Into<String>) -> Self {
        self.body.device_id = Some(device_id.into());
        self
    }

    /// Leads to these hubs, chosen by this policy.
    #[must_use]
    pub fn hubs<H: Into<String>>(mut self, hubs: impl IntoIterator<Item = H>, policy: AllocationPolicy) -> Self {
        self.body.iot_hubs = Some(hubs.into_iter().map(Into::into).collect());
        self.body.allocation_policy = policy;
        self
    }

    /// Whether a device that registers again may get another hub, and whether its data goes there with it. Both unless
    /// given.
    #[must_use]
    pub fn reprovisioning(mut self, update_hub_assignment: bool, migrate_device_data: bool) -> Self {
        self.body.reprovision_policy = ReprovisionPolicy {
            update_hub_assignment,
            migrate_device_data,
        };
        self
    }

    pub(crate) fn is_for_own_ca(&self) -> bool {
        self.body.is_for_own_ca(self.kind == EnrollmentKind::Group)
    }

    fn x509(&mut self) -> &mut body::X509 {
        self.body.attestation.kind = AttestationKind::X509;
        self.body.attestation.x509.get_or_insert_default()
    }
}
