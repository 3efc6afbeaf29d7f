//! The limits of `dps register` on real sockets: which limit ended it, the step and the peer that it names, the exit
//! code, and whether to try again. Real time, since the program is a process of its own; the limits are short.

use std::{
    fs, iter,
    net::{SocketAddr, TcpStream as Stream},
    path::Path,
    time::Duration,
};

use provisioning_emulator::{Device, Effect, Emulator, Fault, RetryAfter, Step};
use test_support::{listen, run, serve};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy, copy_bidirectional, sink},
    net::{TcpListener, TcpSocket, TcpStream},
    process::Command,
    task::JoinSet,
    time::{Instant, timeout},
};

use crate::support::{Files, Run, assign_later, dps, dps_with};

/// A port that does not answer, as when a firewall drops it: its queue of connections is full.
struct SilentPort {
    address: SocketAddr,
    _listener: TcpListener,
    _queue: Vec<Stream>,
}

impl SilentPort {
    fn new() -> Self {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.bind(([127, 0, 0, 1], 0).into()).expect("a free port");
        let listener = socket.listen(1).expect("a listener");
        let address = listener.local_addr().expect("an address");
        let next = || Stream::connect_timeout(&address, Duration::from_millis(200)).ok();
        let queue: Vec<_> = iter::from_fn(next).take(100).collect();
        assert!(queue.len() < 100, "the queue is not bounded");
        Self {
            address,
            _listener: listener,
            _queue: queue,
        }
    }

    fn host(&self) -> String {
        format!("localhost:{}", self.address.port())
    }
}

/// A device's files without a service.
fn files() -> Files {
    let emulator = Emulator::builder().start_in_memory().expect("a CA");
    let device = emulator.issue_device("device-1").expect("a device");
    Files::of_identity(&emulator, &device)
}

/// Ended as `connect` before a TCP connection stood (exit code 4), and as `timeout` afterwards (5).
fn assert_ended(run: &Run, code: i32, message: &str, hint: &str) {
    let kind = if code == 4 { "connect" } else { "timeout" };
    assert_eq!((run.code, run.kind().as_str()), (code, kind), "{run:?}");
    assert!(run.message().contains(message), "{message:?} in {run:?}");
    assert!(run.hint().contains(hint), "{hint:?} in {run:?}");
    assert!(!run.hint().contains("allow more time"), "{run:?}");
    assert_eq!(run.error()["retryable"], true, "{run:?}");
}

#[tokio::test]
async fn a_silent_port_ends_as_connect_with_exit_code_4_whichever_limit_comes_first() {
    let (files, port) = (files(), SilentPort::new());
    let (host, number) = (port.host(), port.address.port().to_string());
    let tcp = format!("no TCP connection to {host}");
    for (words, message) in [
        (
            &["--connect-timeout", "0.4"][..],
            format!("localhost was not reached on TCP port {number}: 127.0.0.1 (no answer within "),
        ),
        (
            &["--timeout", "0.4"],
            format!("no assignment within 0.4 s, the limit of the whole registration: {tcp}"),
        ),
        (
            &["--operation-timeout", "0.4"],
            format!("{tcp} within 0.4 s, the limit of one request"),
        ),
        (
            &["--connect-timeout", "0.4", "--recover", "1"],
            format!("localhost was not reached on TCP port {number}: 127.0.0.1 (no answer within "),
        ),
        (
            &["--connect-timeout", "0.4", "--fallback", "--websocket-port", &number],
            format!("wss://localhost:{number}/$iothub/websocket: localhost was not reached on TCP port {number}"),
        ),
    ] {
        let run = files.register(&host, &[words, &["--json"]].concat()).await;
        assert_ended(&run, 4, &message, "firewall");
        // The default of the connect timeout.
        assert!(!run.message().contains("12 s"), "{words:?}: {run:?}");
    }
}

