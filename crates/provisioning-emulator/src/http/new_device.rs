//! The call that makes a device.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    config::device_of_json,
    input::without_text,
    refusal::Refusal,
    service::{Credential, NewAttestation, NewDevice, Service},
};

/// The members that a `[[devices]]` table does not have.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Body {
    #[serde(default)]
    attestation: Attestation,
    #[serde(default)]
    own_enrollment: bool,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Attestation {
    #[default]
    X509,
    SymmetricKey,
}

/// Makes the device of this body. Returns what it needs to register.
pub(super) async fn create(service: &Service, body: Value) -> Result<Value, Refusal> {
    let new = read(body)?;
    let id = new.device.registration_id.clone();
    let mut answer = json!({
        "registrationId": id,
        "idScope": service.id_scope,
        "ca": service.authority.certificate_pem(),
    });
    // An emulator in memory has none.
    for (name, address) in [
        ("mqttAddress", service.addresses.mqtt()),
        ("wsAddress", service.addresses.websocket()),
    ] {
        if let Some(address) = address {
            answer[name] = address.into();
        }
    }
    match service.make_device(new).await? {
        Credential::Certificate(identity) => {
            answer["certificate"] = identity.certificate_chain_pem.into();
            answer["privateKey"] = identity.private_key_pem.into();
        }
        Credential::Key(key) => answer["symmetricKey"] = key.into(),
    }
    Ok(answer)
}

fn read(mut body: Value) -> Result<NewDevice, Refusal> {
    let refused = |message| Refusal::bad_request(format!("{message}."));
    let Body {
        attestation,
        own_enrollment,
    } = serde_path_to_error::deserialize(body.clone()).map_err(|error| {
        refused(format!(
            "{}: {}",
            error.path(),
            without_text(&error.inner().to_string())
        ))
    })?;
    if let Some(members) = body.as_object_mut() {
        members.remove("attestation");
        members.remove("ownEnrollment");
    }
    let has_certificate = body.get("certificate").is_some();
    if attestation == Attestation::SymmetricKey && has_certificate {
        let message = "certificate: a device with a symmetric key has none; leave it out, or give attestation \"x509\"";
        return Err(refused(message.to_owned()));
    }
    Ok(NewDevice {
        device: device_of_json(body).map_err(refused)?,
        attestation: match attestation {
            Attestation::X509 => NewAttestation::Certificate,
            Attestation::SymmetricKey => NewAttestation::Key,
        },
        own_enrollment,
    })
}
