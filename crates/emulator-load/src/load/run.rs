//! One scenario: an emulator of its own, idle devices beside, and what must hold afterwards.

use std::{path::PathBuf, sync::Arc, time::Duration};

use tokio::time::{Instant, sleep, timeout};

use super::{
    Result,
    http::Control,
    idle::Idle,
    process::{Emulator, Figures},
    registrations::register_built_in,
    scenarios::Scenario,
    service::Service,
    table::{Rows, Table},
};

/// How long a scenario may take.
const LIMIT: Duration = Duration::from_secs(300);

/// How long idle devices may take to connect, and a call that every scenario makes.
const PREPARATION_LIMIT: Duration = Duration::from_secs(60);

/// How long after a scenario its traces may stay.
const RELEASE_LIMIT: Duration = Duration::from_secs(45);

/// How much more memory than before is the same: MiB.
const MEMORY_TOLERANCE: f64 = 32.0;

/// How long the end may take.
const END_LIMIT: Duration = Duration::from_secs(5);

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
    begin: Option<Figures>,
    idle: Idle,
}

impl Ground<'_> {
    /// Takes what the emulator uses now as the beginning, to which it must return.
    pub(super) async fn begin(&mut self) -> Result<()> {
        self.clear_log().await?;
        self.begin = Some(self.emulator.figures()?);
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

    /// Waits until at most as many descriptors are open as at the beginning. Returns how long that took, in
    /// seconds; infinite if it takes longer than `limit`.
    pub(super) async fn until_closed(&self, limit: Duration) -> Result<f64> {
        let start = Instant::now();
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

/// Runs a scenario. Its failure is a row that misses.
pub(super) async fn scenario(scenario: &dyn Scenario, setup: &Setup, table: &mut Table) {
    let mut rows = table.rows(scenario.name());
    eprintln!("{}: {}", scenario.name(), scenario.about());
    if let Err(error) = measure(scenario, setup, &mut rows).await {
        rows.add("error", error.to_string(), "none".to_owned(), false);
    }
}

async fn measure(scenario: &dyn Scenario, setup: &Setup, rows: &mut Rows<'_>) -> Result<()> {
    let emulator = Emulator::start(&setup.emulator, scenario.options()).await?;
    let service = Arc::clone(&emulator.service);
    let mut ground = Ground {
        setup,
        emulator,
        service,
        begin: None,
        idle: Idle::default(),
    };
    let measured = timeout(LIMIT, scenario_on(scenario, &mut ground, rows)).await;
    let measured = measured.unwrap_or_else(|_| Err("not done within 300 s".into()));
    if let Err(error) = measured {
        rows.add("error", error.to_string(), "none".to_owned(), false);
    }
    // The idle devices are still connected.
    let (took, status) = ground.emulator.terminate().await?;
    let is_clean = status == "exit status: 0" && took <= END_LIMIT;
    let measured = format!("{:.1} s, {status}", took.as_secs_f64());
    rows.add("SIGTERM", measured, "≤ 5 s, exit status: 0".to_owned(), is_clean);
    drop(ground.idle);
    Ok(())
}

async fn scenario_on(scenario: &dyn Scenario, ground: &mut Ground<'_>, rows: &mut Rows<'_>) -> Result<()> {
    let connected = timeout(PREPARATION_LIMIT, Idle::connect(&ground.service, ground.setup.idle)).await;
    ground.idle = connected.map_err(|_| "the idle devices could not connect within 60 s")??;
    ground.begin().await?;
    scenario.run(ground, rows).await?;
    afterwards(ground, rows).await
}

/// Descriptors, threads and memory are back where they began, after some time.
async fn afterwards(ground: &Ground<'_>, rows: &mut Rows<'_>) -> Result<()> {
    let begin = ground.begin.ok_or("nothing has begun")?;
    ground.clear_log().await?;
    let start = Instant::now();
    loop {
        let now = ground.emulator.figures()?;
        let growth = now.memory - begin.memory;
        let is_back =
            now.descriptors <= begin.descriptors && now.threads <= begin.threads && growth <= MEMORY_TOLERANCE;
        if is_back || start.elapsed() > RELEASE_LIMIT {
            let difference = |now: usize, begin: usize| format!("{begin} -> {now}");
            rows.add(
                "afterwards: descriptors, threads, memory",
                format!(
                    "{}, {}, {growth:+.0} MiB",
                    difference(now.descriptors, begin.descriptors),
                    difference(now.threads, begin.threads)
                ),
                "as before, ≤ +32 MiB".to_owned(),
                is_back,
            );
            return Ok(());
        }
        sleep(Duration::from_millis(250)).await;
    }
}
