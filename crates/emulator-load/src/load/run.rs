//! One scenario: an emulator of its own, idle devices beside, and what must hold afterwards.

use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

use super::{
    Result,
    ground::{Ground, Setup},
    scenario::Scenario,
    table::{Rows, Table},
};

/// How long a scenario may take.
const LIMIT: Duration = Duration::from_secs(300);

/// How long after a scenario its traces may stay.
const RELEASE_LIMIT: Duration = Duration::from_secs(45);

/// How much more memory than before is the same: MiB.
const MEMORY_TOLERANCE: f64 = 32.0;

/// How long the end may take.
const END_LIMIT: Duration = Duration::from_secs(5);

/// Runs a scenario. Its failure is a row that misses.
pub(super) async fn scenario(scenario: &dyn Scenario, setup: &Setup, table: &mut Table) {
    let mut rows = table.rows(scenario.name());
    eprintln!("{}: {}", scenario.name(), scenario.about());
    if let Err(error) = measure(scenario, setup, &mut rows).await {
        rows.add("error", error.to_string(), "none".to_owned(), false);
    }
}

async fn measure(scenario: &dyn Scenario, setup: &Setup, rows: &mut Rows<'_>) -> Result<()> {
    let mut ground = Ground::start(setup, scenario.options()).await?;
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
    Ok(())
}

async fn scenario_on(scenario: &dyn Scenario, ground: &mut Ground<'_>, rows: &mut Rows<'_>) -> Result<()> {
    ground.connect_idle().await?;
    ground.begin().await?;
    scenario.run(ground, rows).await?;
    afterwards(ground, rows).await
}

/// The idle devices are connected, and descriptors, threads and memory are back where they began, after some time.
async fn afterwards(ground: &mut Ground<'_>, rows: &mut Rows<'_>) -> Result<()> {
    let (alive, idle) = (ground.idle.alive().await, ground.idle.count());
    rows.all("idle devices, still connected", alive, idle);
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
