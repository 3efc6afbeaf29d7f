//! A proxy that a connection goes through, below TLS: its address, and how it is asked for a connection.

mod http;
mod no_proxy;
mod rules;
mod socks5;
mod tunnel;

use std::{borrow::Cow, fmt, str::FromStr};

use percent_encoding::percent_decode_str;
use provisioning_types::{Endpoint, ErrorKind, Host, InvalidInput, Phase, Secret, TransportError, WaitStep};

use self::tunnel::{TunnelError, TunnelStep};
use crate::{
    address::{Network, Reach},
    connector::{BoxedStream, ByteStream},
};

pub use self::rules::ProxyRules;

/// The hint when there is no connection to the proxy.
const NOT_REACHED_HINT: &str = "check the proxy's address and port, and that a proxy runs there";

/// An HTTP proxy (asked with CONNECT) or a SOCKS5 proxy, which connects to the service for this side.
///
/// Parsed from `http://[USER:PASSWORD@]HOST[:PORT]` or `socks5://[USER:PASSWORD@]HOST[:PORT]`. User name and password
/// are percent-encoded. The port is 80 (HTTP) or 1080 (SOCKS5) unless given; without a scheme it is HTTP. In both
/// protocols it is the proxy that resolves the service's name, so `socks5h` means the same as `socks5`.
///
/// The bytes to the proxy itself are not encrypted, user name and password included; the TLS inside is with the
/// service. Neither `Debug` nor `Display` nor any error shows user name or password.
#[derive(Debug, Clone)]
pub struct Proxy {
    protocol: Protocol,
    host: Host,
    port: u16,
    credentials: Option<Credentials>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Protocol {
    Http,
    Socks5,
}

#[derive(Debug, Clone)]
struct Credentials {
    user: Secret,
    password: Secret,
}

impl Proxy {
    /// Asks the proxy at the other end of `stream` for a connection to `host`, and returns that connection. There is no
    /// time limit: set one around the call.
    ///
    /// # Errors
    /// [`ErrorKind::Connect`] when the proxy does not connect, for whatever reason, with what it answered.
    ///
    /// # Cancel safety
    /// The future can be dropped at any moment; the stream is dropped with it.
    pub async fn tunnel(&self, stream: impl ByteStream, host: &Host, port: u16) -> Result<BoxedStream, TransportError> {
        self.ask(stream, host, port, &mut TunnelStep::default()).await
    }

    /// Asks for a connection to `host`. `step` is what the proxy has to answer next.
    async fn ask(
        &self,
        stream: impl ByteStream,
        host: &Host,
        port: u16,
        step: &mut TunnelStep,
    ) -> Result<BoxedStream, TransportError> {
        let credentials = self.credentials.as_ref();
        let opened: Result<BoxedStream, TunnelError> = match self.protocol {
            Protocol::Http => http::connect(stream, credentials, host, port, step)
                .await
                .map(|stream| Box::new(stream) as _),
            Protocol::Socks5 => socks5::connect(stream, credentials, host, port, step)
                .await
                .map(|stream| Box::new(stream) as _),
        };
        let stream = opened.map_err(|error| {
            let message = format!("the proxy {self} did not connect to {host}:{port}: {error}");
            error.into_transport_error(message).naming_proxy(self)
        })?;
        tracing::debug!(proxy = %self, %host, port, "the proxy has connected");
        Ok(stream)
    }

