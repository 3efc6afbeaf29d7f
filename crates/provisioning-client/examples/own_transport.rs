//! A transport of your own: implements `PollingTransport` over channels to a service in the same process, registers a
//! device over it, and prints the hub. The tests run the conformance suite of `provisioning-types` on the transport.
//!
//! ```console
//! $ cargo run -p provisioning-client --example own_transport
//! $ cargo test -p provisioning-client own_transport
//! ```

use std::{
    future::pending,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use provisioning_client::{Policy, RegisterError, RegistrationClient};
use provisioning_types::{
    ApiVersion, Assignment, ConnectionEvent, Endpoint, ErrorKind, IdScope, Phase, PollingTransport, Progress,
    RegistrationId, RegistrationRequest, Request, Response, TransportError, WaitStep, async_trait,
};
use tokio::{
    select,
    sync::{Notify, mpsc, oneshot, watch},
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let registration = RegistrationRequest::new(IdScope::new("0ne00A1B2C3")?, RegistrationId::new("device-1")?);
    let assignment = register(registration).await?;
    println!("{} belongs to {}", assignment.device_id(), assignment.assigned_hub());
    Ok(())
}

/// Registers with a service in this process.
async fn register(registration: RegistrationRequest) -> Result<Assignment, RegisterError> {
    let (dial, connections) = mpsc::unbounded_channel();
    let service = tokio::spawn(serve(connections));
    let client = RegistrationClient::new(ChannelTransport::new(dial, Endpoint::default()), Policy::default());
    let outcome = client.register_and_disconnect(registration).await;
    service.abort();
    outcome
}

/// The service: assigns every device at its first query.
async fn serve(mut connections: mpsc::UnboundedReceiver<Incoming>) {
    while let Some(incoming) = connections.recv().await {
        tokio::spawn(converse(incoming));
    }
}

async fn converse(incoming: Incoming) {
    let Incoming {
        purpose,
        accept,
        mut calls,
        _alive,
    } = incoming;
    // The device may be gone: nothing reads what is sent here and below.
    let _ = accept.send(true);
    while let Some(Call { request, answer, .. }) = calls.recv().await {
        let _ = answer.send(match request {
            Request::Register => Answer {
                status: 202,
                body: br#"{"operationId":"4.op","status":"assigning"}"#.to_vec(),
                retry_after: Some(Duration::from_millis(100)),
            },
            Request::Query { operation_id } => Answer {
                status: 200,
                body: assigned(&operation_id, &purpose.registration_id),
                retry_after: None,
            },
        });
    }
}

fn assigned(operation_id: &str, device: &RegistrationId) -> Vec<u8> {
    let body = serde_json::json!({
        "operationId": operation_id,
        "status": "assigned",
        "registrationState": { "assignedHub": "my-hub.azure-devices.net", "deviceId": device },
    });
    body.to_string().into_bytes()
}

/// A connection as the service receives it. Dropping it ends the connection.
#[derive(Debug)]
struct Incoming {
    purpose: Purpose,
    /// Accepts the connection, or refuses the device's credential.
    accept: oneshot::Sender<bool>,
    /// Ends when the device closes the connection.
    calls: mpsc::UnboundedReceiver<Call>,
    /// The device waits for the drop of this value.
    _alive: watch::Sender<()>,
}

/// What a connection is made for.
#[derive(Debug, Clone, PartialEq)]
struct Purpose {
    endpoint: Endpoint,
    id_scope: IdScope,
    registration_id: RegistrationId,
    api_version: ApiVersion,
}

/// A request on its way to the service. The answer has a channel of its own, so a late or repeated answer cannot reach
/// another request.
#[derive(Debug)]
struct Call {
    request: Request,
    /// Only the tests read it: this service has no use for payloads.
    #[cfg_attr(
        not(test),
        expect(dead_code, reason = "the service of this example ignores payloads")
    )]
    body: String,
    answer: oneshot::Sender<Answer>,
}

/// The service's answer to a call.
#[derive(Debug)]
struct Answer {
    status: u16,
    body: Vec<u8>,
    retry_after: Option<Duration>,
}

/// The transport.
#[derive(Debug)]
struct ChannelTransport {
    dial: mpsc::UnboundedSender<Incoming>,
    endpoint: Endpoint,
    state: Mutex<State>,
}

/// The established connection, and the request in flight. A request may change the state only while it is in flight.
#[derive(Debug, Default)]
struct State {
    connection: Option<Arc<Connection>>,
    in_flight: Option<Arc<Notify>>,
}

impl State {
    fn cancel(&mut self) {
        if let Some(request) = self.in_flight.take() {
            request.notify_one();
        }
    }

    fn close(&mut self) {
        if let Some(connection) = self.connection.take() {
            connection.close();
        }
    }
}

/// The device's end of a connection.
#[derive(Debug)]
struct Connection {
    purpose: Purpose,
    /// `None` once this side has closed the connection, even if a pending `connection_lost` still refers to it.
    calls: Mutex<Option<mpsc::UnboundedSender<Call>>>,
    alive: watch::Receiver<()>,
}

