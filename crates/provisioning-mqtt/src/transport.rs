//! The transport: single requests to the service and their answers, over connections that it makes when needed.

use std::{
    future::pending,
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use base64::{Engine, engine::general_purpose::STANDARD};
use provisioning_types::{
    Answer, ConnectionStep, Credential, Endpoint, ErrorKind, Phase, PollingTransport, Progress, RegistrationRequest,
    TransportError,
};
use serde_json::json;
use tokio::{join, select, sync::oneshot};

use crate::{
    MqttBase, MqttSession, Scheme, Settings, TransportConfig,
    answers::{Answers, Arrived, Link},
    refused, topic,
};

/// DPS over MQTT: over TLS as [`mqtt`](Self::mqtt), over WebSockets as [`mqtt_ws`](Self::mqtt_ws).
///
/// It connects when a request needs it, keeps the connection for the next one, and serves it in between.
pub struct MqttTransport {
    base: Arc<dyn MqttBase>,
    scheme: Scheme,
    endpoint: Endpoint,
    credential: Credential,
    settings: Settings,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    connection: Connection,
    operation: Option<Operation>,
    operations: u64,
}

impl State {
    /// Forgets a connection that is being made; it is the caller's to close.
    fn take_half_made(&mut self) -> Option<Arc<dyn MqttSession>> {
        match &mut self.connection {
            Connection::Connecting(session) => {
                let session = session.take();
                self.connection = Connection::Disconnected;
                session
            }
            Connection::Disconnected | Connection::Connected(_) => None,
        }
    }
}

#[derive(Default)]
enum Connection {
    #[default]
    Disconnected,
    /// Being made by the operation in flight; the session, once MQTT's own handshake is done.
    Connecting(Option<Arc<dyn MqttSession>>),
    Connected(Link),
}

/// The request in flight. `cancel` and `disconnect` end it by dropping this.
struct Operation {
    number: u64,
    _cancelled_by_drop: oneshot::Sender<()>,
}

impl MqttTransport {
    /// MQTT over TLS to `endpoint`, port 8883 unless given, proving the device's identity with `credential`.
    #[doc(alias = "setAuthentication")]
    pub fn mqtt(base: Arc<dyn MqttBase>, endpoint: Endpoint, credential: Credential, settings: Settings) -> Self {
        Self {
            base,
            scheme: Scheme::Mqtts,
            endpoint,
            credential,
            settings,
            state: Mutex::default(),
        }
    }

    /// MQTT over a WebSocket over TLS to `endpoint`, port 443 unless given. `base` must carry WebSockets.
    #[doc(alias = "MqttWs")]
    pub fn mqtt_ws(base: Arc<dyn MqttBase>, endpoint: Endpoint, credential: Credential, settings: Settings) -> Self {
        Self {
            scheme: Scheme::Wss,
            ..Self::mqtt(base, endpoint, credential, settings)
        }
    }

    /// Lets go of the connection and of the request in flight without waiting; the connection is closed in an
    /// orderly way in the background.
    pub fn abandon(&self) {
        let mut state = self.state();
        state.operation = None;
        state.connection = Connection::Disconnected;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it is held; the state is whole in any case.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Performs one request, unless another is in flight; ends early when it is cancelled.
    async fn operate(
        &self,
        request: &RegistrationRequest,
        asked: Asked<'_>,
        progress: &Progress,
    ) -> Result<Answer, TransportError> {
        let (running, cancelled) = Running::begin(self)?;
        select! {
            biased;
            _ = cancelled => Err(TransportError::operation_cancelled()),
            result = self.exchange(&running, request, asked, progress) => {
                result.map_err(|error| running.failed(error).in_phase(asked.phase()))
            }
        }
    }

    async fn exchange(
        &self,
        running: &Running<'_>,
        request: &RegistrationRequest,
        asked: Asked<'_>,
        progress: &Progress,
    ) -> Result<Answer, TransportError> {
        let link = self.connected(running, request, progress).await?;
        let request_id = format!("{:032x}", fastrand::u128(..));
        let topic = asked.topic(&request_id)?;
        let answer = running.expect(&link, &request_id)?;
        let published = async {
            match link.session.publish(&topic, asked.body(request)).await {
                // Acknowledged: that the answer is missing still is no failure.
                Ok(()) => pending().await,
                Err(error) => error,
            }
        };
        select! {
            biased;
            // An answer counts even if its PUBACK never comes and the connection ends right behind it.
            Ok(arrived) = answer => asked.judge(arrived),
            error = published => Err(link.answers.loss().unwrap_or(error)),
            error = link.answers.lost() => Err(error),
        }
    }

    /// The connection that stands, or a new one that hears the service's answers.
    async fn connected(
        &self,
        running: &Running<'_>,
        request: &RegistrationRequest,
        progress: &Progress,
    ) -> Result<Link, TransportError> {
        let config = self.settings.config(self.scheme, &self.endpoint, request);
        let standing = match &self.state().connection {
            Connection::Connected(link) if link.answers.loss().is_none() => Some(link.clone()),
            _ => None,
        };
        if let Some(link) = &standing
            && link.config.serves(&config)
        {
            return Ok(link.clone());
        }
        running.set(Connection::Connecting(None))?;
        if let Some(link) = standing {
            // Another place or another device: one connection at a time.
            warn_if_failed(leave(link.session).await);
        }
        let result = self.connect(running, config, request, progress).await;
        if result.is_err()
            && let Some(session) = running.take_half_made()
        {
            warn_if_failed(session.disconnect().await);
        }
        result
    }

    async fn connect(
        &self,
        running: &Running<'_>,
        mut config: TransportConfig,
        request: &RegistrationRequest,
        progress: &Progress,
    ) -> Result<Link, TransportError> {
        let uri = self.base.first_uri(&config).to_string();
        tracing::debug!(uri, client_id = config.client_id, "connecting");
        progress.report(ConnectionStep::Connecting { uri });
        self.settings
            .prove(&mut config, &self.credential, request)
            .await
            .map_err(|error| error.in_phase(Phase::Connect))?;
        let answers = Answers::new();
        // The progress is this request's; the connection outlives it.
        let for_this_request = TransportConfig {
            progress: progress.clone(),
            ..config.clone()
        };
        let session = self
            .base
            .connect(for_this_request, answers.listener())
            .await
            .map_err(|error| self.hinted(error, &config).in_phase(Phase::Connect))?;
        running.set(Connection::Connecting(Some(Arc::clone(&session))))?;
        session
            .subscribe(topic::ANSWERS)
            .await
            .map_err(|error| answers.loss().unwrap_or(error).in_phase(Phase::Subscribe))?;
        let link = Link {
            session,
            answers,
            config: Arc::new(config),
        };
        running.set(Connection::Connected(link.clone()))?;
        progress.report(ConnectionStep::Connected);
        Ok(link)
    }
}

impl MqttTransport {
    /// MQTT does not say why a credential is refused; what was presented tells what to look at.
    fn hinted(&self, error: TransportError, config: &TransportConfig) -> TransportError {
        match error.kind() {
            ErrorKind::Unauthorized => error.with_hint(refused::hint(config, self.settings.now())),
            _ => error,
        }
    }
}

#[async_trait]
impl PollingTransport for MqttTransport {
    async fn registration_request(
        &self,
        request: &RegistrationRequest,
        progress: &Progress,
    ) -> Result<Answer, TransportError> {
        self.operate(request, Asked::Register, progress).await
    }

    async fn query_operation_status(
        &self,
        request: &RegistrationRequest,
        operation_id: &str,
        progress: &Progress,
    ) -> Result<Answer, TransportError> {
        self.operate(request, Asked::Query { operation_id }, progress).await
    }

    async fn cancel(&self) -> Result<(), TransportError> {
        // At once: the next request may begin right behind it, and its connection is none of this one's business.
        let half_made = {
            let mut state = self.state();
            state.operation = None;
            state.take_half_made()
        };
        match half_made {
            Some(session) => session.disconnect().await,
            None => Ok(()),
        }
    }

    async fn disconnect(&self) -> Result<(), TransportError> {
        let connection = {
            let mut state = self.state();
            state.operation = None;
            mem::take(&mut state.connection)
        };
        match connection {
            Connection::Disconnected | Connection::Connecting(None) => Ok(()),
            Connection::Connecting(Some(session)) => session.disconnect().await,
            Connection::Connected(link) if link.answers.loss().is_some() => Ok(()),
            Connection::Connected(link) => leave(link.session).await,
        }
    }

    async fn connection_lost(&self) -> TransportError {
        let answers = match &self.state().connection {
            Connection::Connected(link) => Some(Arc::clone(&link.answers)),
            Connection::Disconnected | Connection::Connecting(_) => None,
        };
        match answers {
            Some(answers) => answers.lost().await,
            None => pending().await,
        }
    }
}

/// The right of one request to change the connection, until it ends, or is cancelled, or forgotten.
struct Running<'a> {
    transport: &'a MqttTransport,
    number: u64,
}

impl<'a> Running<'a> {
    /// Also returns what resolves when the request is cancelled.
    fn begin(transport: &'a MqttTransport) -> Result<(Self, oneshot::Receiver<()>), TransportError> {
        let mut state = transport.state();
        if state.operation.is_some() {
            return Err(TransportError::invalid_operation());
        }
        let (cancel, cancelled) = oneshot::channel();
        state.operations += 1;
        let number = state.operations;
        state.operation = Some(Operation {
            number,
            _cancelled_by_drop: cancel,
        });
        Ok((Self { transport, number }, cancelled))
    }

    /// The state, as long as it is this request's to change. One that was cancelled fails instead: another may run
    /// already.
    fn state(&self) -> Result<MutexGuard<'a, State>, TransportError> {
        let state = self.transport.state();
        match &state.operation {
            Some(operation) if operation.number == self.number => Ok(state),
            _ => Err(TransportError::operation_cancelled()),
        }
    }

    fn set(&self, connection: Connection) -> Result<(), TransportError> {
        self.state()?.connection = connection;
        Ok(())
    }

    /// From now on `link` waits for the answer to `request_id`, and for no other.
    fn expect(&self, link: &Link, request_id: &str) -> Result<oneshot::Receiver<Arrived>, TransportError> {
        let _held = self.state()?;
        Ok(link.answers.expect(request_id))
    }

    /// The half-made connection, unless the request was cancelled: who did that has taken it along.
    fn take_half_made(&self) -> Option<Arc<dyn MqttSession>> {
        self.state().ok()?.take_half_made()
    }

    /// What the request fails with: to be cancelled may be what `error` came of.
    fn failed(&self, error: TransportError) -> TransportError {
        self.state().err().unwrap_or(error)
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        if let Ok(mut state) = self.state() {
            state.operation = None;
            // Only a request that was dropped half-way leaves a half-made connection; dropping that closes it.
            drop(state.take_half_made());
        }
    }
}

