//! The local DPS in a process of its own.

use std::{
    io::{BufRead, stdin},
    sync::Arc,
};

use provisioning_emulator::{Device, Emulator, Folder, RegistrationStatus, RetryAfter};
use tokio::{runtime, task::spawn_blocking};
use tool_support::open_files;

use crate::{
    Result,
    task::{self, DEVICE, Facts, ServiceSettings},
};

/// Later than any measurement lasts, in seconds.
const LATER: u64 = 1800;

/// Serves until standard input ends. A line there asks how many devices are registered and not assigned.
///
/// # Errors
/// The service does not start.
pub fn run() -> Result<()> {
    open_files::raise_limit()?;
    let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(serve(task::argument()?))
}

async fn serve(settings: ServiceSettings) -> Result<()> {
    let folder = Folder::new(&settings.folder);
    let mut builder = match settings.keep_waiting {
        true => Emulator::builder()
            .polls_before_assigning(1)
            .retry_after(RetryAfter::Seconds(LATER)),
        false => Emulator::builder().polls_before_assigning(0),
    };
    if let Some((address, port)) = settings.mqtt_address {
        builder = builder.listen(address).mqtt_port(port);
    }
    // After the address, which the server's certificate names.
    let emulator = Arc::new(folder.equip(builder)?.start().await?);
    folder.ensure_device(&emulator, &Device::new(DEVICE))?;
    task::answer(&Facts {
        folder: settings.folder,
        mqtt: emulator.mqtt_address(),
        websocket: emulator.websocket_address(),
        id_scope: emulator.id_scope().to_owned(),
        group_key: emulator.group_key(),
    })?;
    let asked = Arc::clone(&emulator);
    spawn_blocking(move || -> Result<()> {
        for line in stdin().lock().lines() {
            line?;
            task::answer(&waiting(&asked))?;
        }
        Ok(())
    })
    .await?
}

fn waiting(emulator: &Emulator) -> usize {
    let registrations = emulator.registrations();
    let waiting = |status: &RegistrationStatus| *status == RegistrationStatus::Assigning;
    registrations.iter().filter(|it| waiting(&it.status)).count()
}