impl Connection {
    /// Sends a call. It is dropped with its answer's channel if the connection has ended.
    fn call(&self, call: Call) {
        if let Some(calls) = &*lock(&self.calls) {
            let _ = calls.send(call);
        }
    }

    fn close(&self) {
        lock(&self.calls).take();
    }

    fn is_lost(&self) -> bool {
        self.alive.has_changed().is_err()
    }

    /// Waits until the service ends the connection.
    async fn lost(&self) -> TransportError {
        // An error: the service never sends a value, it drops its end.
        let _ = self.alive.clone().changed().await;
        if lock(&self.calls).is_none() {
            return pending().await;
        }
        TransportError::new(ErrorKind::Lost, "the service ended the connection")
    }
}

impl ChannelTransport {
    fn new(dial: mpsc::UnboundedSender<Incoming>, endpoint: Endpoint) -> Self {
        Self {
            dial,
            endpoint,
            state: Mutex::default(),
        }
    }

    async fn exchange(
        &self,
        in_flight: &InFlight<'_>,
        registration: &RegistrationRequest,
        request: &Request,
        progress: Progress<'_>,
    ) -> Result<Response, TransportError> {
        let connection = self.connected(in_flight, registration, progress).await?;
        let body = match request {
            Request::Register => registration.body(),
            Request::Query { .. } => String::new(),
        };
        let (answer, answered) = oneshot::channel();
        let request = request.clone();
        let operation_id = request.operation_id().map(str::to_owned);
        {
            let _state = in_flight.state()?;
            connection.call(Call { request, body, answer });
        }
        progress.waiting_for(WaitStep::Response, connection.purpose.endpoint.host().to_string());
        select! {
            biased;
            Ok(Answer { status, body, retry_after }) = answered => {
                Response::from_service(status, body, retry_after, operation_id.as_deref())
            }
            error = connection.lost() => Err(error),
        }
    }

    /// The established connection if it fits the request, else a new one.
    async fn connected(
        &self,
        in_flight: &InFlight<'_>,
        registration: &RegistrationRequest,
        progress: Progress<'_>,
    ) -> Result<Arc<Connection>, TransportError> {
        let purpose = Purpose {
            endpoint: registration.endpoint().unwrap_or(&self.endpoint).clone(),
            id_scope: registration.id_scope().clone(),
            registration_id: registration.registration_id().clone(),
            api_version: registration.api_version(),
        };
        {
            let mut state = in_flight.state()?;
            match &state.connection {
                Some(connection) if connection.purpose == purpose && !connection.is_lost() => {
                    return Ok(Arc::clone(connection));
                }
                _ => state.close(),
            }
        }
        let connection = self.connect(purpose, progress).await;
        let connection = Arc::new(connection.map_err(|error| error.in_phase(Phase::Connect))?);
        in_flight.state()?.connection = Some(Arc::clone(&connection));
        progress.report(ConnectionEvent::Connected);
        Ok(connection)
    }

    /// Makes a connection. Dropping the future closes it.
    async fn connect(&self, purpose: Purpose, progress: Progress<'_>) -> Result<Connection, TransportError> {
        let uri = format!("channel://{}", purpose.endpoint.host());
        progress.report(ConnectionEvent::Connecting { uri });
        let ((calls, incoming), (accept, accepted), (alive, is_alive)) =
            (mpsc::unbounded_channel(), oneshot::channel(), watch::channel(()));
        let incoming = Incoming {
            purpose: purpose.clone(),
            accept,
            calls: incoming,
            _alive: alive,
        };
        let dialed = self.dial.send(incoming);
        dialed.map_err(|_| TransportError::new(ErrorKind::Connect, "the service is not running"))?;
        match accepted.await {
            Ok(true) => Ok(Connection {
                purpose,
                calls: Mutex::new(Some(calls)),
                alive: is_alive,
            }),
            Ok(false) => Err(TransportError::new(
                ErrorKind::Unauthorized,
                "the service refused the credential",
            )),
            Err(_) => Err(TransportError::new(ErrorKind::Lost, "the service ended the connection")),
        }
    }
}

#[async_trait]
impl PollingTransport for ChannelTransport {
    async fn send(
        &self,
        registration: &RegistrationRequest,
        request: &Request,
        progress: Progress<'_>,
    ) -> Result<Response, TransportError> {
        let in_flight = InFlight::begin(&self.state)?;
        let result = select! {
            biased;
            () = in_flight.cancelled() => Err(TransportError::operation_cancelled()),
            result = self.exchange(&in_flight, registration, request, progress) => result,
        };
        result.map_err(|error| error.in_phase(request.phase()))
    }

    async fn connection_lost(&self) -> TransportError {
        let connection = lock(&self.state).connection.clone();
        match connection {
            Some(connection) => connection.lost().await,
            None => pending().await,
        }
    }

    async fn cancel(&self) -> Result<(), TransportError> {
        // A connection that is being made belongs to the future of the request.
        lock(&self.state).cancel();
        Ok(())
    }

