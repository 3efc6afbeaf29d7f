//! Two routes to the service: the second when the port of the first is blocked.

use std::{
    collections::HashSet,
    error::Error,
    fmt, io, iter,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use provisioning_types::{ErrorKind, Host, Phase, Progress, TransportError};
use tokio::time::timeout;

use crate::{
    address::NotResolved,
    connection_error::is_tls_error,
    connector::{BoxedStream, Connector},
    target::Target,
    uri::Scheme,
};

/// Two attempts of this length, and MQTT's own handshake, take less than a request's 30 s.
const DEFAULT_ATTEMPT_TIMEOUT: Duration = Duration::from_secs(10);

/// Connects with the first of two connectors and, when its port is blocked, with the second: usually over TLS on port
/// 8883, and over a WebSocket on
/// [port 443 unless given](provisioning_types::Endpoint::with_websocket_port).
///
/// A port counts as blocked when it was not reached (the name was resolved), when TLS is cut off there, or when the
/// attempt timed out. Everything else, such as a certificate that is not accepted or a refusal, fails at once.
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
            attempt_timeout: DEFAULT_ATTEMPT_TIMEOUT,
            second_worked: Mutex::default(),
        }
    }

    /// How long each of the two attempts may take. 10 s unless given.
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
        let attempt = target.with_uri(&uri);
        let outcome = timeout(self.attempt_timeout, connector.connect(&attempt, progress)).await;
        let outcome = outcome.unwrap_or_else(|_| Err(timed_out(&attempt, self.attempt_timeout)));
        match (route, &outcome) {
            (Route::First, _) => false,
            (Route::Second, Ok(_)) => self.second_worked().insert(route_key(target)),
            (Route::Second, Err(_)) => self.second_worked().remove(&route_key(target)),
        };
        outcome.map_err(|error| FailedAttempt {
            uri: uri.to_string(),
            error,
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

fn timed_out(target: &Target<'_>, timeout: Duration) -> TransportError {
    let (host, port) = (target.uri().host(), target.uri().port());
    let message = format!("{host}:{port} did not answer within {timeout:?}");
    TransportError::new(ErrorKind::Connect, message).in_phase(Phase::Connect)
}

/// An attempt that failed.
struct FailedAttempt {
    uri: String,
    error: TransportError,
}

impl FailedAttempt {
    /// Whether the port may be blocked, so that another is worth an attempt.
    fn is_blocked_port(&self) -> bool {
        let mut causes = iter::successors(self.error.source(), |&error| error.source());
        match self.error.kind() {
            ErrorKind::Connect => !causes.any(|cause| cause.is::<NotResolved>()),
            // TLS that was cut off: the stream failed, not TLS itself.
            ErrorKind::Tls => causes
                .next()
                .and_then(<dyn Error>::downcast_ref::<io::Error>)
                .is_some_and(|cause| !is_tls_error(cause)),
            _ => false,
        }
    }
}

/// The error that the caller gets when both attempts failed.
fn both_failed(one: FailedAttempt, other: FailedAttempt) -> TransportError {
    let message = format!("{}: {}; {}: {}", one.uri, one.error, other.uri, other.error);
    let decisive = if other.is_blocked_port() {
        one.error
    } else {
        other.error
    };
    let error = TransportError::new(decisive.kind(), message)
        .in_phase(decisive.phase().unwrap_or(Phase::Connect))
        .with_hint(decisive.hint().to_owned());
    match decisive.source() {
        Some(_) => error.with_source(SourceOf(decisive)),
        None => error,
    }
}

/// The source of an error whose own message is part of another message already.
#[derive(Debug)]
struct SourceOf(TransportError);

impl fmt::Display for SourceOf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.source().map_or(Ok(()), |source| fmt::Display::fmt(source, f))
    }
}

impl Error for SourceOf {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source()?.source()
    }
}
