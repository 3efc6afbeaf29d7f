//! Registers one device with the client: `register HOST:PORT ID_SCOPE CA_FILE CERTIFICATE_FILE KEY_FILE`.

use std::{env, error, fs};

use provisioning_device::{ProvisioningDeviceClient, Transport, x509_from_files};
use tokio::runtime;

fn main() -> Result<(), Box<dyn error::Error>> {
    let words: Vec<String> = env::args().skip(1).collect();
    let [host, id_scope, ca, certificate, key] = &words[..] else {
        return Err("usage: register HOST:PORT ID_SCOPE CA_FILE CERTIFICATE_FILE KEY_FILE".into());
    };
    let credential = x509_from_files(certificate, key)?;
    let client = ProvisioningDeviceClient::builder(id_scope.as_str(), credential, Transport::Mqtt)
        .with_host(host.as_str())
        .with_ca_pem(fs::read(ca)?)
        .build()?;
    let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
    let assignment = runtime.block_on(client.register())?;
    println!("{} {}", assignment.device_id(), assignment.assigned_hub());
    Ok(())
}
