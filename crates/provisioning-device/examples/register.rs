//! Registers a device with X.509 over MQTT: the whole program, as the README shows it.

use provisioning_device::{ProvisioningDeviceClient, Transport, x509_from_files};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let credential = x509_from_files("device.pem", "device.key")?;
    let client = ProvisioningDeviceClient::builder("0ne00A1B2C3", credential, Transport::Mqtt)
        .with_host(std::env::var("PROVISIONING_HOST")?)
        .build()?;
    let assignment = client.register().await?;
    println!("{} belongs to {}", assignment.device_id(), assignment.assigned_hub());
    Ok(())
}