/// What is asked of the service.
#[derive(Clone, Copy)]
enum Asked<'a> {
    Register,
    Query { operation_id: &'a str },
}

impl Asked<'_> {
    fn topic(self, request_id: &str) -> Result<String, TransportError> {
        let topic = match self {
            Self::Register => topic::register(request_id),
            Self::Query { operation_id } => topic::query(request_id, operation_id),
        };
        if topic.len() > usize::from(u16::MAX) {
            let message = "the operation id that the service gave is too long for a topic";
            return Err(TransportError::new(ErrorKind::UnexpectedResponse, message));
        }
        Ok(topic)
    }

    /// A query's body is ignored by the service, so nothing is sent twice.
    fn body(self, request: &RegistrationRequest) -> Vec<u8> {
        let Self::Register = self else {
            return Vec::new();
        };
        let mut body = json!({"registrationId": request.registration_id().as_str()});
        if let Some(payload) = request.payload() {
            body["payload"] = payload.clone();
        }
        if let Some(csr) = request.csr() {
            body["csr"] = STANDARD.encode(csr.der()).into();
        }
        body.to_string().into()
    }

    fn phase(self) -> Phase {
        match self {
            Self::Register => Phase::Register,
            Self::Query { .. } => Phase::Poll,
        }
    }

    fn judge(self, arrived: Arrived) -> Result<Answer, TransportError> {
        let Some(status) = arrived.status else {
            let topic: String = arrived.topic.chars().take(200).collect();
            let message = format!("the answer came on the topic {topic:?}, which has no status");
            return Err(TransportError::new(ErrorKind::UnexpectedResponse, message));
        };
        let queried = match self {
            Self::Register => None,
            Self::Query { operation_id } => Some(operation_id),
        };
        Answer::from_service(status, &arrived.body, arrived.retry_after, queried)
    }
}

/// Unsubscribes and disconnects. Both are on their way before either is awaited; of two failures the latter's counts.
async fn leave(session: Arc<dyn MqttSession>) -> Result<(), TransportError> {
    let (unsubscribed, disconnected) = join!(session.unsubscribe(topic::ANSWERS), session.disconnect());
    disconnected.and(unsubscribed)
}

fn warn_if_failed(result: Result<(), TransportError>) {
    if let Err(error) = result {
        tracing::warn!(%error, "leaving a connection failed");
    }
}
