//! `--local`: a local DPS in this process, and a device that it has enrolled.

use provisioning_device::{Credential, InvalidInput, X509Credential};
use provisioning_emulator::{DeviceIdentity, Emulator, EmulatorError, RetryAfter};

use super::{assigned::Assigned, flags::Register, saved_files::SavedFiles};
use crate::{
    commands::runtime,
    input::{
        client::{CheckedClient, proxy_warnings},
        options::Options,
    },
    output::{console::print_error, failure::Failure},
};

/// Registers a device with a local DPS that is started first and shut down afterwards.
pub(crate) fn register(flags: &Register, options: &Options<'_>, files: SavedFiles) -> Result<Assigned, Failure> {
    print_error("starting a local DPS");
    runtime::block_on(async {
        let started = start(flags.local_device()).await;
        let (emulator, device) = started.map_err(|error| Failure::local(&error))?;
        let result = match client(flags, options, &emulator, &device) {
            Ok(checked) => files.register(&checked).await,
            Err(error) => Err(error.into()),
        };
        emulator.shutdown().await;
        result
    })?
}

/// Listens on free ports of the loopback interface, and issues a certificate to `registration_id`.
async fn start(registration_id: &str) -> Result<(Emulator, DeviceIdentity), EmulatorError> {
    let emulator = Emulator::builder().retry_after(RetryAfter::Seconds(2)).start().await?;
    let device = emulator.issue_device(registration_id)?;
    Ok((emulator, device))
}

fn client(
    flags: &Register,
    options: &Options<'_>,
    emulator: &Emulator,
    device: &DeviceIdentity,
) -> Result<CheckedClient, InvalidInput> {
    let (chain, key) = (&device.certificate_chain_pem, &device.private_key_pem);
    let credential = Credential::from(X509Credential::from_pem(chain.as_bytes(), key.as_bytes())?);
    let host = if flags.registration.network.websocket {
        emulator.websocket_address()
    } else {
        emulator.mqtt_address()
    };
    let builder = options
        .builder(emulator.id_scope(), credential)
        .with_host(host)
        .with_websocket_port(emulator.websocket_port())
        .with_ca_pem(emulator.ca_pem());
    Ok(CheckedClient {
        proxy_warnings: proxy_warnings(&builder)?,
        client: builder.build()?,
        warnings: vec![],
    })
}
