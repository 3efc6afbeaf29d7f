//! Names and addresses that answer as a test says, on paused time.

use std::{
    collections::HashMap,
    future::pending,
    io,
    net::{IpAddr, SocketAddr},
    sync::Mutex,
    time::Duration,
};

use provisioning_types::{ErrorKind, Host, Phase, Progress, TransportError};
use tokio::{
    io::{DuplexStream, duplex},
    time::{Instant, sleep},
};

use super::*;

const LIMIT: Duration = Duration::from_secs(12);
const PORT: u16 = 8883;

/// What an address does with a connection.
#[derive(Debug, Clone, Copy)]
enum Does {
    /// Answers after this many milliseconds.
    Answer(u64),
    /// Fails with this error after this many milliseconds.
    Fail(u64, io::ErrorKind),
    /// Fails at once with this error of the system.
    FailWith(i32),
    Nothing,
}

use Does::{Answer, Fail, FailWith, Nothing};

/// The addresses of every name, and what they do.
struct Scripted {
    addresses: Option<Vec<SocketAddr>>,
    does: HashMap<SocketAddr, Does>,
    start: Instant,
    /// When each attempt started, in milliseconds, and where to.
    started: Mutex<Vec<(u128, String)>>,
}

impl Scripted {
    fn new(script: &[(&str, Does)]) -> Self {
        let address = |ip: &str| SocketAddr::new(ip.parse::<IpAddr>().expect("an address"), PORT);
        let script = || script.iter().map(|(ip, does)| (address(ip), *does));
        Self {
            addresses: Some(script().map(|(address, _)| address).collect()),
            does: script().collect(),
            start: Instant::now(),
            started: Mutex::default(),
        }
    }

    fn without_an_answer_of_the_resolver() -> Self {
        Self {
            addresses: None,
            ..Self::new(&[])
        }
    }

    /// Connects, and returns the outcome, the time that it took, and the outcome of each address.
    async fn reach(&self, host: &str) -> (Result<DuplexStream, TransportError>, Duration, Vec<AddressAttempt>) {
        let reach = Reach {
            network: self,
            deadline: Deadline::after(LIMIT),
            progress: Progress::ignored(),
        };
        let (start, mut attempts) = (Instant::now(), Vec::new());
        let host = Host::new(host).expect("a host");
        let outcome = reach.connect(&host, PORT, "host:port".into(), &mut attempts).await;
        (outcome, start.elapsed(), attempts)
    }

    /// The error, and the time until it.
    async fn error(&self, host: &str) -> (TransportError, Duration) {
        let (outcome, elapsed, _) = self.reach(host).await;
        let error = outcome.expect_err("no connection");
        assert_eq!(error.phase(), Some(Phase::Connect));
        assert!(!error.to_string().contains("os error"), "{error}");
        (error, elapsed)
    }

    fn started(&self) -> Vec<(u128, String)> {
        self.started.lock().expect("no panic").clone()
    }
}

impl Network for Scripted {
    type Stream = DuplexStream;

    async fn resolve(&self, _: &Host, _: u16) -> Result<io::Result<Vec<SocketAddr>>, TransportError> {
        match &self.addresses {
            Some(addresses) => Ok(Ok(addresses.clone())),
            None => pending().await,
        }
    }

    async fn connect(&self, address: SocketAddr) -> io::Result<DuplexStream> {
        let since_start = self.start.elapsed().as_millis();
        let started = (since_start, address.ip().to_string());
        self.started.lock().expect("no panic").push(started);
        match self.does[&address] {
            Answer(millis) => {
                sleep(Duration::from_millis(millis)).await;
                Ok(duplex(64).0)
            }
            Fail(millis, kind) => {
                sleep(Duration::from_millis(millis)).await;
                Err(kind.into())
            }
            FailWith(code) => Err(io::Error::from_raw_os_error(code)),
            Nothing => pending().await,
        }
    }
}

