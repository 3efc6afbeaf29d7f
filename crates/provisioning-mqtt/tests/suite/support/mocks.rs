//! A connector whose session is a mock, and which records its arguments.

use std::sync::{Arc, Mutex, OnceLock};

use async_trait::async_trait;
use provisioning_mqtt::{
    Login, Message, MqttConnector, MqttOptions, MqttSession, MqttTransport, SessionEvent, SessionEvents,
};
use provisioning_net::{Scheme, ServiceUri, Target};
use provisioning_types::{ClientCertificate, ErrorKind, Progress, RegistrationRequest, TransportError};

use super::{
    device::{Asked, endpoint},
    identity::any_identity,
    peer::{answer_topic, request_id},
};

mockall::mock! {
    pub(crate) MqttSession {}

    #[async_trait]
    impl MqttSession for MqttSession {
        async fn subscribe(&self, filter: &str) -> Result<(), TransportError>;
        async fn unsubscribe(&self, filter: &str) -> Result<(), TransportError>;
        async fn publish(&self, topic: &str, payload: Vec<u8>) -> Result<(), TransportError>;
        async fn disconnect(&self) -> Result<(), TransportError>;
    }
}

/// The arguments of a call to connect.
#[derive(Debug, Clone)]
pub(crate) struct Given {
    pub(crate) uri: ServiceUri,
    pub(crate) certificate: Option<ClientCertificate>,
    pub(crate) login: Login,
}

/// A connector that makes one connection, with the given session; further connections fail.
#[derive(Clone, Default)]
pub(crate) struct Mocked {
    scheme: Option<Scheme>,
    session: Arc<Mutex<Option<MockMqttSession>>>,
    events: Arc<OnceLock<SessionEvents>>,
    given: Arc<Mutex<Vec<Given>>>,
}

#[async_trait]
impl MqttConnector for Mocked {
    fn scheme(&self) -> Scheme {
        self.scheme.unwrap_or(Scheme::Mqtts)
    }

    async fn connect(
        &self,
        target: &Target<'_>,
        login: Login,
        progress: Progress<'_>,
        events: SessionEvents,
    ) -> Result<Arc<dyn MqttSession>, TransportError> {
        target.report(progress);
        let (uri, certificate) = (target.uri().clone(), target.certificate().cloned());
        self.given.lock().expect("no panic").push(Given {
            uri,
            certificate,
            login,
        });
        let session = self.session.lock().expect("no panic").take();
        let session = session.ok_or_else(|| TransportError::new(ErrorKind::Connect, "out of order"))?;
        assert!(self.events.set(events).is_ok(), "it connects once");
        Ok(Arc::new(session))
    }
}

impl Mocked {
    /// A transport on this connection alone. Without a session it fails to connect.
    pub(crate) fn transport(&self, session: impl Into<Option<MockMqttSession>>) -> MqttTransport {
        self.transport_with(session, MqttOptions::default())
    }

    pub(crate) fn transport_with(
        &self,
        session: impl Into<Option<MockMqttSession>>,
        options: MqttOptions,
    ) -> MqttTransport {
        *self.session.lock().expect("no panic") = session.into();
        MqttTransport::over(Arc::new(self.clone()), endpoint(), any_identity(), options)
    }

    /// The arguments of its calls, in order.
    pub(crate) fn given(&self) -> Vec<Given> {
        self.given.lock().expect("no panic").clone()
    }

    /// A publication that the service answers.
    pub(crate) fn answering(
        &self,
        status: &'static str,
        body: &'static str,
    ) -> impl Fn(&str, Vec<u8>) -> Result<(), TransportError> + Send + 'static {
        let mocked = self.clone();
        move |topic, _| {
            let topic = answer_topic(status, request_id(topic));
            mocked.tell(SessionEvent::Message(Message::new(topic, body)));
            Ok(())
        }
    }

    /// Emits an event of the connection.
    pub(crate) fn tell(&self, event: SessionEvent) {
        self.events.get().expect("it is connected").emit(event);
    }
}

/// A session that accepts a subscription.
pub(crate) fn session() -> MockMqttSession {
    let mut session = MockMqttSession::new();
    session.expect_subscribe().returning(|_| Ok(()));
    session
}

/// Returns the arguments with which a connection for `request` is made.
pub(crate) async fn given_for(scheme: Scheme, request: RegistrationRequest) -> Given {
    let scheme = Some(scheme);
    let mocked = Mocked {
        scheme,
        ..Mocked::default()
    };
    let outcome = Asked::Register.of(&mocked.transport(None), &request).await;
    assert!(outcome.is_err(), "there is no session");
    mocked.given().remove(0)
}
