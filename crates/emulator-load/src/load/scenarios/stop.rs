//! SIGTERM while devices register, scripts call, and clients stall.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use tokio::{
    io::AsyncWriteExt,
    task::JoinSet,
    time::{sleep, timeout},
};

use crate::load::{
    Result,
    ground::Ground,
    http::Control,
    process::{Emulator, Options},
    registrations::register,
    scenario::Scenario,
    service::Service,
    table::Rows,
};

/// Of each kind of client.
const CLIENTS: usize = 16;

/// How long there is load before the signal.
const LOAD: Duration = Duration::from_secs(3);

pub(super) struct Stop;

#[async_trait]
impl Scenario for Stop {
    fn name(&self) -> &'static str {
        "stop"
    }

    fn about(&self) -> &'static str {
        "SIGTERM while devices register, scripts call and clients stall, also with a stalled log"
    }

    async fn run(&self, ground: &mut Ground<'_>, rows: &mut Rows<'_>) -> Result<()> {
        for (what, stalled_log) in [("under load", false), ("under load, with a stalled log", true)] {
            let options = Options {
                stalled_log,
                ..Options::default()
            };
            let emulator = Emulator::start(&ground.setup.emulator, options).await?;
            let (load, registered) = load(&emulator.service);
            sleep(LOAD).await;
            let registered = f64::from(registered.load(Ordering::Relaxed));
            rows.at_least(&format!("{what}, registrations before"), registered, 100.0, "");
            let (took, status) = emulator.terminate().await?;
            let is_clean = status == "exit status: 0" && took <= Duration::from_secs(5);
            let measured = format!("{:.1} s, {status}", took.as_secs_f64());
            rows.add(what, measured, "≤ 5 s, exit status: 0".to_owned(), is_clean);
            drop(load);
        }
        Ok(())
    }
}

/// Clients that go on until this is dropped, and how many devices have registered.
fn load(service: &Arc<Service>) -> (JoinSet<()>, Arc<AtomicU32>) {
    let (mut load, registered) = (JoinSet::new(), Arc::<AtomicU32>::default());
    let control = Arc::new(Control::new(service));
    for client in 0..CLIENTS {
        let (devices, count) = (Arc::clone(service), Arc::clone(&registered));
        load.spawn(async move {
            for number in 0.. {
                let id = format!("device-{client}-{number}");
                match register(&devices, &id, &devices.group_key).await {
                    Ok(()) => count.fetch_add(1, Ordering::Relaxed),
                    // The emulator may be gone.
                    Err(_) => {
                        sleep(Duration::from_millis(100)).await;
                        continue;
                    }
                };
            }
        });
        let control = Arc::clone(&control);
        load.spawn(async move {
            loop {
                let _ = timeout(Duration::from_secs(1), control.get("/emulator/log?after=0")).await;
                sleep(Duration::from_millis(100)).await;
            }
        });
        let stalling = Arc::clone(service);
        load.spawn(async move {
            // A call that never ends.
            if let Ok(mut stream) = stalling.tls(stalling.control_port).await {
                let _ = stream
                    .write_all(b"POST /enrollments HTTP/1.1\r\nhost: localhost\r\ncontent-length: 9\r\n\r\n")
                    .await;
                let _ = stream.flush().await;
                std::future::pending::<()>().await;
            }
        });
    }
    (load, registered)
}