#[tokio::test]
async fn a_silent_proxy_is_connect_and_its_hint_names_the_proxy() {
    let files = files();
    let (_proxy, address) = listen::<SocketAddr>().await;
    let proxy = format!("http://{address}");
    for (words, message) in [
        (
            &["--connect-timeout", "0.4"][..],
            format!("the proxy {proxy} did not connect to service.test:8883 within 400 ms: it accepted the connection"),
        ),
        (
            &["--timeout", "0.4"],
            format!("the limit of the whole registration: no connection through the proxy {proxy}"),
        ),
    ] {
        let run = files
            .register("service.test", &[words, &["--proxy", &proxy, "--json"]].concat())
            .await;
        assert_ended(&run, 4, &message, "check the proxy's address");
    }
    let silent = SilentPort::new();
    let proxy = format!("http://{}", silent.address);
    let words = ["--proxy", &proxy, "--connect-timeout", "0.4", "--json"];
    let run = files.register("service.test", &words).await;
    let message = format!("the proxy {proxy} was not reached");
    assert_ended(&run, 4, &message, "check the proxy's address and port");
    let run = dps(&["doctor", "--proxy", &proxy, "--connect-timeout", "0.4"]).await;
    assert!(run.stdout.contains("that a proxy runs there"), "{run:?}");
}

/// A path to the port that carries no more than the first bytes of what the service sends.
async fn silent_after(port: u16, bytes: u64) -> (SocketAddr, JoinSet<()>) {
    serve("127.0.0.1", move |device| async move {
        let service = TcpStream::connect(("127.0.0.1", port)).await.expect("a service");
        let ((mut from_device, mut to_device), (from_service, mut to_service)) =
            (device.into_split(), service.into_split());
        let back = async {
            let mut first = from_service.take(bytes);
            copy(&mut first, &mut to_device).await?;
            copy(first.get_mut(), &mut sink()).await
        };
        // Ends when either side does.
        let _ = tokio::join!(copy(&mut from_device, &mut to_service), back);
    })
    .await
}

#[tokio::test]
async fn a_silent_tls_handshake_is_a_timeout_with_exit_code_5_that_names_it() {
    let emulator = Emulator::builder().polls_before_assigning(0).start().await;
    let emulator = emulator.expect("a local DPS");
    let files = Files::of(&emulator, "device-1");
    let (_silent, address) = listen::<SocketAddr>().await;
    let accepts = address.to_string();
    let (server_hello, _path) = silent_after(emulator.mqtt_port(), 127).await;
    let server_hello = format!("localhost:{}", server_hello.port());
    for host in [&accepts, &server_hello] {
        let tls = format!("no TLS handshake with {host}");
        for (words, message) in [
            (
                &["--operation-timeout", "0.6"][..],
                format!("{tls} within 0.6 s, the limit of one request"),
            ),
            (
                &["--timeout", "0.6"],
                format!("no assignment within 0.6 s, the limit of the whole registration: {tls}"),
            ),
        ] {
            let run = files.register(host, &[words, &["--json"]].concat()).await;
            assert_ended(&run, 5, &message, "a VPN whose MTU is too large");
        }
        let port = host.rsplit(':').next().unwrap_or_default();
        let both = [
            "--fallback",
            "--websocket-port",
            port,
            "--connect-timeout",
            "0.4",
            "--json",
        ];
        let run = files.register(host, &both).await;
        assert_ended(
            &run,
            5,
            &format!("{tls} within 400 ms, the limit of each way"),
            "both ports accept",
        );
        let run = files.doctor(&["--host", host, "--connect-timeout", "0.4"]).await;
        assert_eq!(run.code, 5, "{run:?}");
        let line = format!("FAILED   MQTT TLS: {host} did not complete TLS within 400 ms (the host accepts");
        assert!(run.stdout.contains(&line), "{line:?} in {run:?}");
    }
    emulator.shutdown().await;
}

#[tokio::test]
async fn an_mqtt_packet_that_does_not_arrive_is_named_and_recovered_from_when_asked_to() {
    let emulator = Emulator::builder().polls_before_assigning(0).start().await;
    let emulator = emulator.expect("a local DPS");
    let files = Files::of(&emulator, "device-1");
    for (step, hint) in [
        (Step::Connack, "MQTT is not answered"),
        (Step::Suback, "MQTT is not answered"),
        (Step::Answer, "allow one more recovery"),
    ] {
        let missing = match step {
            Step::Connack => "CONNACK",
            Step::Suback => "SUBACK",
            _ => "response",
        };
        emulator.inject(Fault::new(Effect::Withhold, step).expect("a fault"));
        let words = ["--operation-timeout", "1.5", "--json"];
        let run = files.register(&files.host, &words).await;
        assert_ended(&run, 5, &format!("no {missing} from {} within 1.5 s", files.host), hint);
    }
    emulator.inject(Fault::new(Effect::Withhold, Step::Suback).expect("a fault"));
    let words = ["--operation-timeout", "1.5", "--recover", "1", "--json"];
    let run = files.register(&files.host, &words).await;
    assert_eq!(run.code, 0, "{run:?}");
    let recovered = format!(
        "no SUBACK from {} within 1.5 s, the limit of one request; recovery 1",
        files.host
    );
    assert!(run.stderr.contains(&recovered), "{run:?}");
    emulator.shutdown().await;
}

