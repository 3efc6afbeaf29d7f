//! An enrollment as the REST API of the service has it.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::invalid::{self, Invalid};

/// An individual enrollment or an enrollment group, with the members of both under their wire names.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(crate) struct Body {
    pub(crate) registration_id: Option<String>,
    pub(crate) enrollment_group_id: Option<String>,
    pub(crate) device_id: Option<String>,
    pub(crate) attestation: Attestation,
    pub(crate) provisioning_status: ProvisioningStatus,
    pub(crate) iot_hub_host_name: Option<String>,
    pub(crate) iot_hubs: Option<Vec<String>>,
    pub(crate) allocation_policy: AllocationPolicy,
    pub(crate) custom_allocation_definition: Option<CustomAllocationDefinition>,
    pub(crate) reprovision_policy: ReprovisionPolicy,
    pub(crate) initial_twin: Option<Value>,
    pub(crate) capabilities: Option<Value>,
    pub(crate) optional_device_information: Option<Value>,
    /// With the two that follow, the policy that issues certificates for signing requests: all three or none.
    pub(crate) namespace_name: Option<String>,
    pub(crate) certificate_authority_name: Option<String>,
    pub(crate) certificate_policy_name: Option<String>,
    /// Of api-version 2025-07-01-preview, without effect.
    pub(crate) credential_policy_name: Option<String>,
    pub(crate) etag: Option<String>,
    pub(crate) created_date_time_utc: Option<String>,
    pub(crate) last_updated_date_time_utc: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Attestation {
    #[serde(rename = "type")]
    pub(crate) kind: AttestationKind,
    pub(crate) x509: Option<X509>,
    pub(crate) symmetric_key: Option<SymmetricKeys>,
    pub(crate) tpm: Option<Value>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum AttestationKind {
    X509,
    #[default]
    SymmetricKey,
    Tpm,
    None,
}

impl AttestationKind {
    /// The service's name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::SymmetricKey => "symmetricKey",
            Self::X509 => "x509",
            Self::Tpm => "tpm",
            Self::None => "none",
        }
    }
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(crate) struct X509 {
    /// Of an individual enrollment: the certificate of the device.
    pub(crate) client_certificates: Option<Certificates>,
    /// Of a group: the CA that signs its devices' certificates.
    pub(crate) signing_certificates: Option<Certificates>,
    pub(crate) ca_references: Option<Value>,
    /// Only the emulator has it: of an individual enrollment, SHA-1 or SHA-256 of the device's certificate, in hex.
    pub(crate) thumbprints: Option<Vec<String>>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(crate) struct Certificates {
    pub(crate) primary: Option<Certificate>,
    pub(crate) secondary: Option<Certificate>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(crate) struct Certificate {
    /// PEM, or base64 of DER.
    pub(crate) certificate: Option<String>,
    pub(crate) info: Option<Value>,
}

#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(crate) struct SymmetricKeys {
    pub(crate) primary_key: Option<String>,
    pub(crate) secondary_key: Option<String>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum ProvisioningStatus {
    #[default]
    Enabled,
    Disabled,
}

/// How one of the hubs of an enrollment is selected.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum AllocationPolicy {
    /// By the registration id, evenly distributed.
    #[default]
    Hashed,
    /// By the lowest latency; here the first one.
    GeoLatency,
    /// The first one.
    Static,
    /// By a webhook. An enrollment without one is assigned to the first hub, and the payload is returned to the device.
    Custom,
}

/// The webhook of custom allocation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct CustomAllocationDefinition {
    pub(crate) webhook_url: String,
    pub(crate) api_version: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(crate) struct ReprovisionPolicy {
    pub(crate) update_hub_assignment: bool,
    pub(crate) migrate_device_data: bool,
}

impl Default for ReprovisionPolicy {
    /// The service's defaults.
    fn default() -> Self {
        Self {
            update_hub_assignment: true,
            migrate_device_data: true,
        }
    }
}

impl Attestation {
    /// The certificates in it, and the path of each.
    pub(crate) fn certificates_mut(&mut self) -> impl Iterator<Item = (String, &mut Certificate)> {
        let x509 = self.x509.iter_mut();
        let both = x509.flat_map(|x509| {
            [
                ("clientCertificates", &mut x509.client_certificates),
                ("signingCertificates", &mut x509.signing_certificates),
            ]
        });
        let certificates = both.filter_map(|(name, both)| Some((name, both.as_mut()?)));
        let certificates = certificates.flat_map(|(name, both)| {
            [("primary", &mut both.primary), ("secondary", &mut both.secondary)]
                .map(|(rank, certificate)| (format!("attestation.x509.{name}.{rank}"), certificate))
        });
        certificates.filter_map(|(path, certificate)| Some((path, certificate.as_mut()?)))
    }
}

impl Attestation {
    /// The symmetric keys in it, and the path of each.
    pub(crate) fn symmetric_keys_mut(&mut self) -> impl Iterator<Item = (String, &mut Option<String>)> {
        let keys = self.symmetric_key.iter_mut().flat_map(|keys| {
            [
                ("primaryKey", &mut keys.primary_key),
                ("secondaryKey", &mut keys.secondary_key),
            ]
        });
        keys.map(|(name, key)| (format!("attestation.symmetricKey.{name}"), key))
    }
}

impl fmt::Debug for SymmetricKeys {
    /// Without the keys.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("SymmetricKeys").finish_non_exhaustive()
    }
}

