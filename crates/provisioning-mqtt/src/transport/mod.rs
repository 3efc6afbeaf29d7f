//! The DPS transport: single requests to the service and their responses, over connections that it makes when needed.

mod in_flight;
mod refusal_hint;
mod response_router;

use std::{
    fmt,
    future::pending,
    mem,
    pin::pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use futures_util::{future::maybe_done, poll};
use provisioning_net::{Connector, PeerAddress, ServiceUri, Target, run_blocking};
use provisioning_types::{
    BlockingKey, Endpoint, ErrorKind, Identity, InvalidInput, Phase, PollingTransport, Progress, Proof,
    RegistrationRequest, Request, Response, TransportError, WaitStep,
};
use tokio::{join, select};

use self::{
    in_flight::{Connection, InFlight, Link, State},
    refusal_hint::RefusalHint,
    response_router::ResponseRouter,
};
use crate::{
    mqtt_connector::{Login, MqttConnector, MqttSession},
    options::MqttOptions,
    pipelining::Pipelining,
    protocol,
    session::MqttOverStream,
};

/// DPS over MQTT. The connector decides what carries MQTT: TLS, a WebSocket, or either of them.
///
/// It connects when a request needs it, keeps the connection for the next request, and serves it in between.
pub struct MqttTransport {
    mqtt: Box<dyn MqttConnector>,
    endpoint: Endpoint,
    identity: Arc<dyn Identity>,
    options: MqttOptions,
    state: Mutex<State>,
}

impl fmt::Debug for MqttTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MqttTransport")
            .field("endpoint", &self.endpoint)
            .field("options", &self.options)
            .field("connected", &self.state().established().is_some())
            .finish_non_exhaustive()
    }
}

impl MqttTransport {
    /// MQTT over the byte streams of `connector`, to `endpoint` unless a request names another one. `identity` proves
    /// who the device is.
    #[doc(alias = "setAuthentication")]
    pub fn new(
        connector: impl Connector + 'static,
        endpoint: Endpoint,
        identity: impl Identity + 'static,
        options: MqttOptions,
    ) -> Self {
        Self::over(MqttOverStream::new(connector), endpoint, identity, options)
    }

