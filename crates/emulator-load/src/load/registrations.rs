//! Many registrations, each over a connection of its own.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{
    task::JoinSet,
    time::{Instant, timeout},
};

use super::{
    Result, client::Device, process::Emulator, sas::Key, service::Service, statistics::milliseconds, table::Rows,
};

/// How many devices register at a time.
const CONCURRENT: usize = 32;

/// How long one registration may take.
const LIMIT: Duration = Duration::from_secs(60);

/// Registers one device, from its connection to its disconnection.
pub(super) async fn register(service: &Service, id: &str, group_key: &Key) -> Result<()> {
    let registration = async {
        let mut device = Device::connect_with(service, id, group_key).await?;
        device.register("{}").await?;
        device.disconnect().await
    };
    timeout(LIMIT, registration)
        .await
        .map_err(|_| "a registration took longer than 60 s")?
}

/// What came of many registrations.
pub(super) struct Registered {
    pub(super) succeeded: usize,
    pub(super) took: Duration,
    /// The CPU time of the emulator.
    cpu: Duration,
    /// Of the first that failed.
    pub(super) error: Option<String>,
}

impl Registered {
    pub(super) fn per_second(&self) -> f64 {
        f64::from(u32::try_from(self.succeeded).unwrap_or(u32::MAX)) / self.took.as_secs_f64()
    }

    /// The CPU time of the emulator for each, in milliseconds. Other programs on the machine do not change it much.
    pub(super) fn cpu_each(&self) -> f64 {
        milliseconds(&self.cpu) / f64::from(u32::try_from(self.succeeded).unwrap_or(u32::MAX))
    }

    /// Adds rows with the rate and the CPU time, without limits.
    pub(super) fn show(&self, rows: &mut Rows<'_>, what: &str) {
        rows.show(what, format!("{:.0} /s", self.per_second()));
        self.show_cpu(rows, what);
    }

    pub(super) fn show_cpu(&self, rows: &mut Rows<'_>, what: &str) {
        rows.show(
            &format!("{what}, CPU of the emulator each"),
            format!("{:.2} ms", self.cpu_each()),
        );
    }

    /// # Errors
    /// Not all succeeded.
    pub(super) fn complete(self) -> Result<Self> {
        match self.error {
            Some(error) => Err(error.into()),
            None => Ok(self),
        }
    }
}

/// Registers `count` devices of the built-in group.
pub(super) async fn register_built_in(emulator: &Emulator, prefix: &str, count: usize) -> Result<Registered> {
    let key = emulator.service.group_key.clone();
    let prefix = prefix.to_owned();
    register_all(emulator, count, move |number| {
        (format!("{prefix}-{number}"), key.clone())
    })
    .await
}

/// Registers `count` devices, whose ids and group keys `device` returns. Gives up after the first that fails.
pub(super) async fn register_all(
    emulator: &Emulator,
    count: usize,
    device: impl Fn(usize) -> (String, Key) + Send + Sync + 'static,
) -> Result<Registered> {
    let service = &emulator.service;
    let cpu = emulator.figures()?.cpu;
    let (next, device) = (Arc::new(AtomicUsize::new(0)), Arc::new(device));
    let start = Instant::now();
    let workers: JoinSet<_> = (0..CONCURRENT)
        .map(|_| {
            let (service, next, device) = (Arc::clone(service), Arc::clone(&next), Arc::clone(&device));
            async move {
                let mut succeeded = 0;
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= count {
                        return (succeeded, None);
                    }
                    let (id, key) = device(number);
                    if let Err(error) = register(&service, &id, &key).await {
                        next.store(count, Ordering::Relaxed);
                        return (succeeded, Some(format!("{id}: {error}")));
                    }
                    succeeded += 1;
                }
            }
        })
        .collect();
    let outcomes = workers.join_all().await;
    Ok(Registered {
        succeeded: outcomes.iter().map(|(succeeded, _)| succeeded).sum(),
        took: start.elapsed(),
        cpu: emulator.figures()?.cpu - cpu,
        error: outcomes.into_iter().find_map(|(_, error)| error),
    })
}
