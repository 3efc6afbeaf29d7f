//! Mocked connections that answer.

use std::sync::{Arc, Mutex, OnceLock};

use mockall::Sequence;
use provisioning_mqtt::{
    Message, MockMqttBase, MockMqttSession, MqttBase, MqttTransport, SessionEvent, SessionEvents, Settings,
    TransportConfig,
};
use provisioning_types::{Credential, Endpoint, ErrorKind, RegistrationRequest, TransportError};

use super::{
    certificates,
    device::{Asked, endpoint},
    peer::{answer_topic, request_id},
};

/// One mocked connection. It exists before its session does, so that a test can put its calls in order.
#[derive(Clone, Default)]
pub(crate) struct Mocked {
    session: Arc<Mutex<Option<MockMqttSession>>>,
    events: Arc<OnceLock<SessionEvents>>,
}

impl Mocked {
    /// A base that makes this connection, once.
    pub(crate) fn base(&self, order: &mut Sequence) -> MockMqttBase {
        let mocked = self.clone();
        let mut base = MockMqttBase::new();
        base.expect_connect()
            .once()
            .in_sequence(order)
            .returning(move |_, events| {
                assert!(mocked.events.set(events).is_ok(), "it is made once");
                let session = mocked.session.lock().expect("no panic").take();
                Ok(Arc::new(session.expect("the test gives it")))
            });
        base
    }

    /// A transport on this connection alone; the order of its calls is not looked at.
    pub(crate) fn transport(&self, session: MockMqttSession) -> MqttTransport {
        self.use_session(session);
        transport(self.base(&mut Sequence::new()))
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
            mocked.tell(SessionEvent::Message(Message {
                topic: answer_topic(status, request_id(topic)),
                payload: body.into(),
            }));
            Ok(())
        }
    }

    /// What the connection brings.
    pub(crate) fn tell(&self, event: SessionEvent) {
        self.events.get().expect("it is connected").tell(event);
    }
}

pub(crate) fn transport(base: MockMqttBase) -> MqttTransport {
    let settings = Settings::default();
    MqttTransport::mqtt(Arc::new(base), endpoint(), certificates::any_credential(), settings)
}

/// A session that takes a subscription.
pub(crate) fn session() -> MockMqttSession {
    let mut session = MockMqttSession::new();
    session.expect_subscribe().returning(|_| Ok(()));
    session
}

/// A base that fails to connect, and what it was asked to connect with.
pub(crate) fn refusing_base() -> (MockMqttBase, Arc<OnceLock<TransportConfig>>) {
    let asked = Arc::new(OnceLock::new());
    let (mut base, config) = (MockMqttBase::new(), Arc::clone(&asked));
    base.expect_connect().once().returning(move |given, _| {
        assert!(config.set(given).is_ok(), "it is asked once");
        Err(TransportError::new(ErrorKind::Connect, "out of order"))
    });
    (base, asked)
}

/// One of the two constructors.
type NewTransport = fn(Arc<dyn MqttBase>, Endpoint, Credential, Settings) -> MqttTransport;

/// What a connection for `request` is made with.
pub(crate) async fn config_of(new: NewTransport, request: RegistrationRequest) -> TransportConfig {
    let (base, config) = refusing_base();
    let credential = certificates::any_credential();
    let transport = new(Arc::new(base), endpoint(), credential, Settings::default());
    let outcome = Asked::Register.of(&transport, &request).await;
    assert!(outcome.is_err(), "it connects");
    config.get().expect("it connects").clone()
}
