//! A whole registration over a service in memory: the driver, the transport, the session and the codec, without TLS.

use async_trait::async_trait;
use provisioning_client::{Policy, RegistrationClient};
use provisioning_mqtt::{MqttOptions, MqttTransport};
use provisioning_net::{BoxedStream, Connector, Scheme, Target};
use provisioning_types::{
    Assignment, CredentialError, Endpoint, IdScope, Identity, Progress, Proof, RegistrationId, RegistrationRequest,
    Secret, TransportError,
};
use tokio::runtime::{self, Runtime};

use super::service::Service;

/// A client, and what it runs on.
pub(crate) struct InMemory {
    runtime: Runtime,
    client: RegistrationClient,
    request: RegistrationRequest,
}

impl InMemory {
    /// A client that has registered before.
    pub(crate) fn warm() -> Self {
        let options = MqttOptions::default();
        let transport = MqttTransport::new(ToService, Endpoint::default(), Token, options);
        let id_scope = IdScope::new("0ne00000000").expect("an id scope");
        let id = RegistrationId::new("device-1").expect("an id");
        let in_memory = Self {
            runtime: runtime::Builder::new_current_thread()
                .enable_time()
                .build()
                .expect("a runtime"),
            client: RegistrationClient::new(transport, Policy::default()),
            request: RegistrationRequest::new(id_scope, id),
        };
        in_memory.register();
        in_memory
    }

    /// Registers and disconnects.
    pub(crate) fn register(&self) -> Assignment {
        let registration = self.client.register_and_disconnect(self.request.clone());
        self.runtime.block_on(registration).expect("assigned")
    }
}

struct ToService;

#[async_trait]
impl Connector for ToService {
    fn scheme(&self) -> Scheme {
        Scheme::Mqtt
    }

    async fn connect(&self, _: &Target<'_>, _: Progress<'_>) -> Result<BoxedStream, TransportError> {
        Ok(Box::new(Service::default()))
    }
}

/// A SAS token that is always the same.
#[derive(Debug)]
struct Token;

#[async_trait]
impl Identity for Token {
    async fn prove(&self, _: &RegistrationRequest) -> Result<Proof, CredentialError> {
        let token =
            "SharedAccessSignature sr=0ne00000000%2Fregistrations%2Fdevice-1&sig=AAAA&se=4102444800&skn=registration";
        Ok(Proof::default().with_password(Secret::new(token.as_bytes().to_vec())))
    }

    fn may_block(&self) -> bool {
        false
    }
}
