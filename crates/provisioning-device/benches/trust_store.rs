//! What the platform's trust store costs a warm client: CPU time of a registration that trusts one given CA, beside one
//! that trusts the platform's store and that CA. `cargo bench -p provisioning-device --bench trust_store`
//!
//! The local DPS runs in a process of its own, so that only the client is measured. Batches of the two kinds alternate,
//! so that both meet the machine in the same condition.

use std::{
    env, error,
    io::{BufRead, BufReader, Write},
    process::{Command, Stdio},
    time::Duration,
};

use provisioning_device::{ProvisioningDeviceClient, Transport, X509Credential};
use provisioning_emulator::Emulator;
use rustix::time::{ClockId, clock_gettime};
use serde_json::{Value, json};

const BATCHES: usize = 15;
const REGISTRATIONS: u32 = 40;

type Result<T> = std::result::Result<T, Box<dyn error::Error>>;

fn main() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()?;
    if env::args().any(|word| word == "serve") {
        runtime.block_on(serve())
    } else {
        runtime.block_on(measure())
    }
}

/// Serves until standard input ends.
async fn serve() -> Result<()> {
    let emulator = Emulator::builder().polls_before_assigning(0).start().await?;
    let device = emulator.issue_device("device-1")?;
    let facts = json!({
        "host": emulator.mqtt_address(),
        "idScope": emulator.id_scope(),
        "ca": emulator.ca_pem(),
        "certificate": device.certificate_chain_pem,
        "key": device.private_key_pem,
    });
    println!("{facts}");
    std::io::stdout().flush()?;
    tokio::task::spawn_blocking(|| std::io::stdin().read_line(&mut String::new())).await??;
    Ok(())
}

async fn measure() -> Result<()> {
    let mut service = Command::new(env::current_exe()?)
        .arg("serve")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut line = String::new();
    BufReader::new(service.stdout.take().ok_or("no output")?).read_line(&mut line)?;
    let facts: Value = serde_json::from_str(&line)?;
    let text = |name: &str| facts[name].as_str().unwrap_or_default().to_owned();

    let x509 = X509Credential::from_pem(text("certificate").as_bytes(), text("key").as_bytes())?;
    let builder = || ProvisioningDeviceClient::builder(text("idScope"), x509.clone(), Transport::Mqtt);
    let given = builder().with_host(text("host")).with_ca_pem(text("ca")).build()?;
    let platform = builder()
        .with_host(text("host"))
        .with_extra_ca_pem(text("ca"))
        .build()?;

    let (mut with_given, mut with_platform) = (Vec::new(), Vec::new());
    for batch in 0..=BATCHES {
        let pair = (cpu_of(&given).await?, cpu_of(&platform).await?);
        // The first batch warms up.
        if batch > 0 {
            with_given.push(pair.0);
            with_platform.push(pair.1);
        }
    }
    drop(service.stdin.take());
    service.wait()?;

    let (given, platform) = (median(with_given), median(with_platform));
    println!("CPU per registration, medians of {BATCHES} batches of {REGISTRATIONS}, MQTT over TLS 1.3, warm:");
    println!("  one given CA            {:7.0} µs", given * 1e6);
    println!("  the platform's, and it  {:7.0} µs", platform * 1e6);
    println!("  ratio                   {:7.2}", platform / given);
    Ok(())
}

/// Seconds of CPU time per registration, of all threads of this process.
async fn cpu_of(client: &ProvisioningDeviceClient) -> Result<f64> {
    let before = cpu_time();
    for _ in 0..REGISTRATIONS {
        client.register().await?;
    }
    Ok((cpu_time() - before).as_secs_f64() / f64::from(REGISTRATIONS))
}

fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::try_from(time).unwrap_or_default()
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
