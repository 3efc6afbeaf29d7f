//! Mocks of the seam to MQTT. (mockall's `automock` cannot be used: it copies the traits' `doc(alias)` to impl blocks.)

use std::sync::Arc;

use async_trait::async_trait;
use provisioning_types::TransportError;

use crate::{MqttBase, MqttSession, SessionEvents, TransportConfig};

mockall::mock! {
    /// An [`MqttBase`] that does as a test tells it to.
    pub MqttBase {}

    #[async_trait]
    impl MqttBase for MqttBase {
        async fn connect(
            &self,
            config: TransportConfig,
            events: SessionEvents,
        ) -> Result<Arc<dyn MqttSession>, TransportError>;
    }
}

mockall::mock! {
    /// An [`MqttSession`] that does as a test tells it to.
    pub MqttSession {}

    #[async_trait]
    impl MqttSession for MqttSession {
        async fn subscribe(&self, topic: &str) -> Result<(), TransportError>;
        async fn unsubscribe(&self, topic: &str) -> Result<(), TransportError>;
        async fn publish(&self, topic: &str, payload: Vec<u8>) -> Result<(), TransportError>;
        async fn disconnect(&self) -> Result<(), TransportError>;
    }
}