    /// Connects to the proxy, and through it to `host`.
    pub(crate) async fn open<N: Network>(
        &self,
        reach: &Reach<'_, N>,
        host: &Host,
        port: u16,
    ) -> Result<BoxedStream, TransportError> {
        let address = format!("{}:{}", self.host, self.port);
        let stream = reach
            .connect(&self.host, self.port, address.into(), &mut Vec::new())
            .await;
        let stream = stream.map_err(|error| {
            let hint = match error.kind() {
                ErrorKind::Connect => NOT_REACHED_HINT.to_owned(),
                _ => error.hint().to_owned(),
            };
            TransportError::new(error.kind(), format!("the proxy {self} was not reached"))
                .naming_proxy(self)
                .with_hint(hint)
                .with_source(error)
                .in_phase(Phase::Connect)
        })?;
        reach.progress.waiting_for(WaitStep::Proxy, self.to_string());
        let mut step = TunnelStep::default();
        let asking = reach.deadline.limit(self.ask(stream, host, port, &mut step));
        asking.await.unwrap_or_else(|_| {
            let message = format!(
                "the proxy {self} did not connect to {host}:{port} within {}: it accepted the connection and {step}",
                reach.deadline
            );
            Err(TransportError::new(ErrorKind::Connect, message)
                .naming_proxy(self)
                .with_hint(WaitStep::Proxy.hint())
                .in_phase(Phase::Connect))
        })
    }
}

impl fmt::Display for Proxy {
    /// Without user name and password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match self.protocol {
            Protocol::Http => "http",
            Protocol::Socks5 => "socks5",
        };
        write!(f, "{scheme}://{}:{}", self.host, self.port)
    }
}

impl FromStr for Proxy {
    type Err = InvalidInput;

    /// See [`Proxy`]. An error never repeats what was given: it may hold a password.
    fn from_str(text: &str) -> Result<Self, InvalidInput> {
        let (protocol, rest) = match text.split_once("://") {
            Some((scheme, rest)) => (Protocol::of_scheme(scheme)?, rest),
            None => (Protocol::Http, text),
        };
        let (credentials, address) = match rest.rsplit_once('@') {
            Some((login, address)) => (Some(Credentials::parse(login, protocol)?), address),
            None => (None, rest),
        };
        let address = address.strip_suffix('/').unwrap_or(address);
        if address.contains(['/', '?', '#']) {
            return Err(invalid(
                "a host and a port only, without a path: http://HOST:PORT or socks5://HOST:PORT",
            ));
        }
        let endpoint: Endpoint = address
            .parse()
            .map_err(|error: InvalidInput| invalid(error.expected().to_owned()))?;
        Ok(Self {
            protocol,
            host: endpoint.host().clone(),
            port: endpoint.port().unwrap_or(match protocol {
                Protocol::Http => 80,
                Protocol::Socks5 => 1080,
            }),
            credentials,
        })
    }
}

provisioning_types::text_conversions!(Proxy);

impl Protocol {
    fn of_scheme(scheme: &str) -> Result<Self, InvalidInput> {
        match scheme.to_ascii_lowercase().as_str() {
            "http" => Ok(Self::Http),
            "socks5" | "socks5h" => Ok(Self::Socks5),
            _ => Err(invalid(
                "http://[USER:PASSWORD@]HOST[:PORT] or socks5://[USER:PASSWORD@]HOST[:PORT]",
            )),
        }
    }
}

impl Credentials {
    fn parse(login: &str, protocol: Protocol) -> Result<Self, InvalidInput> {
        if login.contains(['/', '?', '#']) {
            return Err(invalid(
                "'/', '?' and '#' in user name and password to be percent-encoded",
            ));
        }
        let (user, password) = login.split_once(':').unwrap_or((login, ""));
        let (user, password) = (decoded(user), decoded(password));
        match protocol {
            Protocol::Http if user.expose().contains(&b':') => {
                Err(invalid("a user name without ':', which HTTP's Basic scheme cannot say"))
            }
            // RFC 1929 forbids the empty password; servers that take one exist all the same.
            Protocol::Socks5
                if user.expose().is_empty() || user.expose().len() > 255 || password.expose().len() > 255 =>
            {
                Err(invalid("a user name of 1 to 255 bytes and a password of at most 255"))
            }
            _ => Ok(Self { user, password }),
        }
    }
}

