//! Where a connection goes, as the connectors report it: a fallback may connect to another address than the target's,
//! and a proxy may be in between.

use std::{
    borrow::Cow,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use provisioning_types::{ConnectionEvent, ErrorKind, TransportError, WaitStep};

use crate::uri::ServiceUri;

/// The address of the last connection that was begun, and the proxy that it goes through.
#[derive(Debug)]
pub struct PeerAddress(Mutex<Reported>);

#[derive(Debug)]
struct Reported {
    /// `host:port`.
    address: Arc<str>,
    proxy: Option<Arc<str>>,
    given_ca: Option<Arc<str>>,
}

impl PeerAddress {
    /// The address of `uri`, until another one is reported.
    pub fn new(uri: &ServiceUri) -> Self {
        let address = Arc::clone(uri.address());
        Self(Mutex::new(Reported {
            address,
            proxy: None,
            given_ca: None,
        }))
    }

    /// Records an event that a connector reports.
    pub fn note(&self, event: &ConnectionEvent) {
        match event {
            ConnectionEvent::Connecting { uri } => {
                let mut reported = self.reported();
                (reported.proxy, reported.given_ca) = (None, None);
                if let Some(address) = address_of(uri).filter(|address| **address != *reported.address) {
                    reported.address = address.into();
                }
            }
            ConnectionEvent::WaitingFor(waiting) if waiting.step == WaitStep::Proxy => {
                self.reported().proxy = Some(waiting.peer.clone());
            }
            ConnectionEvent::GivenCa { issuer } => self.reported().given_ca = Some(issuer.clone()),
            _ => {}
        }
    }

    /// The CA that signed the server's certificate, in quotes, if it was given to this device and is not one of the
    /// platform's.
    pub fn given_ca(&self) -> Option<Arc<str>> {
        self.reported().given_ca.clone()
    }

    /// `host:port`, or `host:port through the proxy http://proxy:port`.
    pub fn get(&self) -> Arc<str> {
        let Reported { address, proxy, .. } = &*self.reported();
        match proxy {
            Some(proxy) => format!("{address} through the proxy {proxy}").into(),
            None => Arc::clone(address),
        }
    }

    /// The proxy that the connection goes through, if it goes through one.
    pub fn proxy(&self) -> Option<String> {
        self.reported().proxy.as_deref().map(str::to_owned)
    }

    /// Names the proxy in the error of a connection that goes through one, unless the error does so already or the
    /// proxy cannot matter: a wrong input, a failure of this machine. What answers may be the proxy itself.
    pub fn explain(&self, error: TransportError) -> TransportError {
        let is_of_network = !matches!(
            error.kind(),
            ErrorKind::Input | ErrorKind::InvalidOperation | ErrorKind::Local | ErrorKind::Cancelled
        );
        match &self.reported().proxy {
            Some(proxy) if is_of_network => error.through_proxy(proxy),
            _ => error,
        }
    }

    /// The same of an error whose message names the proxy already.
    pub(crate) fn named(&self, error: TransportError) -> TransportError {
        match &self.reported().proxy {
            Some(proxy) => error.naming_proxy(proxy),
            None => error,
        }
    }

    fn reported(&self) -> MutexGuard<'_, Reported> {
        // No code panics while it holds the lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// `host:port` of a URI. `None` if it has neither a port nor a known scheme.
fn address_of(uri: &str) -> Option<Cow<'_, str>> {
    let (scheme, rest) = uri.split_once("://")?;
    let authority = rest.split('/').next()?;
    let (_, behind_brackets) = authority.rsplit_once(']').unwrap_or(("", authority));
    if behind_brackets.contains(':') {
        return Some(authority.into());
    }
    let port = match scheme {
        "mqtt" => 1883,
        "mqtts" => 8883,
        "wss" => 443,
        _ => return None,
    };
    Some(format!("{authority}:{port}").into())
}

#[cfg(test)]
mod tests {
    use provisioning_types::{InvalidInput, ServiceError, Waiting, error_message};

    use super::*;
    use crate::uri::Scheme;

    #[test]
    fn the_address_is_the_host_and_the_port_with_the_schemes_own_where_there_is_none() {
        let address = |uri: &'static str| address_of(uri).unwrap_or_default();
        assert_eq!(address("mqtts://h.example"), "h.example:8883");
        assert_eq!(address("mqtt://h.example"), "h.example:1883");
        assert_eq!(address("mqtts://[::1]"), "[::1]:8883");
        assert_eq!(address("mqtts://[::1]:18883"), "[::1]:18883");
        assert_eq!(address("wss://h.example:443/$iothub/websocket"), "h.example:443");
        assert_eq!(address_of("tunnel://h.example"), None);
        assert_eq!(address_of("nonsense"), None);
    }

    fn through_a_proxy() -> PeerAddress {
        let endpoint = "h.example".parse().expect("a host");
        let peer = PeerAddress::new(&ServiceUri::new(Scheme::Mqtts, endpoint));
        peer.note(&ConnectionEvent::WaitingFor(Waiting::new(
            WaitStep::Proxy,
            "http://p:3128",
        )));
        peer
    }

    #[test]
    fn a_proxy_is_named_until_another_connection_is_begun() {
        let peer = through_a_proxy();
        assert_eq!(&*peer.get(), "h.example:8883 through the proxy http://p:3128");
        let uri = "wss://h.example:443/".to_owned();
        peer.note(&ConnectionEvent::Connecting { uri });
        assert_eq!(&*peer.get(), "h.example:443");
        let lost = TransportError::new(ErrorKind::Lost, "gone");
        assert_eq!(peer.explain(lost.clone()), lost);
    }

    #[test]
    fn the_error_of_a_connection_through_a_proxy_names_it_once_where_it_matters() {
        let peer = through_a_proxy();
        let shown = |error: TransportError| error_message(&peer.explain(peer.explain(error)));
        let lost = TransportError::new(ErrorKind::Lost, "gone").with_source("reset");
        assert_eq!(shown(lost), "gone (through the proxy http://p:3128): reset");
        let named = TransportError::new(ErrorKind::Connect, "not by http://p:3128").naming_proxy("http://p:3128");
        assert_eq!(shown(named), "not by http://p:3128");
        let quoting = TransportError::new(ErrorKind::Lost, "the peer answers \"see http://p:3128\"");
        let expected = "the peer answers \"see http://p:3128\" (through the proxy http://p:3128)";
        assert_eq!(shown(quoting), expected);
        let input = TransportError::from(InvalidInput::new("host", "a name"));
        assert_eq!(shown(input.clone()), error_message(&input));
        let refused = TransportError::refused_by_service(ServiceError::from_body(401, br#"{"message":"No"}"#));
        assert_eq!(
            shown(refused),
            "the service refused the request (through the proxy http://p:3128): the service answered 401: No"
        );
    }
}
