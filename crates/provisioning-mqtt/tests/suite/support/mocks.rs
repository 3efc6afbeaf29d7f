//! Mocked connections that answer.

use std::sync::{Arc, Mutex, OnceLock};

use async_trait::async_trait;
use mockall::Sequence;
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
    /// What [`Mocking`] is asked to do.
    pub(crate) MqttConnector {
        pub(crate) fn connect(&self, given: Given, events: SessionEvents) -> Result<Arc<dyn MqttSession>, TransportError>;
    }
}

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

/// Everything that a connection is made with.
#[derive(Debug, Clone)]
pub(crate) struct Given {
    pub(crate) uri: ServiceUri,
    pub(crate) certificate: Option<ClientCertificate>,
    pub(crate) login: Login,
}

/// A mocked connector. (mockall does not take borrowed arguments, so its mock does not implement the trait by itself.)
struct Mocking(MockMqttConnector, Scheme);

#[async_trait]
impl MqttConnector for Mocking {
    fn scheme(&self) -> Scheme {
        self.1
    }

    async fn connect(
        &self,
        target: &Target<'_>,
        login: Login,
        progress: Progress<'_>,
        events: SessionEvents,
    ) -> Result<Arc<dyn MqttSession>, TransportError> {
        target.report(progress);
        let given = Given {
            uri: target.uri().clone(),
            certificate: target.certificate().cloned(),
            login,
        };
        self.0.connect(given, events)
    }
}

/// One mocked connection. It exists before its session does, so that a test can put its calls in order.
#[derive(Clone, Default)]
pub(crate) struct Mocked {
    session: Arc<Mutex<Option<MockMqttSession>>>,
    events: Arc<OnceLock<SessionEvents>>,
}

impl Mocked {
    /// A connector that makes this connection, once.
    pub(crate) fn connector(&self, order: &mut Sequence) -> MockMqttConnector {
        let mocked = self.clone();
        let mut connector = MockMqttConnector::new();
        connector
            .expect_connect()
            .once()
            .in_sequence(order)
            .returning(move |_, events| {
                assert!(mocked.events.set(events).is_ok(), "it is made once");
                let session = mocked.session.lock().expect("no panic").take();
                Ok(Arc::new(session.expect("the test gives it")))
            });
        connector
    }

    /// A transport on this connection alone; the order of its calls is not looked at.
    pub(crate) fn transport(&self, session: MockMqttSession) -> MqttTransport {
        self.use_session(session);
        transport(self.connector(&mut Sequence::new()))
    }

    pub(crate) fn use_session(&self, session: MockMqttSession) {
        *self.session.lock().expect("no panic") = Some(session);
    }

    /// What a publication that is answered does.
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

    /// What the connection brings.
    pub(crate) fn tell(&self, event: SessionEvent) {
        self.events.get().expect("it is connected").emit(event);
    }
}

pub(crate) fn transport(connector: MockMqttConnector) -> MqttTransport {
    transport_with(connector, Scheme::Mqtts, MqttOptions::default())
}

pub(crate) fn transport_with(connector: MockMqttConnector, scheme: Scheme, options: MqttOptions) -> MqttTransport {
    let connector = Arc::new(Mocking(connector, scheme));
    MqttTransport::over(connector, endpoint(), any_identity(), options)
}

/// A session that takes a subscription.
pub(crate) fn session() -> MockMqttSession {
    let mut session = MockMqttSession::new();
    session.expect_subscribe().returning(|_| Ok(()));
    session
}

/// A connector that fails to connect, and what it was asked to connect with.
pub(crate) fn refusing() -> (MockMqttConnector, Arc<OnceLock<Given>>) {
    let asked = Arc::new(OnceLock::new());
    let (mut connector, given) = (MockMqttConnector::new(), Arc::clone(&asked));
    connector.expect_connect().once().returning(move |all, _| {
        assert!(given.set(all).is_ok(), "it is asked once");
        Err(TransportError::new(ErrorKind::Connect, "out of order"))
    });
    (connector, asked)
}

/// What a connection for `request` is made with.
pub(crate) async fn given_for(scheme: Scheme, request: RegistrationRequest) -> Given {
    let (connector, given) = refusing();
    let transport = transport_with(connector, scheme, MqttOptions::default());
    let outcome = Asked::Register.of(&transport, &request).await;
    assert!(outcome.is_err(), "it connects");
    given.get().expect("it connects").clone()
}