    /// The same over another MQTT client.
    pub fn over(
        mqtt: impl MqttConnector + 'static,
        endpoint: Endpoint,
        identity: impl Identity + 'static,
        options: MqttOptions,
    ) -> Self {
        Self {
            mqtt: Box::new(mqtt),
            endpoint,
            identity: Arc::new(identity),
            options,
            state: Mutex::default(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing panics while the lock is held; the state is consistent in any case.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn exchange(
        &self,
        in_flight: &InFlight<'_>,
        registration: &RegistrationRequest,
        request: &Request,
        progress: Progress<'_>,
    ) -> Result<Response, TransportError> {
        registration.check_payload()?;
        let result = self.exchange_on_link(in_flight, registration, request, progress).await;
        if result.is_err()
            && let Some(session) = in_flight.take_connecting()
        {
            warn_if_failed(session.disconnect().await);
        }
        result
    }

    async fn exchange_on_link(
        &self,
        in_flight: &InFlight<'_>,
        registration: &RegistrationRequest,
        request: &Request,
        progress: Progress<'_>,
    ) -> Result<Response, TransportError> {
        let (link, is_new) = self.link(in_flight, registration, progress).await?;
        let request_id = format!("{:032x}", fastrand::u128(..));
        // The service ignores the body of a query.
        let (topic, body) = match request {
            Request::Register => (protocol::register_topic(&request_id), registration.body()),
            Request::Query { operation_id } => (protocol::query_topic(&request_id, operation_id), String::new()),
        };
        if topic.len() > usize::from(u16::MAX) {
            let message = "the operation id that the service gave is too long for a topic";
            return Err(TransportError::new(ErrorKind::UnexpectedResponse, message));
        }
        let response = in_flight.expect(&link, request_id)?;
        let failure = async {
            let establishing = async {
                match is_new {
                    true => establish(in_flight, &link, progress).await,
                    false => Ok(()),
                }
            };
            let publishing = link
                .session
                .publish_with_permit(&topic, body.into(), in_flight.permit());
            let (mut establishing, mut publishing) = (pin!(maybe_done(establishing)), pin!(maybe_done(publishing)));
            if self.options.pipelining != Pipelining::Off {
                // Their packets are sent, in this order.
                let _ = poll!(establishing.as_mut());
                let _ = poll!(publishing.as_mut());
            }
            establishing.as_mut().await;
            if let Some(Err(error)) = establishing.take_output() {
                return error;
            }
            progress.waiting_for(WaitStep::Delivery, Arc::clone(&link.peer));
            publishing.as_mut().await;
            if let Some(Err(error)) = publishing.take_output() {
                return link.router.loss().unwrap_or(error);
            }
            // Acknowledged; the response is still to arrive.
            progress.waiting_for(WaitStep::Response, Arc::clone(&link.peer));
            pending().await
        };
        select! {
            biased;
            // A response counts even if its PUBACK never arrives and the connection ends right after it.
            Ok(message) = response => {
                // It may have overtaken SUBACK.
                in_flight.connected(&link, progress)?;
                let response = protocol::read_response(request, &message.topic, message.payload);
                match response {
                    Ok(response) => Ok(response.with_proxy(link.router.peer.proxy())),
                    Err(error) => Err(link.explain(error)),
                }
            }
            error = failure => Err(error),
            error = link.router.lost() => Err(error),
        }
    }

    /// The established connection, or a new one, and whether it is new: then it is still to be [established](establish).
    async fn link(
        &self,
        in_flight: &InFlight<'_>,
        registration: &RegistrationRequest,
        progress: Progress<'_>,
    ) -> Result<(Arc<Link>, bool), TransportError> {
        let endpoint = registration.endpoint().unwrap_or(&self.endpoint);
        let user_name = protocol::user_name(registration, &self.options.user_agent);
        let established = self.state().established();
        match established {
            Some(link) if link.is_reusable_for(endpoint, &user_name) => return Ok((link, false)),
            // To another endpoint or for another device: one connection at a time.
            Some(link) => {
                in_flight.set(Connection::Connecting(None))?;
                warn_if_failed(disconnect(&*link.session).await);
            }
            None => in_flight.set(Connection::Connecting(None))?,
        }
        let link = self.connect(endpoint, user_name, registration, progress).await?;
        in_flight.set(Connection::Connecting(Some(Arc::clone(&link.session))))?;
        Ok((Arc::new(link), true))
    }

    /// A new connection: accepted, unless CONNECT is pipelined.
    async fn connect(
        &self,
        endpoint: &Endpoint,
        user_name: String,
        registration: &RegistrationRequest,
        progress: Progress<'_>,
    ) -> Result<Link, TransportError> {
        let mut proof = self
            .prove(registration, progress)
            .await
            .and_then(|proof| within_mqtt(&user_name, proof))
            .map_err(|error| error.in_phase(Phase::Connect))?;
        let uri = ServiceUri::new(self.mqtt.scheme(), endpoint.clone());
        let login = Login {
            client_id: registration.registration_id().to_string(),
            user_name: user_name.clone(),
            password: proof.password.take(),
            clean: true,
            keep_alive: self.options.keep_alive,
        };
        let router = ResponseRouter::new(PeerAddress::new(&uri));
        let listener = |event| {
            router.peer.note(&event);
            progress.report(event);
        };
        let target = Target::new(&uri)
            .with_certificate(proof.certificate.as_ref())
            .with_max_message_size(self.options.max_packet_size);
        let (progress, events) = (Progress::new(&listener), Arc::clone(&router).into());
        let session = match self.options.pipelining {
            Pipelining::Off | Pipelining::AfterConnack => self.mqtt.connect(&target, login, progress, events).await,
            Pipelining::Full => self.mqtt.connect_early(&target, login, progress, events).await,
        };
        let refusal_hint = RefusalHint::of(proof);
        let explain = |error: TransportError| refusal_hint.explain(error, &router.peer).in_phase(Phase::Connect);
        let session = session.map_err(explain)?;
        Ok(Link {
            peer: router.peer.get(),
            session,
            router: Arc::clone(&router),
            purpose: (endpoint.clone(), user_name),
            refusal_hint,
        })
    }

    async fn prove(&self, registration: &RegistrationRequest, progress: Progress<'_>) -> Result<Proof, TransportError> {
        if !self.identity.may_block() {
            // Not through `Arc`, whose implementation boxes the future again.
            return Ok(self.identity.as_ref().prove(registration).await?);
        }
        progress.waiting_for(WaitStep::Credential, registration.registration_id().as_str());
        let (identity, registration) = (Arc::clone(&self.identity), registration.clone());
        let key = identity.blocking_key();
        let key = key.unwrap_or_else(|| BlockingKey::of(&self.identity));
        Ok(run_blocking(key, async move { identity.as_ref().prove(&registration).await }).await??)
    }
}

/// Waits for CONNACK and for SUBACK; the connection is established then. Sends SUBSCRIBE before it waits.
async fn establish(in_flight: &InFlight<'_>, link: &Arc<Link>, progress: Progress<'_>) -> Result<(), TransportError> {
    let Link { session, router, .. } = &**link;
    let mut subscribing = pin!(maybe_done(session.subscribe(protocol::RESPONSES)));
    let _ = poll!(subscribing.as_mut());
    let accepted = session.accepted().await;
    accepted.map_err(|error| link.explain(error).in_phase(Phase::Connect))?;
    progress.waiting_for(WaitStep::Suback, Arc::clone(&link.peer));
    subscribing.as_mut().await;
    if let Some(Err(error)) = subscribing.take_output() {
        return Err(router.loss().unwrap_or(error).in_phase(Phase::Subscribe));
    }
    in_flight.connected(link, progress)
}

#[async_trait]
impl PollingTransport for MqttTransport {
    async fn send(
        &self,
        registration: &RegistrationRequest,
        request: &Request,
        progress: Progress<'_>,
    ) -> Result<Response, TransportError> {
        let mut in_flight = InFlight::begin(&self.state)?;
        let result = select! {
            biased;
            () = in_flight.cancelled() => Err(TransportError::operation_cancelled()),
            result = self.exchange(&in_flight, registration, request, progress) => {
                result.map_err(|error| in_flight.cancelled_or(error).in_phase(request.phase()))
            }
        };
        if result.is_ok() {
            in_flight.answered();
        }
        result
    }

    async fn connection_lost(&self) -> TransportError {
        let router = self.state().router();
        match router {
            Some(router) => router.lost().await,
            None => pending().await,
        }
    }

    async fn cancel(&self) -> Result<(), TransportError> {
        // Release the state first: the next request may already be connecting.
        let connecting = {
            let mut state = self.state();
            let written = state.cancel_request();
            state.close_if_cut(written);
            state.take_connecting()
        };
        match connecting {
            Some(session) => session.disconnect().await,
            None => Ok(()),
        }
    }

    async fn disconnect(&self) -> Result<(), TransportError> {
        let connection = {
            let mut state = self.state();
            state.cancel_request();
            mem::take(&mut state.connection)
        };
        match connection {
            Connection::Disconnected | Connection::Connecting(None) => Ok(()),
            Connection::Connecting(Some(session)) => session.disconnect().await,
            Connection::Connected(link) if link.router.loss().is_some() => Ok(()),
            Connection::Connected(link) => disconnect(&*link.session).await,
        }
    }

    /// The connection is disconnected in an orderly way in the background.
    fn abort(&self) {
        let mut state = self.state();
        state.cancel_request();
        state.connection = Connection::Disconnected;
    }
}

/// Checks, before any connection, what MQTT could carry only with a truncated length.
fn within_mqtt(user_name: &str, proof: Proof) -> Result<Proof, TransportError> {
    let password = proof.password.as_ref().map_or(0, |password| password.expose().len());
    for (what, length) in [("user name", user_name.len()), ("password", password)] {
        if length > usize::from(u16::MAX) {
            return Err(InvalidInput::new(what, "at most 65535 bytes, the maximum of MQTT").into());
        }
    }
    Ok(proof)
}

/// Unsubscribes and disconnects. Both packets are sent before either is awaited. The error of the disconnect has
/// preference.
async fn disconnect(session: &dyn MqttSession) -> Result<(), TransportError> {
    let (unsubscribed, disconnected) = join!(session.unsubscribe(protocol::RESPONSES), session.disconnect());
    disconnected.and(unsubscribed)
}

fn warn_if_failed(result: Result<(), TransportError>) {
    if let Err(error) = result {
        tracing::warn!(%error, "disconnecting failed");
    }
}
