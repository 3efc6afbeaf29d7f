//! Where the service is: host, port, WebSocket path, and the name that its certificate must bear.

use std::{net::Ipv6Addr, str::FromStr};

use crate::{host::Host, invalid_input::InvalidInput, text_conversions};

/// The path at which the service takes MQTT over WebSocket.
pub const WEBSOCKET_PATH: &str = "/$iothub/websocket";

/// The service's address. Parsed from `HOST[:PORT]`; what is not set has the transport's default.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Endpoint {
    host: Host,
    port: Option<u16>,
    websocket_port: Option<u16>,
    /// What few endpoints have: every client has two endpoints.
    special: Option<Box<Special>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
struct Special {
    websocket_path: Option<String>,
    server_name: Option<Host>,
}

impl Endpoint {
    /// The endpoint at `host`, everything else at its default.
    pub fn new(host: Host) -> Self {
        Self {
            host,
            port: None,
            websocket_port: None,
            special: None,
        }
    }

    /// Connects to `host`.
    #[must_use]
    pub fn with_host(mut self, host: Host) -> Self {
        self.host = host;
        self
    }

    /// Uses `port` instead of 8883 (MQTT) or 443 (WebSocket); where both are tried, for the one that is tried first.
    ///
    /// # Errors
    /// [`InvalidInput`] naming `port` when it is 0.
    pub fn with_port(mut self, port: u16) -> Result<Self, InvalidInput> {
        self.port = Some(not_zero("port", port)?);
        Ok(self)
    }

    /// Forgets the port that was given, but not the WebSocket's own.
    #[must_use]
    pub fn without_port(mut self) -> Self {
        self.port = None;
        self
    }

    /// Uses `port` instead of 443 for the WebSocket, where [`with_port`](Self::with_port) is about MQTT or says
    /// nothing.
    ///
    /// # Errors
    /// [`InvalidInput`] naming `WebSocket port` when it is 0.
    pub fn with_websocket_port(mut self, port: u16) -> Result<Self, InvalidInput> {
        self.websocket_port = Some(not_zero("WebSocket port", port)?);
        Ok(self)
    }

    /// Uses `path` for the WebSocket instead of [`WEBSOCKET_PATH`].
    ///
    /// # Errors
    /// [`InvalidInput`] unless it is an absolute path of visible ASCII characters.
    pub fn with_websocket_path(mut self, path: &str) -> Result<Self, InvalidInput> {
        let allowed = |b: u8| b.is_ascii_graphic() && !b"#<>\"\\^`{|}".contains(&b);
        if !path.starts_with('/') || !path.bytes().all(allowed) {
            return Err(InvalidInput::new("WebSocket path", "a path that starts with '/'").with_given(path));
        }
        self.special.get_or_insert_default().websocket_path = Some(path.to_owned());
        Ok(self)
    }

    /// Expects the server's certificate to bear `name` rather than the host: for gateways and tunnels.
    #[must_use]
    pub fn with_server_name(mut self, name: Host) -> Self {
        self.special.get_or_insert_default().server_name = Some(name);
        self
    }

    /// The host to connect to.
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// The port, when one was given.
    pub fn port(&self) -> Option<u16> {
        self.port
    }

    /// The WebSocket's own port, when one was given.
    pub fn websocket_port(&self) -> Option<u16> {
        self.websocket_port
    }

    /// The WebSocket path.
    pub fn websocket_path(&self) -> &str {
        let path = self
            .special
            .as_ref()
            .and_then(|special| special.websocket_path.as_deref());
        path.unwrap_or(WEBSOCKET_PATH)
    }

    /// The name that the server's certificate must bear.
    pub fn server_name(&self) -> &Host {
        let name = self.special.as_ref().and_then(|special| special.server_name.as_ref());
        name.unwrap_or(&self.host)
    }
}

impl Default for Endpoint {
    /// The endpoint at [`GLOBAL_HOST`](crate::GLOBAL_HOST), with the default ports.
    fn default() -> Self {
        Self::new(Host::global())
    }
}

impl FromStr for Endpoint {
    type Err = InvalidInput;

    /// Parses `HOST[:PORT]`.
    ///
    /// # Errors
    /// [`InvalidInput`] naming `host`, and what `text` is instead, such as a URL.
    fn from_str(text: &str) -> Result<Self, InvalidInput> {
        parse(text).map_err(|error| match instead(text) {
            // No part of a secret is repeated.
            Some((found, meant)) if error.found().is_none() => {
                error.with_found(found).with_remedy(format!("give `{meant}`"))
            }
            _ => error,
        })
    }
}

/// What `text` is instead of a host, and the host and port that it probably means.
fn instead(text: &str) -> Option<(&'static str, String)> {
    if text.parse::<Ipv6Addr>().is_ok() {
        return Some(("an IPv6 address without brackets", format!("[{text}]")));
    }
    let trimmed = text.trim();
    let without_scheme = trimmed.split_once("://").map(|(_, rest)| rest);
    let authority = without_scheme.unwrap_or(trimmed).split(['/', '?', '#']).next()?;
    parse(authority).ok()?;
    let found = match without_scheme {
        Some(_) => "a URL",
        None if authority == trimmed => "a host with white space around it",
        None => "a host with a path",
    };
    Some((found, authority.to_owned()))
}