fn outcomes(attempts: &[AddressAttempt]) -> Vec<String> {
    attempts.iter().map(ToString::to_string).collect()
}

#[tokio::test(start_paused = true)]
async fn a_silent_first_address_costs_250_ms() {
    let network = Scripted::new(&[("2001:db8::1", Nothing), ("192.0.2.1", Answer(30))]);
    let (outcome, elapsed, attempts) = network.reach("service.test").await;
    outcome.expect("a connection");
    assert_eq!(elapsed, Duration::from_millis(280));
    assert_eq!(
        outcomes(&attempts),
        ["2001:db8::1 (another address was faster)", "192.0.2.1 (connected)"]
    );
}

#[tokio::test(start_paused = true)]
async fn families_alternate_every_250_ms_and_the_rest_is_not_tried_after_a_connection() {
    let network = Scripted::new(&[
        ("2001:db8::1", Nothing),
        ("2001:db8::2", Answer(10)),
        ("2001:db8::3", Answer(10)),
        ("192.0.2.1", Nothing),
    ]);
    let (outcome, _, attempts) = network.reach("service.test").await;
    outcome.expect("a connection");
    let started = [(0, "2001:db8::1"), (250, "192.0.2.1"), (500, "2001:db8::2")];
    assert_eq!(network.started(), started.map(|(at, ip)| (at, ip.to_owned())));
    assert_eq!(outcomes(&attempts)[3], "2001:db8::3 (not tried)");
}

#[tokio::test(start_paused = true)]
async fn the_next_attempt_starts_at_once_when_one_fails() {
    let network = Scripted::new(&[
        ("192.0.2.1", Fail(40, io::ErrorKind::ConnectionRefused)),
        ("192.0.2.2", Fail(0, io::ErrorKind::HostUnreachable)),
        ("192.0.2.3", Answer(10)),
    ]);
    let (outcome, elapsed, _) = network.reach("service.test").await;
    outcome.expect("a connection");
    assert_eq!(elapsed, Duration::from_millis(50));
}

#[tokio::test(start_paused = true)]
async fn a_slow_first_address_still_wins_when_it_answers_first() {
    let network = Scripted::new(&[("192.0.2.1", Answer(300)), ("192.0.2.2", Answer(300))]);
    let (outcome, elapsed, attempts) = network.reach("service.test").await;
    outcome.expect("a connection");
    assert_eq!(elapsed, Duration::from_millis(300));
    assert_eq!(attempts[0].outcome(), &AddressOutcome::Connected);
}

#[tokio::test(start_paused = true)]
async fn the_error_lists_every_address_with_its_outcome_and_names_the_firewall_and_the_way_around_it() {
    let network = Scripted::new(&[
        ("192.0.2.1", Nothing),
        ("192.0.2.2", Fail(5, io::ErrorKind::ConnectionRefused)),
        ("192.0.2.3", Fail(5, io::ErrorKind::HostUnreachable)),
        ("2001:db8::1", Fail(0, io::ErrorKind::NetworkUnreachable)),
    ]);
    let (error, elapsed) = network.error("service.test").await;
    assert_eq!((error.kind(), elapsed), (ErrorKind::Connect, LIMIT));
    assert_eq!(
        error.to_string(),
        "service.test was not reached on TCP port 8883: 192.0.2.1 (no answer within 12 s), 2001:db8::1 (no route), \
         192.0.2.2 (refused), 192.0.2.3 (unreachable)"
    );
    for word in ["firewall", "port 443", "`dps --fallback`", "`FallbackConnector`"] {
        assert!(error.hint().contains(word), "{}", error.hint());
    }
}

