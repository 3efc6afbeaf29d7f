//! Where a scenario runs: an emulator of its own, and the idle devices that are connected to it.

use std::{path::PathBuf, sync::Arc, time::Duration};

use tokio::time::{Instant, sleep, timeout};

use super::{
    Result,
    http::Control,
    idle::Idle,
    process::{Emulator, Figures, Options},
    registrations::register_built_in,
    service::Service,
};

/// How long idle devices may take to connect, and a call that every scenario makes.
const PREPARATION_LIMIT: Duration = Duration::from_secs(60);

/// What is measured.
pub(super) struct Setup {
    pub(super) emulator: PathBuf,
    pub(super) before: Option<PathBuf>,
    pub(super) idle: usize,
}

/// An emulator with idle devices, for one scenario.
pub(super) struct Ground<'a> {
    pub(super) setup: &'a Setup,
    pub(super) emulator: Emulator,
    pub(super) service: Arc<Service>,
    /// What the emulator used before the scenario.
    pub(super) begin: Option<Figures>,
    pub(super) idle: Idle,
}

impl<'a> Ground<'a> {
    pub(super) async fn start(setup: &'a Setup, options: Options) -> Result<Self> {
        let emulator = Emulator::start(&setup.emulator, options).await?;
        Ok(Self {
            setup,
            service: Arc::clone(&emulator.service),
            emulator,
            begin: None,
            idle: Idle::default(),
        })
    }

    /// Connects the idle devices.
    pub(super) async fn connect_idle(&mut self) -> Result<()> {
        let connected = timeout(PREPARATION_LIMIT, Idle::connect(&self.service, self.setup.idle)).await;
        self.idle = connected.map_err(|_| "the idle devices could not connect within 60 s")??;
        Ok(())
    }

    /// Takes what the emulator uses now as the beginning, to which it must return.
    pub(super) async fn begin(&mut self) -> Result<()> {
        self.clear_log().await?;
        self.begin = Some(self.emulator.figures()?);
        Ok(())
    }

    /// Takes the memory that the emulator has now as that of the beginning: what it keeps by design has grown.
    pub(super) async fn keep_memory(&mut self) -> Result<()> {
        self.clear_log().await?;
        let now = self.emulator.figures()?.memory;
        if let Some(begin) = &mut self.begin {
            begin.memory = now;
        }
        Ok(())
    }

    /// Fills the log with registrations of devices that are known at the beginning.
    pub(super) async fn fill_log(&mut self, devices: usize) -> Result<()> {
        register_built_in(&self.emulator, "device", devices).await?.complete()?;
        self.begin().await?;
        register_built_in(&self.emulator, "device", devices).await?.complete()?;
        Ok(())
    }

    pub(super) fn begin_memory(&self) -> f64 {
        self.begin.map_or(f64::NAN, |begin| begin.memory)
    }

    pub(super) fn begin_descriptors(&self) -> Result<usize> {
        Ok(self.begin.ok_or("nothing has begun")?.descriptors)
    }

    /// Waits until at most as many descriptors are open as at the beginning. Returns how long after `start` that was, in
    /// seconds; infinite if it is later than `limit`.
    pub(super) async fn until_closed(&self, start: Instant, limit: Duration) -> Result<f64> {
        let begin = self.begin_descriptors()?;
        while self.emulator.figures()?.descriptors > begin {
            if start.elapsed() > limit {
                return Ok(f64::INFINITY);
            }
            sleep(Duration::from_millis(50)).await;
        }
        Ok(start.elapsed().as_secs_f64())
    }

    /// The log keeps what it has, by design.
    pub(super) async fn clear_log(&self) -> Result<()> {
        let control = Control::new(&self.service);
        let cleared = timeout(PREPARATION_LIMIT, control.call("DELETE", "/emulator/log", &[], "")).await;
        cleared.map_err(|_| "the log could not be cleared within 60 s")??;
        drop(control);
        // Its connection ends.
        sleep(Duration::from_millis(200)).await;
        Ok(())
    }
}
