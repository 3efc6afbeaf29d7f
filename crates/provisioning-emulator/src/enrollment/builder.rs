//! An enrollment, for programs that use the emulator as a library.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use super::{
    body::{
        self, AllocationPolicy, AttestationKind, Body, Certificate, Certificates, CustomAllocationDefinition,
        ProvisioningStatus, ReprovisionPolicy, SymmetricKeys,
    },
    proof,
    reference::{EnrollmentKind, EnrollmentRef},
};

/// The enrollment of a device or of a group, for [`Builder::enrollment`](crate::Builder::enrollment).
///
/// By default it has generated symmetric keys, is enabled, allocates to the emulator's hubs, and has a certificate policy:
/// certificates are issued for signing requests.
#[derive(Debug, Clone)]
pub struct Enrollment {
    pub(crate) kind: EnrollmentKind,
    pub(crate) id: String,
    pub(crate) body: Body,
}

impl Enrollment {
    /// The enrollment of one device.
    pub fn individual(registration_id: impl Into<String>) -> Self {
        let id = registration_id.into();
        let body = Body {
            registration_id: Some(id.clone()),
            ..Body::with_policy()
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
            ..Body::with_policy()
        };
        Self {
            kind: EnrollmentKind::Group,
            id,
            body,
        }
    }

    /// A TPM with this endorsement key, in base64. It is stored, and admits no device.
    #[must_use]
    pub fn tpm(mut self, endorsement_key: impl Into<String>) -> Self {
        self.body.attestation.kind = AttestationKind::Tpm;
        self.body.attestation.tpm = Some(json!({"endorsementKey": endorsement_key.into()}));
        self
    }

    /// The symmetric keys, in base64; the keys of the devices of a group are derived from them.
    #[must_use]
    pub fn symmetric_keys(mut self, primary: impl Into<String>, secondary: impl Into<String>) -> Self {
        self.body.attestation.kind = AttestationKind::SymmetricKey;
        self.body.attestation.symmetric_key = Some(SymmetricKeys {
            primary_key: Some(primary.into()),
            secondary_key: Some(secondary.into()),
        });
        self
    }

    /// The certificate, PEM or DER: of a device its own, of a group the CA that signed the certificates of its devices.
    #[must_use]
    pub fn certificate(mut self, certificate: impl AsRef<[u8]>) -> Self {
        let certificate = certificate.as_ref();
        let certificate = Certificate {
            certificate: Some(match std::str::from_utf8(certificate) {
                Ok(text) => text.to_owned(),
                Err(_) => STANDARD.encode(certificate),
            }),
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

    /// Any certificate that the emulator's CA signed for the device, or for a device of the group.
    #[must_use]
    pub fn own_ca(self) -> Self {
        self.certificate(proof::OWN_CA)
    }

    /// The thumbprint of the certificate of a device: SHA-1 or SHA-256, in hex.
    #[must_use]
    pub fn thumbprint(mut self, hex: impl Into<String>) -> Self {
        self.x509().thumbprints.get_or_insert_default().push(hex.into());
        self
    }

    /// Disables it: registrations end as `disabled`.
    #[must_use]
    pub fn disabled(mut self) -> Self {
        self.body.provisioning_status = ProvisioningStatus::Disabled;
        self
    }

    /// The id of the device at its hub; the registration id unless given.
    #[must_use]
    pub fn device_id(mut self, device_id: impl Into<String>) -> Self {
        self.body.device_id = Some(device_id.into());
        self
    }

    /// The hubs, and the policy that selects one.
    #[must_use]
    pub fn hubs<H: Into<String>>(mut self, hubs: impl IntoIterator<Item = H>, policy: AllocationPolicy) -> Self {
        self.body.iot_hubs = Some(hubs.into_iter().map(Into::into).collect());
        self.body.allocation_policy = policy;
        self
    }

    /// The webhook that selects the hub: an http or https URL. The policy is
    /// [`Custom`](AllocationPolicy::Custom).
    #[must_use]
    pub fn webhook(mut self, url: impl Into<String>) -> Self {
        self.body.allocation_policy = AllocationPolicy::Custom;
        self.body.custom_allocation_definition = Some(CustomAllocationDefinition {
            webhook_url: url.into(),
            api_version: "2021-10-01".to_owned(),
        });
        self
    }

    /// Whether a device that registers again may be assigned to another hub, and whether its data is migrated. Both are
    /// on by default.
    #[must_use]
    pub fn reprovisioning(mut self, update_hub_assignment: bool, migrate_device_data: bool) -> Self {
        self.body.reprovision_policy = ReprovisionPolicy {
            update_hub_assignment,
            migrate_device_data,
        };
        self
    }

    /// Removes the certificate policy: no certificate is issued for a signing request.
    #[must_use]
    pub fn without_certificate_policy(mut self) -> Self {
        self.body.namespace_name = None;
        self.body.certificate_authority_name = None;
        self.body.certificate_policy_name = None;
        self
    }

    /// Whether a certificate of the emulator's CA is the only credential.
    pub(crate) fn is_for_own_ca(&self) -> bool {
        let x509 = self.body.attestation.x509.as_ref();
        let is_group = self.kind == EnrollmentKind::Group;
        self.body.attestation.kind == AttestationKind::X509
            && x509.is_some_and(|x509| x509.thumbprints.is_none() && x509.certificates(is_group).eq([proof::OWN_CA]))
    }

    /// It as the configuration has it. The emulator's CA of a group is written out: with another CA it is another group.
    pub(crate) fn configured(&self, own_ca_pem: &str) -> (EnrollmentRef, Value) {
        let mut body = self.body.clone();
        for (_, given) in body.attestation.certificates_mut() {
            if self.kind == EnrollmentKind::Group
                && let Some(text) = given.certificate.as_mut().filter(|text| *text == proof::OWN_CA)
            {
                own_ca_pem.clone_into(text);
            }
        }
        (EnrollmentRef::new(self.kind, &self.id), body.to_json())
    }

    fn x509(&mut self) -> &mut body::X509 {
        self.body.attestation.kind = AttestationKind::X509;
        self.body.attestation.x509.get_or_insert_default()
    }
}