#[tokio::test(start_paused = true)]
async fn addresses_that_the_limit_leaves_out_are_not_tried() {
    let ips: Vec<String> = (1..=60).map(|last| format!("192.0.2.{last}")).collect();
    let script: Vec<_> = ips.iter().map(|ip| (ip.as_str(), Nothing)).collect();
    let (outcome, elapsed, attempts) = Scripted::new(&script).reach("service.test").await;
    assert_eq!(elapsed, LIMIT);
    assert_eq!(attempts[0].to_string(), "192.0.2.1 (no answer within 12 s)");
    assert_eq!(attempts[59].to_string(), "192.0.2.60 (not tried)");
    let message = outcome.expect_err("no connection").to_string();
    assert!(message.contains("192.0.2.1 (no answer within 12 s)"), "{message}");
    assert!(message.ends_with(", and 28 more"), "{message}");
}

#[tokio::test(start_paused = true)]
async fn a_name_with_only_a_family_that_has_no_route_here_is_told_as_such() {
    for (ip, kind, family) in [
        ("2001:db8::1", io::ErrorKind::NetworkUnreachable, "IPv6"),
        ("2001:db8::1", io::ErrorKind::AddrNotAvailable, "IPv6"),
        ("192.0.2.1", io::ErrorKind::NetworkUnreachable, "IPv4"),
    ] {
        let network = Scripted::new(&[(ip, Fail(0, kind))]);
        let (error, _) = network.error("service.test").await;
        let expected = format!(
            "service.test was not reached on TCP port 8883: the name has only {family} addresses, and this machine has \
             no {family} route: {ip} (no route)"
        );
        assert_eq!((error.kind(), error.to_string()), (ErrorKind::Connect, expected));
        assert!(!error.hint().contains("firewall"), "{}", error.hint());
        let (error, _) = network.error(ip).await;
        let expected = format!("{ip} was not reached on TCP port 8883: this machine has no {family} route");
        assert_eq!(error.to_string(), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn a_resolver_that_does_not_answer_is_a_connect_error_at_the_limit() {
    let network = Scripted::without_an_answer_of_the_resolver();
    let (error, elapsed) = network.error("service.test").await;
    assert_eq!((error.kind(), elapsed), (ErrorKind::Connect, LIMIT));
    assert_eq!(error.to_string(), "the name service.test was not resolved within 12 s");
    let cause = std::error::Error::source(&error).expect("a cause");
    assert!(cause.is::<NotResolved>(), "no blocked port: {cause:?}");
    assert_eq!(cause.to_string(), "the resolver did not answer");
}

#[cfg(unix)]
#[tokio::test(start_paused = true)]
async fn a_machine_without_a_free_socket_is_what_failed() {
    const EMFILE: i32 = 24;
    let network = Scripted::new(&[("192.0.2.1", FailWith(EMFILE)), ("192.0.2.2", FailWith(EMFILE))]);
    let (error, _) = network.error("service.test").await;
    assert_eq!(error.kind(), ErrorKind::Local);
    let message = error.to_string();
    assert!(
        message.starts_with("this machine can make no further socket: "),
        "{message}"
    );
    assert!(error.hint().contains("limit of open files"), "{}", error.hint());
}

/// Two sockets of this machine; the queue of the first is full.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_full_queue_at_the_first_address_does_not_hide_the_second() {
    let socket = tokio::net::TcpSocket::new_v4().expect("a socket");
    socket.bind(([127, 0, 0, 2], 0).into()).expect("a free port");
    let silent = socket.listen(1).expect("a listener");
    let first = silent.local_addr().expect("an address");
    let second = std::net::TcpListener::bind(("127.0.0.3", first.port())).expect("a free port");
    let fill = || std::net::TcpStream::connect_timeout(&first, Duration::from_millis(200)).ok();
    let queue: Vec<_> = std::iter::from_fn(fill).take(100).collect();
    assert!(queue.len() < 100, "the queue is not bounded");
    let addresses = [first, second.local_addr().expect("an address")];
    let mut attempts = addresses.map(AddressAttempt::new);
    let stream = race(&System, &mut attempts, Deadline::after(LIMIT)).await;
    assert_eq!(
        stream.expect("a connection").peer_addr().expect("an address"),
        addresses[1]
    );
    assert_eq!(attempts[0].outcome(), &AddressOutcome::Superseded);
}
