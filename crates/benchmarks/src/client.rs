//! The client of this project.

use std::{fs, time::Duration};

use provisioning_device::{
    Builder, Credential, MqttOptions, ProvisioningDeviceClient, RegistrationId, SymmetricKey, Transport as Way,
    X509Credential,
};

use crate::{
    Result,
    task::{DEVICE, Pipelining, Roots, Task, Transport},
};

/// A client for the device with a certificate.
pub(crate) fn with_certificate(task: &Task) -> Result<ProvisioningDeviceClient> {
    let file = |end: &str| fs::read(task.facts.folder.join(format!("devices/{DEVICE}.{end}")));
    let credential = X509Credential::from_pem(&file("pem")?, &file("key")?)?;
    Ok(builder(task, &ca(task)?, credential).build()?)
}

/// Clients for devices of the group.
pub(crate) fn with_keys(task: &Task, count: u32) -> Result<Vec<ProvisioningDeviceClient>> {
    let group_key = SymmetricKey::from_base64(&task.facts.group_key)?;
    let ca = ca(task)?;
    let client = |number| -> Result<_> {
        let id = RegistrationId::new(format!("meter-{number}"))?;
        // The service asks them to wait for longer than the registration may take otherwise.
        let builder = builder(task, &ca, group_key.derive(&id)).with_timeout(Duration::from_secs(3600));
        Ok(builder.with_registration_id(id).build()?)
    };
    (1..=count).map(client).collect()
}

fn ca(task: &Task) -> Result<Vec<u8>> {
    Ok(fs::read(task.facts.folder.join("ca.pem"))?)
}

fn builder(task: &Task, ca: &[u8], credential: impl Into<Credential>) -> Builder {
    let (way, host) = match task.transport {
        Transport::Mqtt => (Way::Mqtt, &task.facts.mqtt),
        Transport::WebSocket => (Way::MqttWs, &task.facts.websocket),
    };
    let builder = ProvisioningDeviceClient::builder(task.facts.id_scope.as_str(), credential, way);
    let builder = builder.with_host(host.as_str());
    let builder = match task.roots {
        Roots::Own => builder.with_ca_pem(ca),
        Roots::Platform => builder.with_extra_ca_pem(ca),
    };
    builder.with_mqtt_options(MqttOptions::default().with_pipelining(match task.pipelining {
        Pipelining::Off => provisioning_device::Pipelining::Off,
        Pipelining::AfterConnack => provisioning_device::Pipelining::AfterConnack,
        Pipelining::Full => provisioning_device::Pipelining::Full,
    }))
}
