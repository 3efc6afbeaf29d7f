//! A byte stream of your own: carries MQTT without TLS, over a pipe in memory, to a local DPS in the same process. A
//! serial line, a tunnel or a Unix socket fits in the same way: any `AsyncRead + AsyncWrite` is a byte stream.
//!
//! `cargo run -p provisioning-mqtt --example own_stream`
//!
//! The device authenticates with a symmetric key. `provisioning-credentials` has this and other credentials,
//! `provisioning-client` polls with retries and timeouts; here both are written out, since this crate needs neither.

use std::{
    error::Error,
    fmt,
    sync::Arc,
    time::{Duration, SystemTime},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use provisioning_emulator::{Emulator, Port, RetryAfter, Security};
use provisioning_mqtt::{MqttOptions, MqttTransport};
use provisioning_net::{BoxedStream, Connector, Scheme, Target};
use provisioning_types::{
    CredentialError, Endpoint, IdScope, Identity, PollingTransport, Progress, Proof, RegistrationId,
    RegistrationRequest, RegistrationState, RegistrationStatus, Request, Secret, TransportError, async_trait,
};
use sha2::Sha256;
use tokio::time::sleep;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let emulator = Arc::new(
        Emulator::builder()
            .retry_after(RetryAfter::Seconds(1))
            .start_in_memory()?,
    );
    let id = RegistrationId::new("device-1")?;
    let identity = SharedKey {
        key: hmac(&STANDARD.decode(emulator.group_key())?, id.as_str()),
    };
    let registration = RegistrationRequest::new(IdScope::new(emulator.id_scope())?, id);

    let pipe = Pipe(Arc::clone(&emulator));
    let transport = MqttTransport::new(pipe, Endpoint::default(), identity, MqttOptions::default());
    let outcome = register(&transport, &registration).await;
    transport.disconnect().await?;
    let state = outcome?;
    println!(
        "{} belongs to {}",
        state.device_id().unwrap_or("a device without an id"),
        state.assigned_hub().unwrap_or("no hub")
    );
    Ok(())
}

/// Opens a pipe to the local DPS for each connection.
struct Pipe(Arc<Emulator>);

#[async_trait]
impl Connector for Pipe {
    fn scheme(&self) -> Scheme {
        Scheme::Mqtt
    }

    async fn connect(&self, target: &Target<'_>, progress: Progress<'_>) -> Result<BoxedStream, TransportError> {
        // Before the attempt, once: the client emits `Connecting`.
        target.report(progress);
        let Self(emulator) = self;
        Ok(Box::new(emulator.connect(Port::Mqtt, Security::Plain, 64 * 1024)))
    }
}

/// A symmetric key, which signs a new SAS token for every connection.
struct SharedKey {
    key: Vec<u8>,
}

#[async_trait]
impl Identity for SharedKey {
    async fn prove(&self, registration: &RegistrationRequest) -> Result<Proof, CredentialError> {
        let escaped = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        let (id_scope, id) = (registration.id_scope(), registration.registration_id());
        let resource = escaped(&format!("{id_scope}/registrations/{id}"));
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let expires_at = now.map_err(CredentialError::unavailable)? + Duration::from_secs(3600);
        let expiry = expires_at.as_secs();
        let signature = hmac(&self.key, &format!("{resource}\n{expiry}"));
        let signature = escaped(&STANDARD.encode(signature));
        let token = format!("SharedAccessSignature sr={resource}&sig={signature}&se={expiry}&skn=registration");
        Ok(Proof::default()
            .with_password(Secret::new(token.into_bytes()))
            .with_hint("check the symmetric key, the registration id and the clock"))
    }

    fn may_block(&self) -> bool {
        false
    }
}

impl fmt::Debug for SharedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SharedKey(…)")
    }
}

fn hmac(key: &[u8], text: &str) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of every length");
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

/// Registers the device, and queries the operation until the service has decided.
async fn register(
    transport: &dyn PollingTransport,
    registration: &RegistrationRequest,
) -> Result<RegistrationState, Box<dyn Error>> {
    let listener = |event| println!("{event:?}");
    let mut request = Request::Register;
    loop {
        let response = transport.send(registration, &request, Progress::new(&listener)).await?;
        println!("{}: {:?}", response.status_code(), response.status());
        match response.status() {
            RegistrationStatus::Assigned => return Ok(response.registration_state().clone()),
            RegistrationStatus::Registering | RegistrationStatus::Assigning => {}
            RegistrationStatus::Failed | RegistrationStatus::Disabled | RegistrationStatus::Other(_) => {
                return Err(response.to_service_error().into());
            }
        }
        if let Some(operation_id) = response.operation_id() {
            let operation_id = operation_id.to_owned();
            request = Request::Query { operation_id };
        }
        // The service allows a device 5 status queries in 10 s.
        sleep(response.retry_after().unwrap_or_default().max(Duration::from_secs(2))).await;
    }
}
