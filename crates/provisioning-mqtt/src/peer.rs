//! The address that a connection goes to, as the connectors report it: a fallback may connect to another one than the
//! target's.

use std::sync::{Mutex, PoisonError};

use provisioning_net::ServiceUri;
use provisioning_types::ConnectionEvent;

/// `host:port` of the last connection that was begun.
#[derive(Debug)]
pub(crate) struct PeerAddress(Mutex<String>);

impl PeerAddress {
    /// The address of `uri`, until another one is reported.
    pub(crate) fn new(uri: &ServiceUri) -> Self {
        Self(Mutex::new(format!("{}:{}", uri.host(), uri.port())))
    }

    /// Takes note of a connection that is begun.
    pub(crate) fn note(&self, event: &ConnectionEvent) {
        if let ConnectionEvent::Connecting { uri } = event
            && let Some(address) = address_of(uri)
        {
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) = address;
        }
    }

    /// `host:port`.
    pub(crate) fn get(&self) -> String {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// `host:port` of a URI. `None` if it has neither a port nor a known scheme.
fn address_of(uri: &str) -> Option<String> {
    let (scheme, rest) = uri.split_once("://")?;
    let authority = rest.split('/').next()?;
    let (_, behind_brackets) = authority.rsplit_once(']').unwrap_or(("", authority));
    if behind_brackets.contains(':') {
        return Some(authority.to_owned());
    }
    let port = match scheme {
        "mqtt" => 1883,
        "mqtts" => 8883,
        "wss" => 443,
        _ => return None,
    };
    Some(format!("{authority}:{port}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_is_the_host_and_the_port_with_the_schemes_own_where_there_is_none() {
        let address = |uri| address_of(uri).unwrap_or_default();
        assert_eq!(address("mqtts://h.example"), "h.example:8883");
        assert_eq!(address("mqtt://h.example"), "h.example:1883");
        assert_eq!(address("mqtts://[::1]"), "[::1]:8883");
        assert_eq!(address("mqtts://[::1]:18883"), "[::1]:18883");
        assert_eq!(address("wss://h.example:443/$iothub/websocket"), "h.example:443");
        assert_eq!(address_of("tunnel://h.example"), None);
        assert_eq!(address_of("nonsense"), None);
    }
}
