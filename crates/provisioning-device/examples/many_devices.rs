//! Registers many devices at the same time, with keys of one enrollment group, and says how it went.
//!
//! ```console
//! $ cargo run --release --example many_devices -- 1000
//! $ dps-emulator --dir dps &
//! $ cargo run --release --example many_devices -- 1000 localhost:8883 0ne00000000 dps/ca.pem dps/group.key $!
//! ```
//!
//! The first form starts a local DPS in its own process. The second one's words are how many devices, the service, the
//! id scope, the CA and the group's key; with the service's process id it tells that one's memory too (Linux only).

use std::{collections::BTreeMap, env, error::Error, fs};

use provisioning_device::{ProvisioningDeviceClient, RegisterError, RegistrationId, SymmetricKey, Transport};
use provisioning_emulator::{Emulator, RetryAfter};
use tokio::{task::JoinSet, time::Instant};

/// Where the devices register, and with what.
struct Service {
    host: String,
    id_scope: String,
    ca_pem: Vec<u8>,
    group_key: SymmetricKey,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let count = words.first().unwrap_or(&"1000").parse()?;
    raise_limit_of_open_files()?;
    match words[..] {
        [] | [_] => {
            let emulator = Emulator::builder().retry_after(RetryAfter::Seconds(1)).start().await?;
            let service = Service {
                host: emulator.mqtt_address(),
                id_scope: emulator.id_scope().to_owned(),
                ca_pem: emulator.ca_pem().into(),
                group_key: SymmetricKey::from_base64(&emulator.group_key())?,
            };
            register_all(&service, count).await?;
            emulator.shutdown().await;
        }
        [_, host, id_scope, ca, group_key, ref rest @ ..] if rest.len() < 2 => {
            let service = Service {
                host: host.to_owned(),
                id_scope: id_scope.to_owned(),
                ca_pem: fs::read(ca)?,
                group_key: SymmetricKey::from_base64(&fs::read_to_string(group_key)?)?,
            };
            register_all(&service, count).await?;
            if let [pid] = rest {
                println!("peak memory of process {pid}: {}", peak_memory(pid));
            }
        }
        _ => return Err("usage: many_devices [COUNT [HOST:PORT ID_SCOPE CA_FILE GROUP_KEY_FILE [PID]]]".into()),
    }
    println!("peak memory of this process: {}", peak_memory("self"));
    Ok(())
}

/// Registers `device-1` and so on, all at once.
async fn register_all(service: &Service, count: usize) -> Result<(), Box<dyn Error>> {
    let mut clients = vec![];
    for number in 1..=count {
        clients.push(client(service, &format!("device-{number}"))?);
    }
    let start = Instant::now();
    let registrations: JoinSet<_> = clients
        .into_iter()
        .map(|client| async move { client.register().await })
        .collect();
    let outcomes = registrations.join_all().await;
    let (assigned, failed): (Vec<_>, Vec<_>) = outcomes.into_iter().partition(Result::is_ok);
    let seconds = start.elapsed().as_secs_f64();
    println!("{} of {count} assigned in {seconds:.1} s", assigned.len());
    let failed: Vec<RegisterError> = failed.into_iter().filter_map(Result::err).collect();
    let mut reasons = BTreeMap::<String, usize>::new();
    for error in &failed {
        *reasons.entry(format!("{}: {error}", error.kind())).or_default() += 1;
    }
    for (reason, times) in &reasons {
        println!("{times} times {reason}");
    }
    if failed.is_empty() {
        Ok(())
    } else {
        Err(format!("{} registrations failed", failed.len()).into())
    }
}

fn client(service: &Service, registration_id: &str) -> Result<ProvisioningDeviceClient, Box<dyn Error>> {
    let key = service.group_key.derive(&RegistrationId::new(registration_id)?);
    let client = ProvisioningDeviceClient::builder(&service.id_scope, key, Transport::Mqtt)
        .with_registration_id(registration_id)
        .with_host(&service.host)
        .with_ca_pem(service.ca_pem.clone());
    Ok(client.build()?)
}

/// The most that a process has held at any time, as Linux tells it.
fn peak_memory(process: &str) -> String {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    peak.map_or("unknown".to_owned(), |peak| peak.trim().to_owned())
}

/// A connection is an open file, and here a local DPS has as many again.
#[cfg(unix)]
fn raise_limit_of_open_files() -> Result<(), Box<dyn Error>> {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    Ok(setrlimit(Resource::Nofile, limit)?)
}

#[cfg(not(unix))]
fn raise_limit_of_open_files() -> Result<(), Box<dyn Error>> {
    Ok(())
}
