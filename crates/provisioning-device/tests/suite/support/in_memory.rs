//! The whole client with an in-memory emulator, which works with tokio's paused time.

use std::sync::Arc;

use provisioning_client::{Policy, RegistrationClient};
use provisioning_credentials::{DeviceIdentity, TrustedRoots};
use provisioning_emulator::{Emulator, Port, Security};
use provisioning_mqtt::{MqttOptions, MqttTransport};
use provisioning_net::{Tls, TlsConnector, WebSocketConnector};
use provisioning_types::Endpoint;
use test_support::emulator::{connector, credential};

/// A client that connects to `emulator` like the facade does over TCP. The device has a certificate of its CA.
pub(crate) fn client(
    emulator: &Arc<Emulator>,
    port: Port,
    device: &str,
    options: MqttOptions,
    policy: Policy,
) -> RegistrationClient {
    let roots = TrustedRoots::from_pem(emulator.ca_pem().as_bytes()).expect("a CA");
    let connector = connector(emulator, port, Security::Tls);
    let tls = TlsConnector::over(connector, Tls::new().with_only_roots(roots));
    let endpoint: Endpoint = "localhost".parse().expect("a host");
    let identity = Arc::new(DeviceIdentity::new(credential(emulator, device)));
    let transport = match port {
        Port::Mqtt => MqttTransport::new(tls, endpoint, identity, options),
        _ => MqttTransport::new(WebSocketConnector::new(tls), endpoint, identity, options),
    };
    RegistrationClient::new(Arc::new(transport), policy)
}
