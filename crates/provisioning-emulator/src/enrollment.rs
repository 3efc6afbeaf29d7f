//! One enrollment or enrollment group: read from the REST API's shape, and how it judges what a device shows.

use std::{sync::Arc, time::SystemTime};

use base64::{Engine, engine::general_purpose::STANDARD};
use rustls::{RootCertStore, crypto::ring, server::WebPkiClientVerifier};
use rustls_pki_types::{CertificateDer, UnixTime, pem::PemObject};
use serde_json::{Map, Value, json};

use crate::{
    keys::{Key, Token},
    refused::Refused,
};

/// An enrollment as it is kept. Keys are apart from the rest, which may be shown.
pub(crate) struct Enrollment {
    pub(crate) fields: Map<String, Value>,
    attestation: Attestation,
}

enum Attestation {
    Keys(Vec<Key>),
    /// Any of these leaves.
    Leaves(Vec<CertificateDer<'static>>),
    /// Any leaf that one of these signed.
    Authorities(Vec<CertificateDer<'static>>),
}

impl Enrollment {
    /// Reads a body. Where it leaves its keys out, `former`'s are kept, else new ones are made up.
    pub(crate) fn read(body: Value, is_group: bool, former: Option<&Self>) -> Result<Self, Refused> {
        let Value::Object(mut fields) = body else {
            return Err(bad("The body is not a JSON object."));
        };
        check_choice(&fields, "provisioningStatus", &["enabled", "disabled"])?;
        check_choice(
            &fields,
            "allocationPolicy",
            &["hashed", "geoLatency", "static", "custom"],
        )?;
        for name in ["deviceId", "iotHubHostName"] {
            if fields.get(name).is_some_and(|it| !it.is_string() && !it.is_null()) {
                return Err(bad(&format!("{name} is not a string.")));
            }
        }
        let hubs = fields.get("iotHubs").filter(|hubs| !hubs.is_null());
        if hubs.is_some_and(|hubs| !hubs.as_array().is_some_and(|hubs| hubs.iter().all(Value::is_string))) {
            return Err(bad("iotHubs is not an array of strings."));
        }
        let given = fields.get("attestation").cloned().unwrap_or_default();
        let attestation = match given["type"].as_str() {
            Some("symmetricKey") => Attestation::Keys(keys(&given["symmetricKey"], former)?),
            Some("x509") => x509(&given["x509"], is_group)?,
            _ => return Err(bad("attestation.type is neither x509 nor symmetricKey.")),
        };
        if let Attestation::Keys(_) = attestation {
            fields.insert("attestation".into(), json!({"type": "symmetricKey"}));
        }
        fields.entry("provisioningStatus").or_insert_with(|| json!("enabled"));
        Ok(Self { fields, attestation })
    }

    pub(crate) fn is_disabled(&self) -> bool {
        self.fields["provisioningStatus"] == "disabled"
    }

    pub(crate) fn is_x509(&self) -> bool {
        !matches!(self.attestation, Attestation::Keys(_))
    }

    /// The attestation, its keys included.
    pub(crate) fn mechanism(&self) -> Value {
        match &self.attestation {
            Attestation::Keys(keys) => {
                let key = |at: usize| keys.get(at).map(Key::to_base64);
                json!({"type": "symmetricKey", "symmetricKey": {"primaryKey": key(0), "secondaryKey": key(1)}})
            }
            Attestation::Leaves(_) | Attestation::Authorities(_) => self.fields["attestation"].clone(),
        }
    }

    /// Why the token does not prove that the device is `registration_id`; with `derive`, these are a group's keys.
    pub(crate) fn check_token(&self, token: &str, scope: &str, id: &str, derive: bool) -> Result<(), &'static str> {
        let Attestation::Keys(keys) = &self.attestation else {
            return Err("the enrollment is for certificates");
        };
        let token = Token::parse(token).ok_or("the password is no token")?;
        let derived = keys.iter().map(|key| if derive { key.derive(id) } else { key.clone() });
        token.check(scope, id, &derived.collect::<Vec<_>>())
    }

    /// Why these certificates, leaf first, are not what is enrolled. TLS has proven that the device has the key.
    pub(crate) fn check_chain(&self, chain: &[CertificateDer<'static>]) -> Result<(), &'static str> {
        let (leaf, intermediates) = chain.split_first().ok_or("there is no certificate")?;
        match &self.attestation {
            Attestation::Keys(_) => Err("the enrollment is for symmetric keys"),
            Attestation::Leaves(leaves) if leaves.contains(leaf) => Ok(()),
            Attestation::Leaves(_) => Err("the certificate is not the enrolled one"),
            Attestation::Authorities(authorities) => signed_by(authorities, leaf, intermediates),
        }
    }
}

fn signed_by(
    authorities: &[CertificateDer<'static>],
    leaf: &CertificateDer<'_>,
    intermediates: &[CertificateDer<'_>],
) -> Result<(), &'static str> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(authorities.iter().cloned());
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::new(ring::default_provider()));
    let verifier = verifier.build().map_err(|_| "the group's CA cannot be used")?;
    let since_epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let now = UnixTime::since_unix_epoch(since_epoch.unwrap_or_default());
    match verifier.verify_client_cert(leaf, intermediates, now) {
        Ok(_) => Ok(()),
        Err(_) => Err("the certificate does not chain to the group's CA"),
    }
}

fn keys(given: &Value, former: Option<&Enrollment>) -> Result<Vec<Key>, Refused> {
    let former = match former.map(|former| &former.attestation) {
        Some(Attestation::Keys(keys)) => keys.as_slice(),
        _ => &[],
    };
    let names = ["primaryKey", "secondaryKey"];
    let read = names.iter().enumerate().map(|(at, name)| match &given[*name] {
        Value::Null => Ok(former.get(at).cloned().unwrap_or_else(Key::generate)),
        Value::String(text) if text.is_empty() => Ok(former.get(at).cloned().unwrap_or_else(Key::generate)),
        Value::String(text) => {
            Key::from_base64(text).ok_or_else(|| bad(&format!("attestation.symmetricKey.{name} is no base64.")))
        }
        _ => Err(bad(&format!("attestation.symmetricKey.{name} is not a string."))),
    });
    read.collect()
}

fn x509(given: &Value, is_group: bool) -> Result<Attestation, Refused> {
    let name = if is_group {
        "signingCertificates"
    } else {
        "clientCertificates"
    };
    let mut certificates = vec![];
    for place in ["primary", "secondary"] {
        let text = match &given[name][place]["certificate"] {
            Value::Null => continue,
            Value::String(text) => text,
            _ => {
                return Err(bad(&format!(
                    "attestation.x509.{name}.{place}.certificate is not a string."
                )));
            }
        };
        let certificate = certificate(text).ok_or_else(|| {
            let wrong = "is no certificate (PEM, or DER in base64)";
            bad(&format!("attestation.x509.{name}.{place}.certificate {wrong}."))
        })?;
        certificates.push(certificate);
    }
    match (certificates.is_empty(), is_group) {
        (true, _) => Err(bad(&format!("attestation.x509.{name} has no certificate."))),
        (false, true) => Ok(Attestation::Authorities(certificates)),
        (false, false) => Ok(Attestation::Leaves(certificates)),
    }
}

fn certificate(text: &str) -> Option<CertificateDer<'static>> {
    let der = CertificateDer::from_pem_slice(text.as_bytes())
        .ok()
        .or_else(|| STANDARD.decode(text.trim()).ok().map(CertificateDer::from))?;
    x509_parser::parse_x509_certificate(&der).is_ok().then_some(der)
}

fn check_choice(fields: &Map<String, Value>, name: &str, choices: &[&str]) -> Result<(), Refused> {
    match fields.get(name) {
        None | Some(Value::Null) => Ok(()),
        Some(value) if value.as_str().is_some_and(|value| choices.contains(&value)) => Ok(()),
        Some(_) => Err(bad(&format!("{name} is none of {}.", choices.join(", ")))),
    }
}

pub(crate) fn bad(message: &str) -> Refused {
    Refused {
        status: 400,
        error_code: 400_004,
        message: message.to_owned(),
    }
}
