//! A gateway for devices whose keys are derived from the key of their enrollment group. It keeps each device at its hub
//! until Ctrl+C: `cargo run --example gateway -- HOST ID_SCOPE CA_FILE GROUP_KEY_FILE STORE_DIR DEVICE…`

use std::{env, error::Error, fs, time::Duration, time::SystemTime};

use provisioning_device::{
    Assignment, HubConnection, HubResult, Provisioned, ProvisioningDeviceClient, ReprovisioningPolicy, SymmetricKey,
    Transport, TrustedRoots,
};
use tokio::{select, signal::ctrl_c, task::JoinSet, time::sleep};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    tracing_subscriber::fmt().with_writer(std::io::stderr).init();
    let words: Vec<String> = env::args().skip(1).collect();
    let [host, id_scope, ca_file, key_file, store, ids @ ..] = &*words else {
        return Err("usage: gateway HOST[:PORT] ID_SCOPE CA_FILE GROUP_KEY_FILE STORE_DIR DEVICE…".into());
    };
    let group_key = SymmetricKey::from_file(key_file)?;
    let (mut clients, mut served, mut devices) = (vec![], vec![], JoinSet::new());
    for id in ids {
        let key = group_key.derive(&id.parse()?);
        let client = ProvisioningDeviceClient::builder(id_scope, key.clone(), Transport::Mqtt)
            .with_registration_id(id)
            .with_host(host)
            .with_roots(TrustedRoots::from_file(ca_file)?)
            .build()?;
        let mut events = client.events();
        tokio::spawn(async move {
            while let Some(event) = events.next().await {
                tracing::info!("{event}");
            }
        });
        served.push(serve(client.clone(), key, format!("{store}/{id}.json")));
        clients.push(client);
    }
    select! {
        // Handles the signal before the first device is served.
        biased;
        signal = ctrl_c() => signal?,
        () = async {
            for device in served {
                devices.spawn(device);
            }
            while devices.join_next().await.is_some() {}
        } => return Err("no device is left".into()),
    }
    futures_util::future::join_all(clients.iter().map(ProvisioningDeviceClient::close)).await;
    devices.join_all().await;
    Ok(())
}

/// Keeps one device at its hub until it fails for good or its client is closed.
async fn serve(client: ProvisioningDeviceClient, key: SymmetricKey, file: String) {
    let stored = fs::read(&file).ok().and_then(|json| serde_json::from_slice(&json).ok());
    let connect = async |provisioned: Provisioned| {
        if provisioned.is_new() {
            let json = serde_json::json!(provisioned.stored()).to_string();
            fs::write(&file, json).unwrap_or_else(|error| eprintln!("{file}: {error}"));
        }
        at_hub(provisioned.assignment(), &key).await
    };
    if let Err(error) = client
        .stay_assigned(stored, ReprovisioningPolicy::default(), connect)
        .await
    {
        eprintln!("{}: {error:?}", client.request().registration_id());
    }
}

/// Connects to the hub; returns when the connection has ended, at the latest when the token expires. A close drops it.
async fn at_hub(assignment: &Assignment, key: &SymmetricKey) -> HubResult {
    let hub = match HubConnection::from_symmetric_key(assignment, key, SystemTime::now() + Duration::from_secs(3600)) {
        Ok(hub) => hub,
        Err(error) => {
            eprintln!("{}: {error}", assignment.device_id());
            return HubResult::Failed;
        }
    };
    println!("{} is at {}", hub.client_id(), hub.host());
    sleep(Duration::from_secs(3000)).await; // Put an MQTT client here.
    HubResult::Disconnected
}
