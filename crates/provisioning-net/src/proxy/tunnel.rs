//! Asking a proxy for a connection: how far it has answered, and why it does not connect.

use std::{fmt, io};

use provisioning_types::{ErrorKind, Phase, TransportError, WaitStep};

use crate::peer::Peer;

/// What a proxy has to answer next, for the error of a proxy that stays silent.
#[derive(Debug, Clone, Copy, Default)]
pub(super) enum TunnelStep {
    /// The first message.
    #[default]
    First,
    /// HTTP: the CONNECT request.
    HttpConnect,
    /// HTTP: the rest of its answer.
    RestOfAnswer,
    /// SOCKS5: the methods that the client offers.
    Greeting,
    /// SOCKS5: user name and password.
    Login,
    /// SOCKS5: the CONNECT request.
    SocksConnect,
}

/// What is missing; the proxy is the subject.
impl fmt::Display for TunnelStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::First => "did not read the request",
            Self::HttpConnect => "did not answer CONNECT",
            Self::RestOfAnswer => "answered CONNECT only in part",
            Self::Greeting => "did not answer the greeting",
            Self::Login => "did not answer the login",
            Self::SocksConnect => "did not answer the request to connect",
        })
    }
}

/// The hint when the proxy requires a user name and a password.
pub(super) const GIVE_LOGIN_HINT: &str = "give the user name and password in the proxy's URL, percent-encoded: \
                                          http://USER:PASSWORD@HOST:PORT or socks5://USER:PASSWORD@HOST:PORT";

/// The hint when the proxy does not accept the user name and password.
pub(super) const WRONG_LOGIN_HINT: &str =
    "check the user name and password in the proxy's URL: characters such as @, : and % in them are percent-encoded";

/// The hint when the proxy requires another scheme than a user name and a password.
pub(super) const OTHER_SCHEME_HINT: &str = "have the proxy accept a user name and a password (Basic) or this device \
                                            without credentials, or go through a proxy on this machine that logs in";

/// Why a proxy does not connect.
#[derive(Debug, thiserror::Error)]
pub(super) enum TunnelError {
    /// Its answer, or what that means.
    #[error("{0}")]
    Refused(String),
    /// It does not accept the credentials, or requires credentials.
    #[error("{message}")]
    Login { message: String, hint: &'static str },
    /// The peer does not speak the protocol; the text is `an HTTP` or `a SOCKS5`.
    #[error("the peer is not {0} proxy{but}", but = .1.as_ref().map(|peer| format!(": it {}", peer.message())).unwrap_or_default())]
    NotAProxy(&'static str, Option<Peer>),
    #[error("it closed the connection before it had answered")]
    Closed,
    #[error("the connection to it was lost")]
    Lost(#[source] io::Error),
}

impl TunnelError {
    /// The error that the caller gets, with this message.
    pub(super) fn into_transport_error(self, message: String) -> TransportError {
        let error = TransportError::new(ErrorKind::Connect, message)
            .with_hint(WaitStep::Proxy.hint())
            .in_phase(Phase::Connect);
        match self {
            Self::Lost(cause) => error.with_source(cause),
            Self::Login { hint, .. } => error.with_hint(hint),
            Self::Refused(_) | Self::NotAProxy(..) | Self::Closed => error,
        }
    }
}

impl From<io::Error> for TunnelError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::UnexpectedEof => Self::Closed,
            _ => Self::Lost(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{net::SocketAddr, sync::Mutex, time::Duration};

    use provisioning_types::{Host, Progress};
    use tokio::io::{AsyncWriteExt, DuplexStream, duplex};

    use crate::{
        address::{Network, Reach},
        deadline::Deadline,
        proxy::Proxy,
    };

    use super::*;

    /// A proxy that accepts, says this, and is silent from then on.
    struct SilentAfter(&'static [u8], Mutex<Vec<DuplexStream>>);

    impl Network for SilentAfter {
        type Stream = DuplexStream;

        async fn resolve(&self, _: &Host, port: u16) -> Result<io::Result<Vec<SocketAddr>>, TransportError> {
            Ok(Ok(vec![([192, 0, 2, 1], port).into()]))
        }

        async fn connect(&self, _: SocketAddr) -> io::Result<DuplexStream> {
            let (near, mut far) = duplex(1024);
            far.write_all(self.0).await?;
            self.1.lock().expect("no panic").push(far);
            Ok(near)
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_error_of_a_silent_proxy_says_how_far_it_came() {
        let host = Host::new("service.test").expect("a host");
        for (proxy, said, words) in [
            ("http://p", &b""[..], "did not answer CONNECT"),
            ("http://p", b"HTTP/1.1 20", "answered CONNECT only in part"),
            ("socks5://p", b"", "did not answer the greeting"),
            ("socks5://u:s3cret@p", b"\x05\x02", "did not answer the login"),
            ("socks5://p", b"\x05\x00", "did not answer the request to connect"),
        ] {
            let proxy: Proxy = proxy.parse().expect("a proxy");
            let network = SilentAfter(said, Mutex::default());
            let reach = Reach {
                network: &network,
                deadline: Deadline::after(Duration::from_secs(3)),
                progress: Progress::ignored(),
            };
            let error = proxy.open(&reach, &host, 8883).await.err().expect("no connection");
            assert_eq!(error.kind(), ErrorKind::Connect);
            let expected = format!(
                "the proxy {proxy} did not connect to service.test:8883 within 3 s: \
                 it accepted the connection and {words}"
            );
            assert_eq!(error.to_string(), expected);
            assert!(error.hint().starts_with("check the proxy's address"), "{error:?}");
        }
    }
}
