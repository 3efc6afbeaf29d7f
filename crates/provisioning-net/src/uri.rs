//! The address of the service as a URI.

use std::{
    fmt::{self, Write},
    sync::Arc,
};

use provisioning_types::{Endpoint, Host};

const MQTT_PORT: u16 = 1883;
const MQTTS_PORT: u16 = 8883;
const WSS_PORT: u16 = 443;

/// How MQTT is carried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Scheme {
    /// Without TLS, on port 1883 unless given: over a stream that needs none, such as a tunnel. The service itself does
    /// not offer it.
    Mqtt,
    /// Over TLS, on port 8883 unless given.
    Mqtts,
    /// Over a WebSocket over TLS, on port 443 unless given.
    Wss,
}

/// The address of the service, as a URI.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceUri {
    scheme: Scheme,
    endpoint: Endpoint,
    /// `host:port`. Each layer of a connection names it.
    address: Arc<str>,
}

impl ServiceUri {
    /// The URI of `endpoint` under `scheme`.
    pub fn new(scheme: Scheme, endpoint: Endpoint) -> Self {
        let mut address = String::with_capacity(64);
        // Writing to a string does not fail.
        let _ = write!(address, "{}:{}", endpoint.host(), port(scheme, &endpoint));
        let address = address.into();
        Self {
            scheme,
            endpoint,
            address,
        }
    }

    /// How MQTT is carried.
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// What the URI is made of.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// The host to connect to.
    pub fn host(&self) -> &Host {
        self.endpoint.host()
    }

    /// The port to connect to.
    pub fn port(&self) -> u16 {
        port(self.scheme, &self.endpoint)
    }

    /// `host:port`.
    pub(crate) fn address(&self) -> &Arc<str> {
        &self.address
    }

    /// The same service under `scheme`. A port that was given for another scheme does not apply to this one; the
    /// WebSocket's own port does.
    #[must_use]
    pub fn with_scheme(&self, scheme: Scheme) -> Self {
        let endpoint = self.endpoint.clone();
        let endpoint = if scheme == self.scheme {
            endpoint
        } else {
            endpoint.without_port()
        };
        Self::new(scheme, endpoint)
    }

    /// The path of the WebSocket.
    pub fn path(&self) -> &str {
        self.endpoint.websocket_path()
    }

    /// The name that the server's certificate must bear.
    pub fn server_name(&self) -> &Host {
        self.endpoint.server_name()
    }
}

/// The port to connect to.
fn port(scheme: Scheme, endpoint: &Endpoint) -> u16 {
    let port = endpoint.port();
    match scheme {
        Scheme::Mqtt => port.unwrap_or(MQTT_PORT),
        Scheme::Mqtts => port.unwrap_or(MQTTS_PORT),
        Scheme::Wss => port.or(endpoint.websocket_port()).unwrap_or(WSS_PORT),
    }
}

impl fmt::Display for ServiceUri {
    /// `mqtt://host[:port]`, `mqtts://host[:port]` or `wss://host:port/path`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match self.scheme {
            Scheme::Mqtt => "mqtt",
            Scheme::Mqtts => "mqtts",
            Scheme::Wss => return write!(f, "wss://{}:{}{}", self.host(), self.port(), self.path()),
        };
        write!(f, "{scheme}://{}", self.host())?;
        match self.endpoint.port() {
            Some(port) => write!(f, ":{port}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uri_shows_what_was_given_and_a_websockets_port_always() {
        let uri = |scheme, endpoint: &str| ServiceUri::new(scheme, endpoint.parse().expect("valid")).to_string();
        assert_eq!(uri(Scheme::Mqtt, "h.example"), "mqtt://h.example");
        assert_eq!(uri(Scheme::Mqtts, "h.example"), "mqtts://h.example");
        assert_eq!(uri(Scheme::Mqtts, "[::1]:18883"), "mqtts://[::1]:18883");
        assert_eq!(uri(Scheme::Wss, "h.example"), "wss://h.example:443/$iothub/websocket");
        assert_eq!(
            uri(Scheme::Wss, "h.example:8443"),
            "wss://h.example:8443/$iothub/websocket"
        );
    }

    #[test]
    fn each_scheme_has_its_port() {
        let port = |scheme| ServiceUri::new(scheme, "h.example".parse().expect("valid")).port();
        assert_eq!([Scheme::Mqtt, Scheme::Mqtts, Scheme::Wss].map(port), [1883, 8883, 443]);
    }

    #[test]
    fn a_port_belongs_to_the_scheme_that_it_was_given_for() {
        let endpoint: Endpoint = "h.example:18883".parse().expect("valid");
        let endpoint = endpoint.with_websocket_port(8443).expect("a port");
        let mqtts = ServiceUri::new(Scheme::Mqtts, endpoint);
        assert_eq!(mqtts.with_scheme(Scheme::Mqtts), mqtts);
        let wss = mqtts.with_scheme(Scheme::Wss);
        assert_eq!(wss.to_string(), "wss://h.example:8443/$iothub/websocket");
        assert_eq!(wss.with_scheme(Scheme::Mqtts).to_string(), "mqtts://h.example");
    }
}