#[tokio::test]
async fn a_handshake_that_is_cut_off_is_lost_and_retryable() {
    let files = files();
    let (address, _service) = serve("127.0.0.1", |mut device| async move {
        // The ClientHello, and then the end.
        let read = device.read(&mut [0; 4096]).await;
        assert!(read.expect("a device") > 0, "it said nothing");
        device.shutdown().await.expect("a device");
    })
    .await;
    let run = files.register(&address.to_string(), &["--json"]).await;
    assert_eq!((run.code, run.kind().as_str()), (4, "lost"), "{run:?}");
    assert_eq!(run.error()["retryable"], true, "{run:?}");
    assert!(run.message().contains("ended during the TLS handshake"), "{run:?}");
}

#[tokio::test]
async fn a_service_that_is_reachable_later_is_waited_for_and_only_when_asked_to() {
    let emulator = Emulator::builder().polls_before_assigning(0).start().await;
    let emulator = emulator.expect("a local DPS");
    let files = Files::of(&emulator, "device-1");
    let (listener, address) = listen::<SocketAddr>().await;
    drop(listener);
    let (host, port) = (format!("localhost:{}", address.port()), emulator.mqtt_port());
    let run = files.register(&host, &["--json"]).await;
    assert_ended(&run, 4, "127.0.0.1 (refused)", "firewall");

    let mut running = files.start(&host, &["--wait-for-network", "60", "--json"]);
    running
        .until_stderr_has("no connection yet (localhost was not reached")
        .await;
    let listener = TcpListener::bind(address).await.expect("the port");
    let network = async {
        let (mut device, _) = listener.accept().await.expect("a device");
        let mut service = TcpStream::connect(("127.0.0.1", port)).await.expect("a service");
        // How the connection ends does not matter.
        let _ = copy_bidirectional(&mut device, &mut service).await;
    };
    let (run, ()) = tokio::join!(Run::of(running), network);
    assert_eq!((run.code, &run.json()["status"]), (0, &"assigned".into()), "{run:?}");
    emulator.shutdown().await;
}

#[tokio::test]
async fn a_fallback_tries_each_way_for_the_connect_timeout_unless_another_is_given() {
    let emulator = Emulator::builder().polls_before_assigning(0).start().await;
    let emulator = emulator.expect("a local DPS");
    let files = Files::of(&emulator, "device-1");
    let (_silent, address) = listen::<SocketAddr>().await;
    let (host, websocket) = (format!("localhost:{}", address.port()), emulator.websocket_port());
    let websocket = websocket.to_string();
    let words = [
        "--fallback",
        "--websocket-port",
        &websocket,
        "--json",
        // Less than the default of an attempt.
        "--timeout",
        "11",
    ];
    for (more, attempt) in [
        (&["--connect-timeout", "1"][..], Duration::from_secs(1)),
        (
            &["--connect-timeout", "30", "--fallback-after", "0.2"],
            Duration::from_millis(200),
        ),
    ] {
        let start = Instant::now();
        let run = files.register(&host, &[&words[..], more].concat()).await;
        assert_eq!(run.code, 0, "{more:?}: {run:?}");
        assert!(start.elapsed() >= attempt, "{more:?}: {run:?}");
    }
    emulator.shutdown().await;
}

#[tokio::test]
async fn a_failed_registration_says_whether_its_code_is_transient() {
    let emulator = Emulator::builder()
        .polls_before_assigning(0)
        .retry_after(RetryAfter::Seconds(0))
        .device(Device::new("passing").failed(500_001, "try again"))
        .device(Device::new("lasting").failed(400_209, "no hub"))
        .start()
        .await
        .expect("a local DPS");
    for (id, is_transient) in [("passing", true), ("lasting", false)] {
        let files = Files::of(&emulator, id);
        let run = files.register(&files.host, &["--json"]).await;
        assert_eq!((run.code, run.kind().as_str()), (3, "failed"), "{run:?}");
        assert_eq!(run.error()["retryable"], is_transient, "{run:?}");
        assert_eq!(
            run.message().contains("for a reason that may pass"),
            is_transient,
            "{run:?}"
        );
        assert_eq!(run.hint().contains("register again later"), is_transient, "{run:?}");
    }
    emulator.shutdown().await;
}

