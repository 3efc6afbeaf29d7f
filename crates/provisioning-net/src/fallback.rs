//! Two routes to the service: the second when the port of the first is blocked.

use std::{
    collections::HashSet,
    error::Error,
    iter,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use provisioning_types::{ErrorKind, Host, Phase, Progress, TransportError, error_message};

use crate::{
    address::NotResolved,
    attempt_limit::{AttemptLimit, AttemptOver},
    connector::{BoxedStream, Connector},
    peer_address::PeerAddress,
    target::Target,
    tcp::DEFAULT_CONNECT_TIMEOUT,
    uri::Scheme,
};

/// The hint when both ports are blocked.
const BOTH_BLOCKED_HINT: &str = "check the host name and the network; a firewall may block both ports: try a proxy, or \
                                 another network";
/// The hint when both ports accept connections and nothing answers there.
const BOTH_SILENT_HINT: &str = "both ports accept connections and do not answer: check that nothing in between (a \
                                firewall, a proxy, a VPN whose MTU is too large) holds them back";

/// Connects with the first of two connectors and, when its port is blocked, with the second: usually over TLS on port
/// 8883, and over a WebSocket on
/// [port 443 unless given](provisioning_types::Endpoint::with_websocket_port).
///
/// A port counts as blocked when it was not reached (the name was resolved), when the connection ended during a
/// handshake there, or when the attempt timed out, whatever it waited for of the network. Everything else, such as a
/// certificate that is not accepted or a refusal, fails at once.
///
/// Where the second connector worked, it is tried first the next time, until it fails. When it is blocked, the first is
/// tried in the same call.
///
/// When both fail, the error describes both. Its kind is that of the attempt that was not blocked if there is one, and
/// otherwise that of the first attempt.
#[derive(Debug)]
pub struct FallbackConnector<A, B> {
    first: A,
    second: B,
    attempt_timeout: Duration,
    /// Where the second worked last.
    second_worked: Mutex<HashSet<RouteKey>>,
}

/// An endpoint, by the port of the first route.
type RouteKey = (Host, u16);

/// One of the two connectors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Route {
    First,
    Second,
}

impl<A: Connector, B: Connector> FallbackConnector<A, B> {
    /// Connects with `first`, and with `second` when the port is blocked. The second connects to the same endpoint
    /// under its own [scheme](Connector::scheme).
    pub fn new(first: A, second: B) -> Self {
        Self {
            first,
            second,
            attempt_timeout: DEFAULT_CONNECT_TIMEOUT,
            second_worked: Mutex::default(),
        }
    }

    /// How long each of the two attempts may take, every handshake below MQTT included. 12 s unless given. The wait for
    /// a turn with an external key, and for the check of it, does not count.
    #[must_use]
    pub fn with_attempt_timeout(mut self, timeout: Duration) -> Self {
        self.attempt_timeout = timeout;
        self
    }

    /// Tries one route.
    async fn attempt(
        &self,
        route: Route,
        target: &Target<'_>,
        progress: Progress<'_>,
    ) -> Result<BoxedStream, FailedAttempt> {
        let (connector, uri): (&dyn Connector, _) = match route {
            Route::First => (&self.first, target.uri().clone()),
            Route::Second => (&self.second, target.uri().with_scheme(self.second.scheme())),
        };
        let limit = AttemptLimit::new(self.attempt_timeout, target.attempt());
        let attempt = target.with_uri(&uri).with_attempt(&limit);
        let peer = PeerAddress::new(&uri);
        let listener = |event| {
            limit.note(&event);
            peer.note(&event);
            progress.report(event);
        };
        let outcome = limit.limit(connector.connect(&attempt, Progress::new(&listener))).await;
        // What was waited for names the proxy.
        let outcome = outcome.unwrap_or_else(|over| Err(peer.named(timed_out(&attempt, over))));
        match (route, &outcome) {
            (Route::First, _) => false,
            (Route::Second, Ok(_)) => self.second_worked().insert(route_key(target)),
            (Route::Second, Err(_)) => self.second_worked().remove(&route_key(target)),
        };
        outcome.map_err(|error| FailedAttempt {
            uri: uri.to_string(),
            error: peer.explain(error),
        })
    }

    /// The route that worked last comes first.
    fn order(&self, target: &Target<'_>) -> [Route; 2] {
        match self.second_worked().contains(&route_key(target)) {
            false => [Route::First, Route::Second],
            true => [Route::Second, Route::First],
        }
    }

    fn second_worked(&self) -> MutexGuard<'_, HashSet<RouteKey>> {
        // Nothing panics while it is locked.
        self.second_worked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl<A: Connector, B: Connector> Connector for FallbackConnector<A, B> {
    fn scheme(&self) -> Scheme {
        self.first.scheme()
    }

    async fn connect(&self, target: &Target<'_>, progress: Progress<'_>) -> Result<BoxedStream, TransportError> {
        let [one, other] = self.order(target);
        let before = match self.attempt(one, target, progress).await {
            Ok(stream) => return Ok(stream),
            Err(failed) if failed.is_blocked_port() => failed,
            Err(failed) => return Err(failed.error),
        };
        let outcome = self.attempt(other, target, progress).await;
        outcome.map_err(|after| both_failed(before, after))
    }
}

fn route_key(target: &Target<'_>) -> RouteKey {
    (target.uri().host().clone(), target.uri().port())
}

/// The error of an attempt that took too long.
fn timed_out(target: &Target<'_>, AttemptOver { deadline, waiting }: AttemptOver) -> TransportError {
    let kind = waiting
        .as_ref()
        .map_or(ErrorKind::Connect, |waiting| waiting.step.limit_kind());
    let message = match waiting {
        Some(waiting) => format!("no {waiting} within {deadline}, the limit of each way"),
        None => format!("{} did not answer within {deadline}", target.peer()),
    };
    TransportError::new(kind, message).in_phase(Phase::Connect)
}

/// An attempt that failed.
struct FailedAttempt {
    uri: String,
    error: TransportError,
}

impl FailedAttempt {
    /// Whether the port may be blocked, so that another is worth an attempt: it was not reached although the name was
    /// resolved, or the connection there ended or stayed silent before the stream was ready.
    fn is_blocked_port(&self) -> bool {
        let mut causes = iter::successors(self.error.source(), |&error| error.source());
        match self.error.kind() {
            ErrorKind::Connect => !causes.any(|cause| cause.is::<NotResolved>()),
            ErrorKind::Lost | ErrorKind::Timeout => true,
            _ => false,
        }
    }
}

/// The error that the caller gets when both attempts failed. Its message describes both.
fn both_failed(one: FailedAttempt, other: FailedAttempt) -> TransportError {
    let first = format!("{}: {}", one.uri, error_message(&one.error));
    if other.is_blocked_port() {
        let message = format!("{first}; {}: {}", other.uri, error_message(&other.error));
        let hint = match [one.error.kind(), other.error.kind()] {
            [ErrorKind::Timeout, ErrorKind::Timeout] => BOTH_SILENT_HINT,
            _ => BOTH_BLOCKED_HINT,
        };
        let error = TransportError::new(one.error.kind(), message)
            .in_phase(one.error.phase().unwrap_or(Phase::Connect))
            .with_hint(hint);
        return match other.error.proxy().or(one.error.proxy()) {
            Some(proxy) => error.naming_proxy(proxy),
            None => error,
        };
    }
    let FailedAttempt { uri, error: decisive } = other;
    let message = format!("{first}; {uri}: {decisive}");
    decisive.with_message(message).in_phase(Phase::Connect)
}
