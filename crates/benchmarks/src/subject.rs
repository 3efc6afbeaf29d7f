//! The measured process: it registers as often as it is asked, and says what that cost.

use std::{
    io::{BufRead, stdin},
    time::Instant,
};

use provisioning_device::ProvisioningDeviceClient;
use tokio::{
    runtime,
    task::{LocalSet, spawn_blocking, spawn_local},
};
use tool_support::open_files;

use crate::{
    Result, client,
    floor::{self, Floor},
    task::{self, Cost, Memory, Side, Task},
    usage,
};

/// What the allocator of the process counts: allocations and bytes so far.
pub type Allocations = fn() -> (usize, usize);

/// Does its task until standard input ends.
///
/// # Errors
/// Something cannot be measured, or a registration fails.
pub fn run(allocations: Option<Allocations>) -> Result<()> {
    open_files::raise_limit()?;
    let task: Task = task::argument()?;
    let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
    match task.together {
        None => runtime.block_on(in_sequence(&task, allocations)),
        Some(count) => LocalSet::new().block_on(&runtime, together(&task, count)),
    }
}

enum Device {
    Client(ProvisioningDeviceClient),
    Floor(Floor),
}

impl Device {
    async fn register(&self) -> Result<()> {
        match self {
            Self::Client(client) => drop(client.register().await?),
            Self::Floor(floor) => floor.register().await?,
        }
        Ok(())
    }
}

/// Each line is a number: registers that many times, and writes the [`Cost`].
async fn in_sequence(task: &Task, allocations: Option<Allocations>) -> Result<()> {
    let device = match task.side {
        Side::Client => Device::Client(client::with_certificate(task)?),
        Side::Floor => Device::Floor(Floor::with_certificate(task)?),
    };
    let allocations = allocations.unwrap_or(|| (0, 0));
    for line in stdin().lock().lines() {
        let count: u32 = line?.parse()?;
        let (before, started, start) = (usage::cpu()?, allocations(), now());
        for _ in 0..count {
            device.register().await?;
        }
        let (wall, ended, cpu) = (start.elapsed(), allocations(), usage::cpu()? - before);
        let each = |sum: f64| sum / f64::from(count);
        task::answer(&Cost {
            cpu: each(cpu.as_secs_f64()),
            wall: each(wall.as_secs_f64()),
            allocations: each(float(ended.0 - started.0)?),
            bytes: each(float(ended.1 - started.1)?),
        })?;
    }
    Ok(())
}

/// Starts all registrations. A line says that the service has an answer of none of them: writes the [`Memory`].
async fn together(task: &Task, count: u32) -> Result<()> {
    // What the first client costs the process once, such as the pages of its code, is not the memory of a client.
    match task.side {
        Side::Client => drop(client::with_keys(task, 1)?),
        Side::Floor => drop(floor::logins(task, 1)?),
    }
    let before = usage::resident()?;
    let idle;
    match task.side {
        Side::Client => {
            let clients = client::with_keys(task, count)?;
            idle = usage::resident()?;
            for client in clients {
                spawn_local(async move { report(client.register().await.map(drop).map_err(Into::into)) });
            }
        }
        Side::Floor => {
            let floor: &'static Floor = Box::leak(Box::new(Floor::without_certificate(task)?));
            let logins = floor::logins(task, count)?;
            idle = usage::resident()?;
            for login in logins {
                spawn_local(async move { report(floor.stay(login).await) });
            }
        }
    }
    spawn_blocking(|| stdin().lock().read_line(&mut String::new())).await??;
    let each = |now| -> Result<f64> { Ok(float(now - before)? / f64::from(count)) };
    task::answer(&Memory {
        idle: each(idle)?,
        in_flight: each(usage::resident()?)?,
    })
}

/// None of the registrations ends while it is measured.
fn report(result: Result<()>) {
    match result {
        Ok(()) => eprintln!("a registration ended early"),
        Err(error) => eprintln!("a registration failed: {error}"),
    }
}

fn float(number: usize) -> Result<f64> {
    Ok(f64::from(u32::try_from(number)?))
}

#[expect(clippy::disallowed_methods, reason = "nothing waits for it: it is measured")]
fn now() -> Instant {
    Instant::now()
}