#[cfg(unix)]
#[tokio::test]
async fn a_store_and_a_certificate_that_cannot_be_written_are_both_reported() {
    let emulator = Emulator::builder().retry_after(RetryAfter::Seconds(1)).start().await;
    let emulator = emulator.expect("a local DPS");
    assign_later(&emulator);
    let files = Files::of(&emulator, "device-1");
    let folder = Path::new(&files.cert).parent().expect("a folder");
    let path = |name: &str| folder.join(name).to_str().expect("UTF-8").to_owned();
    let (store, key, issued) = (path("stored.json"), path("new.key"), path("issued.pem"));
    let words = ["--store", &store, "--new-key", &key, "--issued-cert", &issued, "--json"];
    let mut running = files.start(&files.host, &words);
    running.until_stderr_has("assigning").await;
    for file in [&store, &issued] {
        fs::create_dir(file).expect("a folder in the way");
    }
    emulator.clear_faults();
    let run = Run::of(running).await;
    assert_eq!((run.code, run.kind().as_str()), (7, "local"), "{run:?}");
    for file in [&store, &issued] {
        assert!(run.message().contains(file.as_str()), "{file} in {run:?}");
    }
    for hint in ["is not stored", "register again for another certificate"] {
        assert!(run.hint().contains(hint), "{run:?}");
    }
    emulator.shutdown().await;
}

/// The flags of `dps register` that name a file to read. The help says of the others that the file is written.
async fn flags_of_input_files() -> Vec<String> {
    let help = dps(&["register", "--help"]).await.stdout;
    let flags = help.lines().filter(|line| line.ends_with("FILE>"));
    let flags = flags.filter_map(|line| line.split_whitespace().next());
    let written = ["--new-key", "--issued-cert", "--store"];
    flags
        .filter(|flag| !written.contains(flag))
        .map(str::to_owned)
        .collect()
}

#[cfg(unix)]
#[tokio::test]
async fn a_pipe_that_does_not_end_counts_against_the_timeout_whether_a_flag_or_a_variable_names_it() {
    let files = files();
    let (pipe, issued) = (files.path("pipe"), files.path("issued.pem"));
    run(Command::new("mkfifo").arg(&pipe)).await;
    let at_pipe = format!("@{pipe}");
    let needed = ["register", "--json", "--id-scope", "0ne1", "--timeout", "1"];
    let needed = [&needed[..], &["--registration-id", "device-1"]].concat();
    let flags = flags_of_input_files().await;
    assert!(flags.len() >= 10, "{flags:?}");
    let by_flag = flags.iter().map(|flag| {
        let words: &[&str] = match flag.as_str() {
            "--payload" => &["--payload", &at_pipe],
            "--csr" => &["--csr", &pipe, "--issued-cert", &issued],
            flag => &[flag, &pipe],
        };
        (words.to_vec(), [&*files.cert, &files.key])
    });
    let by_variable = [[&*pipe, &files.key], [&files.cert, &pipe], [&pipe, &pipe]];
    let by_variable = by_variable.map(|named| (vec![], named));
    for (words, [cert, key]) in by_flag.chain(by_variable) {
        let variables = [("CERTIFICATE_FILE", cert), ("KEY_FILE", key)];
        let words = [&needed[..], &words].concat();
        let run = dps_with(&words, &variables);
        // Without the flag's limit a pipe may take 30 s.
        let run = timeout(Duration::from_secs(20), run).await;
        let run = run.unwrap_or_else(|_| panic!("{words:?} {variables:?} waits longer than --timeout"));
        assert_eq!((run.code, run.kind().as_str()), (2, "input"), "{words:?}: {run:?}");
        assert!(run.message().contains("within the time limit"), "{words:?}: {run:?}");
    }
}

#[cfg(feature = "local")]
#[tokio::test]
async fn the_emulator_of_dps_has_its_own_name() {
    let run = dps(&["emulator", "--version"]).await;
    let expected = format!("dps emulator {}\n", env!("CARGO_PKG_VERSION"));
    assert_eq!((run.code, run.stdout), (0, expected));
}