fn decoded(text: &str) -> Secret {
    // Not reallocated, so that no copy of the secret stays in memory.
    let mut bytes = Vec::with_capacity(text.len());
    bytes.extend(percent_decode_str(text));
    Secret::new(bytes)
}

fn invalid(expected: impl Into<Cow<'static, str>>) -> InvalidInput {
    InvalidInput::new("proxy", expected)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxy(text: &str) -> Proxy {
        text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn schemes_hosts_and_ports_are_read_with_their_defaults() {
        for (text, expected) in [
            ("http://proxy.example", "http://proxy.example:80"),
            ("http://proxy.example/", "http://proxy.example:80"),
            ("HTTP://proxy.example:3128/", "http://proxy.example:3128"),
            ("proxy.example:3128", "http://proxy.example:3128"),
            ("socks5://10.0.0.1", "socks5://10.0.0.1:1080"),
            ("socks5h://u:p@[::1]:9050", "socks5://[::1]:9050"),
            ("user:p@ss@proxy.example:8080", "http://proxy.example:8080"),
        ] {
            assert_eq!(proxy(text).to_string(), expected, "{text}");
        }
    }

    #[test]
    fn credentials_are_percent_decoded_and_split_at_the_first_colon() {
        for (login, user, password) in [
            ("user:word", &b"user"[..], &b"word"[..]),
            ("user", b"user", b""),
            ("user:", b"user", b""),
            ("us%20er:a%3Ab%40c%2f", b"us er", b"a:b@c/"),
            ("user:a:b@c", b"user", b"a:b@c"),
            ("user:%c3%bc%00", b"user", "ü\0".as_bytes()),
            ("user:100%", b"user", b"100%"),
        ] {
            for scheme in ["http", "socks5"] {
                let credentials = proxy(&format!("{scheme}://{login}@h"))
                    .credentials
                    .expect("credentials");
                assert_eq!(credentials.user.expose(), user, "{login}");
                assert_eq!(credentials.password.expose(), password, "{login}");
            }
        }
        assert!(proxy("http://h").credentials.is_none());
    }

    #[test]
    fn what_is_no_proxy_is_refused_by_name_without_being_repeated() {
        let long = "s3cret".repeat(50);
        for text in [
            "",
            "http://",
            "https://s3cret@h",
            "socks4://s3cret@h",
            "ftp://h",
            "http://h:0",
            "http://h:s3cret",
            "http://user:s3cret",
            "http://user:s3cret@",
            "http://user:s3cret@h:99999",
            "http://user:s3/cret@h",
            "http://h/p@th",
            "http://h/path",
            "http://h?s3cret",
            "http://us%3Aer:s3cret@h",
            "socks5://:s3cret@h",
            "socks5://@h",
            &format!("socks5://{long}@h"),
            &format!("socks5://u:{long}@h"),
            "http://[::1",
            "http://s3cret h",
        ] {
            let error = text.parse::<Proxy>().expect_err(text);
            assert_eq!(error.input(), "proxy", "{text}");
            assert!(!error.to_string().contains("s3c"), "{text}: {error}");
        }
    }

    #[test]
    fn a_path_is_what_an_error_names_where_a_proxy_has_one() {
        for text in [
            "http://h:3128/path",
            "h/proxy.pac",
            "http://u:p@h?x",
            "socks5://h#x",
            "http://h//",
        ] {
            let error = text.parse::<Proxy>().expect_err(text);
            assert!(
                error.expected().contains("a host and a port only, without a path"),
                "{text}: {error}"
            );
        }
    }

    #[test]
    fn neither_debug_nor_display_shows_user_name_or_password() {
        let proxy = proxy("socks5://s3user:s3cret@h");
        let shown = format!("{proxy} {proxy:?} {:?}", ProxyRules::from(proxy.clone()));
        assert!(!shown.contains("s3"), "{shown}");
        assert!(!shown.contains("115, 51"), "not as bytes either: {shown}");
    }
}
