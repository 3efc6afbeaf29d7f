//! The call that makes a device.

use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::{
    config::device_of_json,
    input::without_text,
    refusal::Refusal,
    service::{Credential, NewAttestation, NewDevice, Service},
};

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

/// Reads the keys of a `[[devices]]` table, and two that it does not have.
fn read(mut body: Value) -> Result<NewDevice, Refusal> {
    let attestation = take(&mut body, "attestation")?;
    let own_enrollment = take(&mut body, "ownEnrollment")?;
    if attestation == NewAttestation::Key && body.get("certificate").is_some() {
        let message =
            "certificate: a device with a symmetric key has none; leave it out, or give attestation \"x509\".";
        return Err(Refusal::bad_request(message));
    }
    Ok(NewDevice {
        device: device_of_json(body).map_err(|message| Refusal::bad_request(format!("{message}.")))?,
        attestation,
        own_enrollment,
    })
}

/// Removes a member, which has its default value if it is absent.
fn take<T: DeserializeOwned + Default>(body: &mut Value, name: &str) -> Result<T, Refusal> {
    let Some(value) = body.as_object_mut().and_then(|members| members.remove(name)) else {
        return Ok(T::default());
    };
    serde_json::from_value(value).map_err(|error| {
        let message = without_text(&error.to_string());
        Refusal::bad_request(format!("{name}: {message}."))
    })
}
