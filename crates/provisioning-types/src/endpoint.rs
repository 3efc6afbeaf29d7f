//! Where the service is: host, port, WebSocket path, and the name that its certificate must bear.

use std::{
    fmt,
    hash::{Hash, Hasher},
    net::IpAddr,
    str::FromStr,
};

use crate::{invalid_input::InvalidInput, text_conversions};

/// The service's global endpoint; sovereign clouds have their own.
pub const GLOBAL_HOST: &str = "global.azure-devices-provisioning.net";

/// The path at which the service takes MQTT over WebSocket.
pub const WEBSOCKET_PATH: &str = "/$iothub/websocket";

/// A DNS name or an IP address. Names are shown as given and compared without case.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Host(HostKind);

#[derive(Clone)]
enum HostKind {
    Name(String),
    Address(IpAddr),
}

impl Host {
    /// Checks `text`: a DNS name, an IPv4 address, or an IPv6 address with or without brackets.
    ///
    /// # Errors
    /// [`InvalidInput`] for anything else, a port included.
    pub fn new(text: &str) -> Result<Self, InvalidInput> {
        let bare = text
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'))
            .filter(|inner| inner.contains(':'))
            .unwrap_or(text);
        if let Ok(address) = bare.parse() {
            return Ok(Self(HostKind::Address(address)));
        }
        if is_dns_name(text) {
            return Ok(Self(HostKind::Name(text.to_owned())));
        }
        Err(invalid_host(text))
    }

    /// The name or address without brackets, as a resolver or a TLS stack takes it.
    pub fn bare(&self) -> String {
        match &self.0 {
            HostKind::Name(name) => name.clone(),
            HostKind::Address(address) => address.to_string(),
        }
    }
}

impl FromStr for Host {
    type Err = InvalidInput;

    /// See [`Host::new`].
    fn from_str(text: &str) -> Result<Self, InvalidInput> {
        Self::new(text)
    }
}

text_conversions!(Host);

impl PartialEq for HostKind {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Name(one), Self::Name(other)) => one.eq_ignore_ascii_case(other),
            (Self::Address(one), Self::Address(other)) => one == other,
            (Self::Name(_), Self::Address(_)) | (Self::Address(_), Self::Name(_)) => false,
        }
    }
}

impl Eq for HostKind {}

impl Hash for HostKind {
    fn hash<H: Hasher>(&self, state: &mut H) {
        match self {
            Self::Name(name) => name.to_ascii_lowercase().hash(state),
            Self::Address(address) => address.hash(state),
        }
    }
}

impl fmt::Display for Host {
    /// As in a URI: an IPv6 address stands in brackets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            HostKind::Address(IpAddr::V6(address)) => write!(f, "[{address}]"),
            HostKind::Address(IpAddr::V4(address)) => write!(f, "{address}"),
            HostKind::Name(name) => f.write_str(name),
        }
    }
}

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

/// Up to 253 characters in dot-separated labels of 1 to 63 letters, digits, `-` and `_`, hyphens inside only. A last
/// label of digits alone would be a mistyped IPv4 address.
fn is_dns_name(text: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let last = text.rsplit('.').next().unwrap_or_default();
    text.len() <= 253 && text.split('.').all(label) && !last.bytes().all(|b| b.is_ascii_digit())
}

fn invalid_host(text: &str) -> InvalidInput {
    InvalidInput::new(
        "host",
        "a DNS name, an IPv4 address or a bracketed IPv6 address, with an optional port",
    )
    .with_given(text)
}

/// The service's address. Parsed from `HOST[:PORT]`; what is not set has the transport's default.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Endpoint {
    host: Host,
    port: Option<u16>,
    websocket_port: Option<u16>,
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
            websocket_path: None,
            server_name: None,
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
        self.websocket_path = Some(path.to_owned());
        Ok(self)
    }

    /// Expects the server's certificate to bear `name` rather than the host: for gateways and tunnels.
    #[must_use]
    pub fn with_server_name(mut self, name: Host) -> Self {
        self.server_name = Some(name);
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
        self.websocket_path.as_deref().unwrap_or(WEBSOCKET_PATH)
    }

    /// The name that the server's certificate must bear.
    pub fn server_name(&self) -> &Host {
        self.server_name.as_ref().unwrap_or(&self.host)
    }
}

impl Default for Endpoint {
    /// [`GLOBAL_HOST`].
    fn default() -> Self {
        Self::new(Host(HostKind::Name(GLOBAL_HOST.to_owned())))
    }
}

impl FromStr for Endpoint {
    type Err = InvalidInput;

    /// Parses `HOST[:PORT]`.
    fn from_str(text: &str) -> Result<Self, InvalidInput> {
        let after_brackets = text.find(']').map_or(0, |at| at + 1);
        let Some(colon) = text[after_brackets..].find(':') else {
            return bracketed_if_v6(text).map(Self::new);
        };
        let (host, port) = text.split_at(after_brackets + colon);
        match port[1..].parse() {
            Ok(port) if port != 0 => Self::new(bracketed_if_v6(host)?).with_port(port),
            _ => Err(InvalidInput::new("host", "a port from 1 to 65535 after the colon").with_given(text)),
        }
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
    match Host::new(text)? {
        Host(HostKind::Address(IpAddr::V6(_))) if !text.starts_with('[') => Err(invalid_host(text)),
        host => Ok(host),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn port_0_is_refused_by_name() {
        let error = Endpoint::default().with_port(0).expect_err("no port");
        assert_eq!(error.input(), "port");
        let error = Endpoint::default().with_websocket_port(0).expect_err("no port");
        assert_eq!(error.input(), "WebSocket port");
        let both = endpoint("h:1").with_websocket_port(2).expect("a port");
        assert_eq!((both.port(), both.websocket_port()), (Some(1), Some(2)));
    }

    #[test]
    fn names_are_compared_without_case_and_shown_as_given() {
        let hash = |host: &Host| {
            let mut hasher = std::hash::DefaultHasher::new();
            host.hash(&mut hasher);
            hasher.finish()
        };
        let host = |text| Host::new(text).expect("a host");
        let (one, same, other) = (host("Service.Example"), host("sERVICE.example"), host("service.test"));
        assert_eq!((&one, hash(&one)), (&same, hash(&same)));
        assert_ne!(one, other);
        assert_ne!(host("127.0.0.1"), host("127.0.0.2"));
        assert_eq!(host("2001:DB8::1"), host("2001:db8::1"));
        assert_eq!(one.to_string(), "Service.Example");
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