    async fn disconnect(&self) -> Result<(), TransportError> {
        self.abort();
        Ok(())
    }

    /// A channel closes at once, so this is all that `disconnect` does.
    fn abort(&self) {
        let mut state = lock(&self.state);
        state.cancel();
        state.close();
    }
}

/// The request in flight. A call that ends the request takes its `Notify` out of the state; another request may be in
/// flight from then on.
struct InFlight<'a> {
    state: &'a Mutex<State>,
    cancelled: Arc<Notify>,
}

impl<'a> InFlight<'a> {
    fn begin(state: &'a Mutex<State>) -> Result<Self, TransportError> {
        let cancelled = Arc::new(Notify::new());
        let mut locked = lock(state);
        if locked.in_flight.is_some() {
            return Err(TransportError::invalid_operation());
        }
        locked.in_flight = Some(Arc::clone(&cancelled));
        drop(locked);
        Ok(Self { state, cancelled })
    }

    async fn cancelled(&self) {
        self.cancelled.notified().await;
    }

    /// The state, as long as the request is in flight.
    fn state(&self) -> Result<MutexGuard<'a, State>, TransportError> {
        let state = lock(self.state);
        match &state.in_flight {
            Some(request) if Arc::ptr_eq(request, &self.cancelled) => Ok(state),
            _ => Err(TransportError::operation_cancelled()),
        }
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        if let Ok(mut state) = self.state() {
            state.in_flight = None;
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing panics while a lock is held; the value is consistent in any case.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use provisioning_types::conformance::{self, Presented, Received, Reply, Service, TransportHarness};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_device_is_assigned() {
        let id = RegistrationId::new("device-1").expect("an id");
        let registration = RegistrationRequest::new(IdScope::new("0ne00A1B2C3").expect("an id scope"), id);
        let assignment = register(registration).await.expect("an assignment");
        assert_eq!(assignment.assigned_hub(), "my-hub.azure-devices.net");
        assert_eq!(assignment.device_id(), "device-1");
    }

    #[tokio::test(start_paused = true)]
    async fn the_transport_keeps_the_contract() {
        conformance::all(&InProcess).await;
    }

    struct InProcess;

    #[async_trait]
    impl TransportHarness for InProcess {
        fn start(&self) -> (Box<dyn PollingTransport>, Box<dyn Service>) {
            let (dial, connections) = mpsc::unbounded_channel();
            let transport = ChannelTransport::new(dial, Endpoint::default());
            (Box::new(transport), Box::new(Connections(connections)))
        }

        async fn sleep(&self, duration: Duration) {
            tokio::time::sleep(duration).await;
        }
    }

    struct Connections(mpsc::UnboundedReceiver<Incoming>);

    #[async_trait]
    impl Service for Connections {
        async fn connection(&mut self) -> Box<dyn conformance::Connection> {
            let Incoming {
                purpose,
                accept,
                calls,
                _alive,
            } = self.0.recv().await.expect("the transport lives");
            Box::new(ServiceEnd {
                purpose,
                accept: Some(accept),
                calls,
                _alive,
                answers: HashMap::new(),
            })
        }
    }

    /// The service's end of a connection, and the calls without an answer.
    struct ServiceEnd {
        purpose: Purpose,
        accept: Option<oneshot::Sender<bool>>,
        calls: mpsc::UnboundedReceiver<Call>,
        _alive: watch::Sender<()>,
        answers: HashMap<String, Option<oneshot::Sender<Answer>>>,
    }

    impl ServiceEnd {
        fn answer_connect(&mut self, is_accepted: bool) {
            let accept = self.accept.take().expect("one decision");
            accept.send(is_accepted).expect("the device waits");
        }
    }

    #[async_trait]
    impl conformance::Connection for ServiceEnd {
        async fn accept(&mut self) -> Presented {
            self.answer_connect(true);
            Presented {
                host: self.purpose.endpoint.host().clone(),
                id_scope: self.purpose.id_scope.clone(),
                registration_id: self.purpose.registration_id.clone(),
                api_version: self.purpose.api_version.clone(),
            }
        }

        async fn refuse(&mut self) {
            self.answer_connect(false);
        }

        async fn request(&mut self) -> Received {
            let Call { request, body, answer } = self.calls.recv().await.expect("a request");
            let id = self.answers.len().to_string();
            self.answers.insert(id.clone(), Some(answer));
            let body = body.into_bytes();
            Received { id, request, body }
        }

        async fn respond(&mut self, request: &Received, reply: &Reply) {
            // A second answer has no channel, and the device may have dropped the first one's.
            if let Some(answer) = self.answers.get_mut(&request.id).and_then(Option::take) {
                let _ = answer.send(Answer {
                    status: reply.status,
                    body: reply.body.clone(),
                    retry_after: reply.retry_after,
                });
            }
        }

        async fn closed(&mut self) {
            while self.calls.recv().await.is_some() {}
        }
    }
}