fn parse(text: &str) -> Result<Endpoint, InvalidInput> {
    let after_brackets = text.find(']').map_or(0, |at| at + 1);
    let Some(colon) = text[after_brackets..].find(':') else {
        return bracketed_if_v6(text).map(Endpoint::new);
    };
    let (host, port) = text.split_at(after_brackets + colon);
    match port[1..].parse() {
        Ok(port) if port != 0 => Endpoint::new(bracketed_if_v6(host)?).with_port(port),
        _ => Err(InvalidInput::new("host", "a port from 1 to 65535 after the colon").with_given(text)),
    }
}

text_conversions!(Endpoint);

fn not_zero(input: &'static str, port: u16) -> Result<u16, InvalidInput> {
    match port {
        0 => Err(InvalidInput::new(input, "a port from 1 to 65535").with_given("0")),
        port => Ok(port),
    }
}

/// Where a port may follow, an IPv6 address needs its brackets.
fn bracketed_if_v6(text: &str) -> Result<Host, InvalidInput> {
    let host = Host::new(text)?;
    match host.is_ipv6() && !text.starts_with('[') {
        true => Err(Host::invalid(text)),
        false => Ok(host),
    }
}

#[cfg(test)]
mod tests {
    use base64::{Engine, engine::general_purpose::STANDARD};

    use super::*;
    use crate::host::GLOBAL_HOST;

    fn endpoint(text: &str) -> Endpoint {
        text.parse().expect(text)
    }

    #[test]
    fn a_host_with_and_without_a_port_is_parsed() {
        assert_eq!(endpoint("localhost").port(), None);
        assert_eq!(endpoint("localhost:18883").port(), Some(18883));
        assert_eq!(endpoint("127.0.0.1:1").host().bare(), "127.0.0.1");
        assert_eq!(endpoint("[::1]:8883").host().bare(), "::1");
        assert_eq!(endpoint("[::1]").host().to_string(), "[::1]");
    }

    #[test]
    fn what_is_no_host_is_refused_with_the_inputs_name() {
        let long = format!("{}.example", "a".repeat(64));
        for text in [
            "",
            ":8883",
            "a b",
            "a:0",
            "a:65536",
            "a:",
            "a:b",
            "::1",
            "[::1",
            "[a]",
            "1.2.3.400",
            "-a.example",
            "a..b",
            "https://a.example",
            "a/b",
            "ä.example",
            &long,
            "x]y:1",
        ] {
            let error = text.parse::<Endpoint>().expect_err(text);
            assert_eq!(error.input(), "host", "{text}");
        }
    }

    #[test]
    fn what_contains_a_host_is_named_with_the_host_in_it() {
        for (text, found, meant) in [
            ("https://a.example", "a URL", "a.example"),
            ("mqtts://a.example:8883/", "a URL", "a.example:8883"),
            ("wss://[::1]:443/$iothub/websocket?x", "a URL", "[::1]:443"),
            ("a.example/", "a host with a path", "a.example"),
            ("a.example:1/b", "a host with a path", "a.example:1"),
            ("a.example ", "a host with white space around it", "a.example"),
            ("\ta.example:1\n", "a host with white space around it", "a.example:1"),
            ("::1", "an IPv6 address without brackets", "[::1]"),
            ("2001:db8::8883", "an IPv6 address without brackets", "[2001:db8::8883]"),
        ] {
            let error = text.parse::<Endpoint>().expect_err(text);
            assert_eq!((error.input(), error.found()), ("host", Some(found)), "{text:?}");
            assert_eq!(error.remedy(), Some(format!("give `{meant}`").as_str()), "{text:?}");
        }
    }

    #[test]
    fn no_part_of_a_secret_is_taken_for_a_host() {
        let der_in_base64 = STANDARD.encode([&[0x30, 0x81, 0x87][..], &[0xff; 135]].concat());
        let error = der_in_base64.parse::<Endpoint>().expect_err("a key").to_string();
        assert!(
            !error.contains("MIGH") && error.contains("not repeated here"),
            "{error}"
        );
    }

    #[test]
    fn port_0_is_refused_by_name() {
        let error = Endpoint::default().with_port(0).expect_err("no port");
        assert_eq!(error.input(), "port");
        let error = Endpoint::default().with_websocket_port(0).expect_err("no port");
        assert_eq!(error.input(), "WebSocket port");
        let both = endpoint("h:1").with_websocket_port(2).expect("a port");
        assert_eq!((both.port(), both.websocket_port()), (Some(1), Some(2)));
    }

    #[test]
    fn the_global_endpoint_is_the_default() {
        assert_eq!(Endpoint::default().host().to_string(), GLOBAL_HOST);
        assert_eq!(Endpoint::default().websocket_path(), "/$iothub/websocket");
    }

    #[test]
    fn the_server_name_is_the_host_unless_given() {
        let plain = endpoint("gateway.example");
        assert_eq!(plain.server_name(), plain.host());
        let other = Host::new("service.example").expect("a name");
        let endpoint = plain.with_server_name(other.clone());
        assert_eq!(endpoint.server_name(), &other);
    }

    #[test]
    fn a_websocket_path_is_absolute_and_visible() {
        let endpoint = Endpoint::default();
        assert!(endpoint.clone().with_websocket_path("/ws?x=1").is_ok());
        for path in ["", "ws", "/a b", "/\r\nx", "/a#b"] {
            assert!(endpoint.clone().with_websocket_path(path).is_err());
        }
    }
}
