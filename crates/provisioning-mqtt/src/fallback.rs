//! Two ways to the service: MQTT over TLS first, and a WebSocket when the port is blocked.

use std::{
    collections::HashSet,
    error::Error,
    fmt, io, iter,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use provisioning_types::{ConnectionStep, ErrorKind, Host, Phase, TransportError};
use tokio::time::timeout;

use crate::{BoxedStream, Connector, ServiceUri, TransportConfig, connector::NotResolved, tls::tls_error};

/// How long a try may take: with two of them, and MQTT's own handshake, less than a request's 30 s.
const LIMIT: Duration = Duration::from_secs(10);

/// Connects as it is asked to (over TLS, on port 8883 unless given) and, when that port is blocked, over a WebSocket
/// (on [port 443 unless given](provisioning_types::Endpoint::with_websocket_port)).
///
/// A port counts as blocked when it was not reached (the name was resolved), when TLS is cut off there, or when the
/// limit per try has passed. Everything else, such as a certificate that is not accepted or a refusal, fails at once.
///
/// Where the WebSocket worked, it comes first the next time; once it fails it is forgotten. A blocked one is
/// followed by the other way in the same call.
///
/// When both ways fail, the error tells of both. Its kind is that of the way that was not blocked if there is one, and
/// otherwise of the first that was tried.
pub struct FallbackConnector {
    first: Arc<dyn Connector>,
    second: Arc<dyn Connector>,
    limit: Duration,
    /// Where the second worked last.
    second_worked: Mutex<HashSet<Place>>,
}

/// An endpoint, by the port of the first way.
type Place = (Host, u16);

/// One of the two ways.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    First,
    Second,
}

impl FallbackConnector {
    /// Connects with `first`, and with `second`, which must carry WebSockets, when the port is blocked.
    pub fn new(first: Arc<dyn Connector>, second: Arc<dyn Connector>) -> Self {
        Self {
            first,
            second,
            limit: LIMIT,
            second_worked: Mutex::default(),
        }
    }

    /// How long each of the two tries may take. 10 s unless given.
    #[must_use]
    pub fn with_limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// Tries one way. Whoever asks has reported the first try; the second is reported here.
    async fn attempt(&self, way: Way, config: &TransportConfig, again: bool) -> Result<BoxedStream, Failure> {
        let place = place(config);
        let mut config = config.clone();
        let connector = match way {
            Way::First => &self.first,
            Way::Second => {
                config.uri = config.uri.as_websocket();
                &self.second
            }
        };
        let uri = config.uri.to_string();
        if again {
            tracing::debug!(uri, "connecting");
            config.progress.report(ConnectionStep::Connecting { uri: uri.clone() });
        }
        let outcome = timeout(self.limit, connector.connect(&config)).await;
        let outcome = outcome.unwrap_or_else(|_| Err(too_late(&config, self.limit)));
        self.remember(place, way, outcome.is_ok());
        outcome.map_err(|error| Failure { uri, error })
    }

    /// What worked last comes first.
    fn order(&self, config: &TransportConfig) -> [Way; 2] {
        match self.second_worked().contains(&place(config)) {
            false => [Way::First, Way::Second],
            true => [Way::Second, Way::First],
        }
    }

    fn second_worked(&self) -> MutexGuard<'_, HashSet<Place>> {
        // Nothing panics while it is held.
        self.second_worked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn remember(&self, place: Place, way: Way, worked: bool) {
        match (way, worked) {
            (Way::First, _) => {}
            (Way::Second, true) => drop(self.second_worked().insert(place)),
            (Way::Second, false) => drop(self.second_worked().remove(&place)),
        }
    }
}

#[async_trait]
impl Connector for FallbackConnector {
    async fn connect(&self, config: &TransportConfig) -> Result<BoxedStream, TransportError> {
        let [one, other] = self.order(config);
        let before = match self.attempt(one, config, false).await {
            Ok(stream) => return Ok(stream),
            Err(failure) if failure.is_blocked_port() => failure,
            Err(failure) => return Err(failure.error),
        };
        let outcome = self.attempt(other, config, true).await;
        outcome.map_err(|after| both(before, after))
    }

    fn first_uri(&self, config: &TransportConfig) -> ServiceUri {
        match self.order(config) {
            [Way::First, _] => config.uri.clone(),
            [Way::Second, _] => config.uri.as_websocket(),
        }
    }
}

fn place(config: &TransportConfig) -> Place {
    (config.uri.host().clone(), config.uri.port())
}

fn too_late(config: &TransportConfig, limit: Duration) -> TransportError {
    let (host, port) = (config.uri.host(), config.uri.port());
    let message = format!("{host}:{port} did not answer within {limit:?}");
    TransportError::new(ErrorKind::Connect, message).in_phase(Phase::Connect)
}

/// How one way failed.
struct Failure {
    uri: String,
    error: TransportError,
}

impl Failure {
    /// Whether it may be the port that is blocked, so that another is worth a try.
    fn is_blocked_port(&self) -> bool {
        let mut causes = iter::successors(self.error.source(), |&error| error.source());
        match self.error.kind() {
            ErrorKind::Connect => !causes.any(|cause| cause.is::<NotResolved>()),
            // TLS that was cut off: what failed is the stream, not TLS itself.
            ErrorKind::Tls => causes
                .next()
                .and_then(<dyn Error>::downcast_ref::<io::Error>)
                .is_some_and(|cause| tls_error(cause).is_none()),
            _ => false,
        }
    }
}

/// What the caller hears when neither way worked.
fn both(one: Failure, other: Failure) -> TransportError {
    let message = format!("{}: {}; {}: {}", one.uri, one.error, other.uri, other.error);
    let telling = if other.is_blocked_port() {
        one.error
    } else {
        other.error
    };
    let error = TransportError::new(telling.kind(), message)
        .in_phase(telling.phase().unwrap_or(Phase::Connect))
        .with_hint(telling.hint().to_owned());
    match telling.source() {
        Some(_) => error.with_source(Cause(telling)),
        None => error,
    }
}

/// The cause of an error whose own words have been told already.
#[derive(Debug)]
struct Cause(TransportError);

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.source().map_or(Ok(()), |cause| fmt::Display::fmt(cause, f))
    }
}

impl Error for Cause {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source()?.source()
    }
}
