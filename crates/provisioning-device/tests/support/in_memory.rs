//! The whole client against an emulator in memory, on which tokio's paused time works.

use std::sync::Arc;

use async_trait::async_trait;
use provisioning_client::{Policy, RegistrationClient};
use provisioning_credentials::{DeviceIdentity, TrustedRoots, X509Credential};
use provisioning_emulator::{Emulator, Port, Security};
use provisioning_mqtt::{MqttOptions, MqttTransport};
use provisioning_net::{BoxedStream, Connector, Target, Tls, TlsConnector, WebSocketConnector};
use provisioning_types::{Endpoint, Progress, TransportError};

/// A client that connects to `emulator` as the facade does over TCP, as a device with a certificate of its CA.
pub(crate) fn client(
    emulator: &Arc<Emulator>,
    port: Port,
    device: &str,
    options: MqttOptions,
    policy: Policy,
) -> RegistrationClient {
    let roots = TrustedRoots::from_pem(emulator.ca_pem().as_bytes()).expect("a CA");
    let in_memory = InMemory {
        emulator: Arc::clone(emulator),
        port,
    };
    let tls = TlsConnector::over(in_memory, Tls::new().with_only_roots(roots));
    let endpoint: Endpoint = "localhost".parse().expect("a host");
    let identity = Arc::new(DeviceIdentity::new(credential(emulator, device)));
    let transport = match port {
        Port::Mqtt => MqttTransport::new(tls, endpoint, identity, options),
        _ => MqttTransport::new(WebSocketConnector::new(tls), endpoint, identity, options),
    };
    RegistrationClient::new(Arc::new(transport), policy)
}

pub(crate) fn credential(emulator: &Emulator, device: &str) -> X509Credential {
    let identity = emulator.issue_device(device).expect("a device");
    let (chain, key) = (identity.certificate_chain_pem, identity.private_key_pem);
    X509Credential::from_pem(chain.as_bytes(), key.as_bytes()).expect("a credential")
}

struct InMemory {
    emulator: Arc<Emulator>,
    port: Port,
}

#[async_trait]
impl Connector for InMemory {
    async fn connect(&self, target: &Target<'_>, progress: Progress<'_>) -> Result<BoxedStream, TransportError> {
        target.report(progress);
        Ok(Box::new(self.emulator.connect(self.port, Security::Tls, 64 * 1024)))
    }
}