impl X509 {
    /// The certificates of the kind of enrollment: of a group its CAs, of a device its own.
    pub(super) fn certificates(&self, is_group: bool) -> impl Iterator<Item = &str> {
        let both = if is_group {
            &self.signing_certificates
        } else {
            &self.client_certificates
        };
        let certificates = both.iter().flat_map(|both| [&both.primary, &both.secondary]);
        certificates.flatten().filter_map(|given| given.certificate.as_deref())
    }
}

impl Certificates {
    /// Whether there is a certificate, and not only its `info`.
    pub(super) fn are_given(&self) -> bool {
        let both = [&self.primary, &self.secondary];
        both.into_iter().flatten().any(|given| given.certificate.is_some())
    }
}

impl Body {
    /// A body with the emulator's own certificate policy.
    pub(super) fn with_policy() -> Self {
        Self {
            namespace_name: Some("local-namespace".to_owned()),
            certificate_authority_name: Some("local-ca".to_owned()),
            certificate_policy_name: Some("local-policy".to_owned()),
            ..Self::default()
        }
    }

    /// Reads the body of a call. `null` counts as absent.
    pub(crate) fn read(mut body: Value) -> Result<Self, Invalid> {
        let Some(members) = body.as_object_mut() else {
            return Err(Invalid::new("The body", "expected a JSON object"));
        };
        members.retain(|name, value| !value.is_null() && !IGNORED.contains(&name.as_str()));
        invalid::read(body, "The enrollment")
    }

    /// The JSON of the REST API, with the keys.
    pub(crate) fn to_json(&self) -> Value {
        without_nulls(serde_json::to_value(self).unwrap_or_default())
    }
}

/// Members of the answers of the service that clients send back.
const IGNORED: [&str; 2] = ["registrationState", "clientCertificateIssuancePolicy"];

/// Members that can have any value, `null` included.
const VERBATIM: [&str; 2] = ["initialTwin", "optionalDeviceInformation"];

fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(fields) => Value::Object(
            fields
                .into_iter()
                .filter(|(_, value)| !value.is_null())
                .map(|(name, value)| match VERBATIM.contains(&name.as_str()) {
                    true => (name, value),
                    false => (name, without_nulls(value)),
                })
                .collect::<Map<_, _>>(),
        ),
        other => other,
    }
}
