//! Each code of the doctor, produced by a real situation.

use std::{
    collections::BTreeSet,
    fs,
    process::Command,
    time::{Duration, SystemTime},
};

use provisioning_emulator::{Cut, Device, Effect, Emulator, Fault, RetryAfter, Step};
use rcgen::{CertificateParams, DnType, ExtendedKeyUsagePurpose, KeyUsagePurpose, date_time_ymd};
use test_support::{
    emulator::start,
    serve,
    tls::{BOTH_VERSIONS, Ca, ClientCertificates, acceptor, new_key},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tokio_rustls::rustls::version::TLS12;

use super::servers::{SERVICE, below_a_root_of_the_service, closed_port, service, silent_tls, web_server};
use crate::support::{Files, Run, dps_with, start_dps};

/// The source with every code, a line each: `Name = "text",`.
const CODES: &str = include_str!("../../../src/commands/doctor/code.rs");

/// What makes the doctor find a problem.
struct Situation {
    code: &'static str,
    words: Vec<String>,
    variables: Vec<(&'static str, String)>,
}

impl Situation {
    fn new(code: &'static str, words: &[&str]) -> Self {
        Self {
            code,
            words: words.iter().map(ToString::to_string).collect(),
            variables: vec![],
        }
    }

    fn with(mut self, name: &'static str, value: &str) -> Self {
        self.variables.push((name, value.to_owned()));
        self
    }

    async fn assert_found(&self) {
        let words: Vec<_> = ["doctor", "--json"]
            .into_iter()
            .chain(self.words.iter().map(String::as_str))
            .collect();
        let variables: Vec<_> = self
            .variables
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        assert_problem(&dps_with(&words, &variables).await, self.code);
    }
}

/// The doctor reports a problem with this code.
fn assert_problem(run: &Run, code: &str) {
    let json = run.json();
    let mut checks = json["checks"]
        .as_array()
        .unwrap_or_else(|| panic!("{code}: {run:?}"))
        .iter();
    let problem = checks.find(|finding| finding["code"] == code);
    let problem = problem.unwrap_or_else(|| panic!("no {code} in {run:?}"));
    assert!(
        ["failed", "warning"].contains(&problem["verdict"].as_str().expect("a verdict")),
        "{run:?}"
    );
}

/// The codes of problems in the source.
fn codes() -> BTreeSet<&'static str> {
    let (_, list) = CODES.split_once("\ncodes! {\n").expect("the list");
    let list = list.split("\n}\n").next().expect("its end");
    let codes = list.lines().filter_map(|line| line.split('"').nth(1));
    codes.filter(|code| !["ok", "skipped"].contains(code)).collect()
}

#[tokio::test]
async fn each_code_is_found_in_a_situation_that_has_the_problem() {
    let fixture = Fixture::new().await;
    let mut found = BTreeSet::new();
    let situations = fixture.inputs().into_iter().chain(fixture.credentials());
    for situation in situations.chain(fixture.registrations()) {
        situation.assert_found().await;
        found.insert(situation.code);
    }
    for situation in fixture.network().await {
        situation.assert_found().await;
        found.insert(situation.code);
    }
    found.extend(fixture.assert_found_by_servers().await);
    if cfg!(all(target_os = "linux", target_env = "gnu")) {
        fixture.silent_resolver().assert_found().await;
    }
    found.insert("resolver-silent");
    fixture.assert_found_when_interrupted().await;
    found.insert("cancelled");
    assert_eq!(found, codes());
    fixture.emulator.shutdown().await;
}

/// A service, and a device that it knows.
struct Fixture {
    emulator: Emulator,
    files: Files,
    /// The flags of a registration that succeeds.
    words: Vec<String>,
}

impl Fixture {
    async fn new() -> Self {
        let wait = RetryAfter::Seconds(0);
        let builder = Emulator::builder().polls_before_assigning(0).retry_after(wait);
        let emulator = start(
            builder
                .device(Device::new("unknown").refused(404, 404_201, "Not found."))
                .device(Device::new("slow").never_assigned())
                .device(Device::new("broken").throttled(503, 1000, RetryAfter::Seconds(600)))
                .device(Device::new("keyed").symmetric_keys("a2V5", "a2V5")),
        )
        .await;
        let closed = Fault::new(Effect::Close(Cut::Now), Step::Suback).expect("a fault");
        emulator.inject(closed.device("closed").always());
        let files = Files::of(&emulator, "device-1");
        let port = emulator.websocket_port().to_string();
        let words = files.words(&["--websocket-port", &port]);
        Self { emulator, files, words }
    }

    /// A situation with `words` in place of, or in addition to, what succeeds.
    fn with(&self, code: &'static str, words: &[&str]) -> Situation {
        Situation {
            code,
            words: replaced(&self.words, words),
            variables: vec![],
        }
    }

    /// The same without a certificate.
    fn without_certificate(&self, code: &'static str, words: &[&str]) -> Situation {
        let mut situation = self.with(code, &[&["--cert", "", "--key", ""], words].concat());
        let at = situation
            .words
            .iter()
            .position(|word| word == "--cert")
            .expect("a flag");
        situation.words.drain(at..at + 4);
        situation
    }

    /// The same for another device, which registers.
    fn registering(&self, code: &'static str, id: &str) -> Situation {
        let device = self.emulator.issue_device(id).expect("a device");
        let cert = self.files.write(&format!("{id}.pem"), &device.certificate_chain_pem);
        let key = self.files.write(&format!("{id}.key"), &device.private_key_pem);
        self.with(code, &["--cert", &cert, "--key", &key, "--register", "--timeout", "3"])
    }

    fn inputs(&self) -> Vec<Situation> {
        let key = self.files.write("symmetric.key", "a2V5");
        let by_key = ["--symmetric-key-file", key.as_str()];
        vec![
            self.with("id-scope-invalid", &["--id-scope", "0ne 1"]),
            self.without_certificate(
                "registration-id-invalid",
                &[&by_key[..], &["--registration-id", "a b"]].concat(),
            ),
            self.without_certificate("registration-id-missing", &by_key),
            self.with("registration-id-mismatch", &["--registration-id", "device-2"]),
        ]
    }

    fn credentials(&self) -> Vec<Situation> {
        let files = &self.files;
        let key = new_key();
        let issued = |code, name: &str, change: fn(&mut CertificateParams)| {
            let mut params = CertificateParams::default();
            params.distinguished_name.push(DnType::CommonName, "device-1");
            change(&mut params);
            let certificate = files.write(name, &params.self_signed(&key).expect("a certificate").pem());
            self.with(code, &["--cert", &certificate, "--key", &files.path("own.key")])
        };
        files.write("own.key", &key.serialize_pem());
        let other_key = files.write("other.key", &new_key().serialize_pem());
        let exposed = files.write("exposed.key", &fs::read_to_string(&files.key).expect("a key"));
        files.set_mode("exposed.key", 0o644);
        let (root, leaf_key) = (Ca::root(), new_key());
        let intermediate = root.intermediate();
        let leaf = intermediate.device(&leaf_key).pem();
        let leaf_key = files.write("leaf.key", &leaf_key.serialize_pem());
        let (root, intermediate) = (root.certificate().pem(), intermediate.certificate().pem());
        let disorder = files.write("disorder.pem", &format!("{leaf}{root}{intermediate}"));
        let gap = files.write("gap.pem", &format!("{leaf}{root}"));
        let forms = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../provisioning-credentials/tests/data/forms"
        );
        let token = "SharedAccessSignature sr=0ne00000000%2Fregistrations%2Fdevice-1&sig=YQ%3D%3D&se=1";
        let token = files.write("token", token);
        vec![
            self.with("credential-unreadable", &["--cert", "no/such"]),
            self.with("secret-exposed", &["--key", &exposed]),
            self.with("private-key-unusable", &["--key", &other_key]),
            issued("certificate-not-yet-valid", "early.pem", |params| {
                params.not_before = date_time_ymd(4000, 1, 1);
            }),
            issued("certificate-expired", "expired.pem", |params| {
                params.not_after = date_time_ymd(1980, 1, 2);
            }),
            issued("certificate-expires-soon", "soon.pem", |params| {
                params.not_after = (SystemTime::now() + Duration::from_secs(10 * 24 * 3600)).into();
            }),
            issued("no-client-authentication", "server.pem", |params| {
                params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
            }),
            issued("no-digital-signature", "signer.pem", |params| {
                params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
            }),
            self.with(
                "weak-signature",
                &["--cert", &format!("{forms}/sha1.der"), "--key", &other_key],
            ),
            self.with(
                "short-rsa-key",
                &["--cert", &format!("{forms}/rsa-1024.der"), "--key", &other_key],
            ),
            self.with("chain-order", &["--cert", &disorder, "--key", &leaf_key]),
            self.with("chain-incomplete", &["--cert", &gap, "--key", &leaf_key]),
            self.without_certificate("token-expired", &["--sas-token-file", &token]),
        ]
    }

    fn registrations(&self) -> Vec<Situation> {
        let wrong_key = self.files.write("wrong.key", "d3Jvbmc=");
        let keyed = [
            "--symmetric-key-file",
            &wrong_key,
            "--registration-id",
            "keyed",
            "--register",
        ];
        let mut without_scope = self.with("registration-input", &["--id-scope", "", "--register"]);
        let at = without_scope
            .words
            .iter()
            .position(|word| word == "--id-scope")
            .expect("a flag");
        without_scope.words.drain(at..at + 2);
        vec![
            without_scope,
            self.with("certificate-refused", &["--id-scope", "0ne0OTHER", "--register"]),
            self.without_certificate("token-refused", &keyed),
            self.registering("registration-refused", "unknown"),
            self.registering("registration-not-connected", "closed"),
            self.registering("registration-timed-out", "slow"),
            self.registering("service-unavailable", "broken"),
        ]
    }

    async fn network(&self) -> Vec<Situation> {
        let closed = closed_port().await;
        let at_closed = format!("localhost:{closed}");
        let nowhere = ["--host", &at_closed, "--websocket-port", &closed];
        let proxy = format!("http://127.0.0.1:{closed}");
        let other_ca = self.files.write("other-ca.pem", &Ca::root().certificate().pem());
        let service = ["--server-name", SERVICE];
        let mut untrusting = Situation::new("local-failure", &["--host", &self.files.host]);
        untrusting.words.extend(["--websocket-port".to_owned(), closed.clone()]);
        vec![
            self.with("name-not-resolved", &["--host", "no-such-host.invalid"]),
            self.with("port-not-reached", &nowhere),
            self.with("proxy-failed", &["--proxy", &proxy]),
            self.with("proxy-ignored", &nowhere).with("https_proxy", &proxy),
            // A machine without CA certificates.
            untrusting
                .with("SSL_CERT_FILE", "no/such")
                .with("SSL_CERT_DIR", "no/such"),
            self.with("server-name-mismatch", &["--server-name", "other.example"]),
            self.with("server-not-trusted", &["--ca", &other_ca]),
            self.with("service-root-missing", &service),
        ]
    }

    /// The problems that take a server of their own. Returns the codes.
    async fn assert_found_by_servers(&self) -> Vec<&'static str> {
        let ca = Ca::root();
        let ca_file = self.files.write("server-ca.pem", &ca.certificate().pem());
        let (cert, key) = {
            let key = new_key();
            let certificate = self.files.write("of-ca.pem", &ca.device(&key).pem());
            (certificate, self.files.write("of-ca.key", &key.serialize_pem()))
        };
        let at = |port: u16, code, words: &[&str]| {
            let (host, port) = (format!("localhost:{port}"), port.to_string());
            let limit = ["--connect-timeout", "1", "--ca", &ca_file];
            let here = ["--host", &host, "--websocket-port", &port];
            let credential = ["--cert", &cert, "--key", &key];
            let mut situation = self.with(code, &[&here[..], &limit, &credential].concat());
            situation.words = replaced(&situation.words, words);
            situation
        };
        let tls = |change: fn(&mut CertificateParams)| {
            acceptor(ca.server("localhost", change), ClientCertificates::None, &BOTH_VERSIONS)
        };
        let mut codes = vec![];
        let mut assert_found = async |situation: Situation| {
            situation.assert_found().await;
            codes.push(situation.code);
        };

        let (address, _tasks) = silent_tls(tls(|params| params.not_before = date_time_ymd(4000, 1, 1))).await;
        assert_found(at(address.port(), "server-certificate-not-yet-valid", &[])).await;
        assert_found(at(address.port(), "clock-behind", &[])).await;
        let (address, _tasks) = silent_tls(tls(|params| params.not_after = date_time_ymd(1980, 1, 2))).await;
        assert_found(at(address.port(), "server-certificate-expired", &[])).await;
        let no_server = |params: &mut CertificateParams| {
            params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        };
        let (address, _tasks) = silent_tls(tls(no_server)).await;
        assert_found(at(address.port(), "server-certificate-invalid", &[])).await;
        let (address, _tasks) = silent_tls(tls(|_| {})).await;
        assert_found(at(address.port(), "data-not-answered", &[])).await;

        let two_hours_ago = httpdate::fmt_http_date(SystemTime::now() - Duration::from_secs(2 * 3600));
        let head = |status: &str, header: &str| format!("HTTP/1.1 {status}\r\n{header}\r\nContent-Length: 0\r\n\r\n");
        let (address, _tasks) = web_server(&ca, head("404 No", &format!("Date: {two_hours_ago}"))).await;
        assert_found(at(address.port(), "clock-off", &[])).await;
        // By that clock the certificate is valid.
        let in_1980 = head("404 No", "Date: Tue, 01 Jan 1980 12:00:00 GMT");
        let (address, _tasks) = web_server(&ca, in_1980).await;
        let expired = self.files.path("expired.pem");
        let own_key = self.files.path("own.key");
        assert_found(at(
            address.port(),
            "clock-ahead",
            &["--cert", &expired, "--key", &own_key],
        ))
        .await;
        let (address, _tasks) = web_server(&ca, head("302 Found", "Location: http://portal.example/")).await;
        assert_found(at(address.port(), "redirected", &[])).await;

        let (address, _tasks) = service(&ca, false).await;
        let closed = closed_port().await;
        let mqtt_only = ["--websocket-port", &closed];
        assert_found(at(address.port(), "data-cut-off", &mqtt_only)).await;
        let of_other = [&mqtt_only[..], &["--cert", &self.files.cert, "--key", &self.files.key]].concat();
        assert_found(at(address.port(), "client-certificate-rejected", &of_other)).await;

        let (address, _tasks, _) = below_a_root_of_the_service().await;
        assert_found(at(
            address.port(),
            "server-root-not-trusted",
            &["--server-name", SERVICE],
        ))
        .await;
        let middlebox = acceptor(ca.server(SERVICE, |_| {}), ClientCertificates::None, &BOTH_VERSIONS);
        let (address, _tasks) = silent_tls(middlebox).await;
        assert_found(at(address.port(), "tls-inspected", &["--server-name", SERVICE])).await;

        let old = acceptor(ca.server("localhost", |_| {}), ClientCertificates::None, &[&TLS12]);
        let (address, _tasks) = silent_tls(old).await;
        assert_found(at(address.port(), "tls-failed", &["--tls-min", "1.3"])).await;
        let (address, _tasks) = serve("127.0.0.1", |stream| answer(stream, server_hello_of_tls_1_2())).await;
        assert_found(at(address.port(), "tls-incompatible", &["--tls-min", "1.3"])).await;
        let (address, _tasks) = serve("127.0.0.1", |stream| {
            answer(stream, b"HTTP/1.1 400 No\r\n\r\n".to_vec())
        })
        .await;
        assert_found(at(address.port(), "tls-not-spoken", &[])).await;
        let (address, _tasks) = serve("127.0.0.1", |stream| answer(stream, vec![])).await;
        assert_found(at(address.port(), "tls-cut-off", &[])).await;
        let (address, _tasks) = serve("127.0.0.1", async |stream| {
            let _open = stream;
            std::future::pending().await
        })
        .await;
        assert_found(at(address.port(), "tls-timed-out", &[])).await;

        let changing = self.files.write("changing.pem", &ca.certificate().pem());
        let (tls, path) = (tls(|_| {}), changing.clone());
        let (address, _tasks) = serve("127.0.0.1", move |stream| {
            let (tls, path) = (tls.clone(), path.clone());
            async move {
                let mut stream = tls.accept(stream).await.expect("TLS");
                fs::write(path, "no certificate").expect("a file");
                let _ = stream.write_all(b"\x20\x02\x00\x01").await;
            }
        })
        .await;
        assert_found(at(address.port(), "input-invalid", &["--ca", &changing])).await;
        codes
    }

    /// A resolver that does not answer: glibc's, which reads the aliases of names without dots from a pipe that nothing
    /// is written to. The test of such a DNS server takes a network of its own, and is in `external-tests`.
    fn silent_resolver(&self) -> Situation {
        let aliases = self.files.path("aliases");
        let made = Command::new("mkfifo").arg(&aliases).status().expect("mkfifo");
        assert!(made.success());
        let words = ["--host", "elsewhere", "--connect-timeout", "1"];
        self.with("resolver-silent", &words).with("HOSTALIASES", &aliases)
    }

    async fn assert_found_when_interrupted(&self) {
        let words = self.registering("cancelled", "slow").words;
        let words: Vec<_> = ["doctor", "--json"]
            .into_iter()
            .chain(words.iter().map(String::as_str))
            .collect();
        let mut running = start_dps(&words, &[]);
        running.until_stderr_has("assigning").await;
        running.signal("INT").await;
        assert_problem(&Run::of(running).await, "cancelled");
    }
}

/// The usual flags, each with its value, unless they are given, and then `words`.
fn replaced(usual: &[String], words: &[&str]) -> Vec<String> {
    let kept = usual.chunks(2).filter(|pair| !words.contains(&pair[0].as_str()));
    let words = words.iter().map(ToString::to_string);
    kept.flatten().cloned().chain(words).collect()
}

/// Reads something, and writes `bytes`.
async fn answer(mut stream: TcpStream, bytes: Vec<u8>) {
    // A client that leaves early has seen enough.
    let _ = stream.read(&mut [0; 4096]).await;
    let _ = stream.write_all(&bytes).await;
}

/// The answer of a server that chooses TLS 1.2, although it was not offered.
fn server_hello_of_tls_1_2() -> Vec<u8> {
    const CIPHER_SUITE: [u8; 2] = [0xc0, 0x2f];
    let (version, random, session_id, compression) = ([3, 3], [7; 32], [0], [0]);
    let hello = [&version[..], &random, &session_id, &CIPHER_SUITE, &compression].concat();
    let length = u8::try_from(hello.len()).expect("a short message");
    let message = [&[2, 0, 0, length][..], &hello].concat();
    [&[0x16, 3, 3, 0, length + 4][..], &message].concat()
}
