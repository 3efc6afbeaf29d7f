//! From the registration to the hub: registers with a local DPS that is started in the process, keeps the
//! assignment, and connects rumqttc to the hub with the values that come of it: once with a symmetric key, once with
//! a certificate.
//!
//! Usage: `hub PORT CA_FILE DEVICE_CA_FILE`, with the port of an MQTT broker on localhost that speaks TLS, which plays
//! the hub, and the CA that signed its certificate. The CA of the device's certificate is written to `DEVICE_CA_FILE`,
//! for the broker to verify that certificate with.

use std::{
    error::Error,
    sync::Arc,
    time::{Duration, SystemTime},
};

use provisioning_device::{
    Credential, HubAuth, HubConnection, ProvisioningDeviceClient, StoredAssignment, SymmetricKey, Transport,
    X509Credential,
};
use provisioning_emulator::Emulator;
use rumqttc::{AsyncClient, Event, MqttOptions, Packet, QoS, TlsConfiguration};
use rustls::{ClientConfig, RootCertStore, crypto::ring};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let mut argument = || arguments.next().ok_or("usage: hub PORT CA_FILE DEVICE_CA_FILE");
    let (port, ca_file, device_ca_file) = (argument()?, argument()?, argument()?);
    let emulator = Emulator::builder()
        .assigned_hub("localhost")
        .polls_before_assigning(0)
        .start()
        .await?;
    std::fs::write(device_ca_file, emulator.ca_pem())?;

    let key = SymmetricKey::from_base64(&emulator.group_key())?.derive(&"meter-1".parse()?);
    visit(&emulator, "meter-1", key.into(), port.parse()?, &ca_file).await?;

    let device = emulator.issue_device("meter-2")?;
    let (chain, private_key) = (device.certificate_chain_pem, device.private_key_pem);
    let x509 = X509Credential::from_pem(chain.as_bytes(), private_key.as_bytes())?;
    visit(&emulator, "meter-2", x509.into(), port.parse()?, &ca_file).await
}

/// Registers, and goes to the hub that the service names.
async fn visit(
    emulator: &Emulator,
    registration_id: &str,
    credential: Credential,
    port: u16,
    ca_file: &str,
) -> Result<(), Box<dyn Error>> {
    let client = ProvisioningDeviceClient::builder(emulator.id_scope(), credential.clone(), Transport::Mqtt)
        .with_host(emulator.mqtt_address())
        .with_ca_pem(emulator.ca_pem())
        .with_registration_id(registration_id)
        .build()?;
    let assignment = client.register().await?;

    // A device keeps this over restarts, and asks the service again only when the hub no longer takes it.
    let kept = serde_json::to_string(&StoredAssignment::new(client.request(), assignment))?;
    let stored: StoredAssignment = serde_json::from_str(&kept)?;
    let assignment = client.register_unless_stored(Some(&stored)).await?.into_assignment();

    let expires_at = SystemTime::now() + Duration::from_secs(3600);
    let hub = HubConnection::new(&assignment, &credential, expires_at).await?;
    let mut options = MqttOptions::new(hub.client_id(), hub.host(), port);
    let password = match hub.auth() {
        HubAuth::Sas(token) => token.text().expose_str().unwrap_or_default().to_owned(),
        _ => String::new(),
    };
    options.set_credentials(hub.user_name(), password);
    options.set_transport(rumqttc::Transport::Tls(TlsConfiguration::Rustls(Arc::new(tls(
        &hub, ca_file,
    )?))));
    let (mqtt, mut events) = AsyncClient::new(options, 10);
    let topic = format!("devices/{}/messages/events/", hub.client_id());
    mqtt.publish(topic, QoS::AtLeastOnce, false, r#"{"temperature":21.5}"#)
        .await?;
    while !matches!(events.poll().await?, Event::Incoming(Packet::PubAck(_))) {}
    println!("{} is at {} as {}", hub.client_id(), hub.host(), hub.user_name());
    mqtt.disconnect().await?;
    // The broker may close before rumqttc notices that it has left.
    while events.poll().await.is_ok() {}
    Ok(())
}

/// TLS that trusts the broker's CA, and presents the device's certificate if it is one that the device registered with.
fn tls(hub: &HubConnection, ca_file: &str) -> Result<ClientConfig, Box<dyn Error>> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(ca_file)?)?;
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots);
    let HubAuth::X509(x509) = hub.auth() else {
        return Ok(builder.with_no_client_auth());
    };
    let provisioning_device::PrivateKey::Der(key) = x509.key() else {
        return Err("this example has its keys in memory".into());
    };
    let chain = x509.chain().iter().cloned().map(CertificateDer::from).collect();
    let key = PrivateKeyDer::try_from(key.expose())?.clone_key();
    Ok(builder.with_client_auth_cert(chain, key)?)
}
