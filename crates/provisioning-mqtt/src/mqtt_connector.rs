//! The seam between the DPS transport and MQTT: how connections are made, and what one connection can do.

use std::{fmt, sync::Arc, time::Duration};

use async_trait::async_trait;
use provisioning_net::{Scheme, Target};
use provisioning_types::{Progress, Secret, TransportError};

use crate::permit::WritePermit;

/// Makes MQTT connections.
///
/// # Cancel safety
/// Dropping the future closes the connection that was being made. If CONNECT was sent already, that may happen in the
/// background, once the service has answered it or after a second: a CONNECT that the service reads after that of the
/// next connection would end the newer one.
#[doc(alias = "_mqttBase")]
#[async_trait]
pub trait MqttConnector: Send + Sync {
    /// How the connections carry MQTT.
    fn scheme(&self) -> Scheme {
        Scheme::Mqtts
    }

    /// Connects: the byte stream to `target`, and MQTT's CONNECT up to an accepting CONNACK. `events` receives all that
    /// the connection brings from then on.
    ///
    /// # Errors
    /// The service was not reached, or refused the connection.
    async fn connect(
        &self,
        target: &Target<'_>,
        login: Login,
        progress: Progress<'_>,
        events: SessionEvents,
    ) -> Result<Arc<dyn MqttSession>, TransportError>;

    /// Connects without waiting for CONNACK: [`MqttSession::accepted`] does. The packets that the session is asked to
    /// send before that follow CONNECT.
    ///
    /// Without an implementation, it is `connect`.
    ///
    /// # Errors
    /// The service was not reached.
    async fn connect_early(
        &self,
        target: &Target<'_>,
        login: Login,
        progress: Progress<'_>,
        events: SessionEvents,
    ) -> Result<Arc<dyn MqttSession>, TransportError> {
        self.connect(target, login, progress, events).await
    }
}

#[async_trait]
impl<M: MqttConnector + ?Sized> MqttConnector for Arc<M> {
    fn scheme(&self) -> Scheme {
        (**self).scheme()
    }

    async fn connect(
        &self,
        target: &Target<'_>,
        login: Login,
        progress: Progress<'_>,
        events: SessionEvents,
    ) -> Result<Arc<dyn MqttSession>, TransportError> {
        (**self).connect(target, login, progress, events).await
    }

    async fn connect_early(
        &self,
        target: &Target<'_>,
        login: Login,
        progress: Progress<'_>,
        events: SessionEvents,
    ) -> Result<Arc<dyn MqttSession>, TransportError> {
        (**self).connect_early(target, login, progress, events).await
    }
}

/// The fields of MQTT's CONNECT.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Login {
    /// The client id: the registration id.
    pub client_id: String,
    /// The user name: id scope, registration id, api-version and user agent.
    pub user_name: String,
    /// The password: a SAS token. Absent with X.509.
    pub password: Option<Secret>,
    /// Clean session. Always true: the service keeps no sessions.
    pub clean: bool,
    /// The keep-alive in whole seconds; zero for none.
    pub keep_alive: Duration,
}

/// One MQTT connection. It is served until it ends, whether a request is in flight or not. Dropping the last handle
/// disconnects in an orderly way, in the background.
///
/// # Cancel safety
/// A packet that was not written yet when its future is dropped is not written any more.
#[async_trait]
pub trait MqttSession: Send + Sync {
    /// Completes on an accepting CONNACK; at once for a session of [`MqttConnector::connect`].
    ///
    /// # Errors
    /// The service refused the connection, or the connection ended before that.
    async fn accepted(&self) -> Result<(), TransportError> {
        Ok(())
    }

    /// Subscribes with QoS 1; completes on SUBACK.
    ///
    /// # Errors
    /// The service refused the subscription, or the connection ended.
    async fn subscribe(&self, filter: &str) -> Result<(), TransportError>;

    /// Unsubscribes; completes on UNSUBACK, or when the session is disconnected before that.
    ///
    /// # Errors
    /// The connection ended.
    async fn unsubscribe(&self, filter: &str) -> Result<(), TransportError>;

    /// Publishes with QoS 1; completes on PUBACK.
    ///
    /// # Errors
    /// The topic is too long for MQTT, or the connection ended.
    async fn publish(&self, topic: &str, payload: Vec<u8>) -> Result<(), TransportError>;

    /// The same while `permit` is not revoked: a packet of which nothing was handed to the byte stream by then is
    /// discarded, and one of which a part was is not continued; the transport drops the session in that case. The
    /// transport calls this method, with a permit for each packet.
    ///
    /// Without an implementation, it is `publish`: a request that was cancelled may still be sent.
    ///
    /// # Errors
    /// As for `publish`; [`Cancelled`](provisioning_types::ErrorKind::Cancelled) if the permit is revoked.
    async fn publish_with_permit(
        &self,
        topic: &str,
        payload: Vec<u8>,
        permit: &WritePermit,
    ) -> Result<(), TransportError> {
        let _ = permit;
        self.publish(topic, payload).await
    }

    /// Sends DISCONNECT and closes the connection, within a second.
    ///
    /// # Errors
    /// The service did not read what was sent. The connection is closed all the same.
    async fn disconnect(&self) -> Result<(), TransportError>;
}

/// What a connection brings by itself.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum SessionEvent {
    /// A message arrived.
    Message(Message),
    /// The connection ended without this side closing it.
    Closed(TransportError),
}

/// A message that arrived.
#[derive(Clone)]
#[non_exhaustive]
pub struct Message {
    /// The topic.
    pub topic: String,
    /// The payload.
    pub payload: Vec<u8>,
}

impl Message {
    /// A message on `topic`.
    pub fn new(topic: impl Into<String>, payload: impl Into<Vec<u8>>) -> Self {
        Self {
            topic: topic.into(),
            payload: payload.into(),
        }
    }
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Message({} bytes on {:?})", self.payload.len(), self.topic)
    }
}

/// Receives a connection's events.
#[derive(Clone)]
pub struct SessionEvents(Arc<dyn Listener>);

/// What receives events: a closure, or what the transport shares with its connection anyway.
pub(crate) trait Listener: Send + Sync {
    fn handle(&self, event: SessionEvent);
}

impl<F: Fn(SessionEvent) + Send + Sync> Listener for F {
    fn handle(&self, event: SessionEvent) {
        self(event);
    }
}

impl<L: Listener + 'static> From<Arc<L>> for SessionEvents {
    fn from(listener: Arc<L>) -> Self {
        Self(listener)
    }
}

impl SessionEvents {
    /// Calls `listener` with every event. It must not block.
    pub fn new(listener: impl Fn(SessionEvent) + Send + Sync + 'static) -> Self {
        Self(Arc::new(listener))
    }

    /// Emits an event.
    pub fn emit(&self, event: SessionEvent) {
        self.0.handle(event);
    }
}

impl fmt::Debug for SessionEvents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionEvents")
    }
}
