//! A machine that gives no further thread, or no further socket: an error of kind `local`, and no panic. Each runs in a
//! process of its own, which is this test again.

#[cfg(target_os = "linux")]
use std::fs;
use std::{env, process::Command, sync::Arc};

use async_trait::async_trait;
#[cfg(target_os = "linux")]
use provisioning_device::{Assignment, SymmetricSigner};
use provisioning_device::{
    Builder, Credential, CredentialError, ErrorKind, ProvisioningDeviceClient, RegisterError, SignatureScheme,
    SymmetricKey, Transport, X509Credential, X509Signer, symmetric_key_from_file,
};
use test_support::{Files, tls::Ca};

/// Says to a test that it is in the process that it is for.
const IN_CHILD: &str = "PROVISIONING_TEST_CHILD";

/// Runs the test `name`, which calls this, again in a process with a variable; there, calls `test`.
fn in_child(name: &str, (variable, value): (&str, &str), test: fn()) {
    if env::var_os(IN_CHILD).is_some() {
        return test();
    }
    let (_, module) = module_path!().split_once("::").expect("a module of the suite");
    let name = format!("{module}::{name}");
    let output = Command::new(env::current_exe().expect("this test's path"))
        .args(["--exact", &name, "--nocapture", "--test-threads=1"])
        .env(IN_CHILD, "1")
        .env(variable, value)
        .output()
        .expect("it starts");
    let shown = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    assert!(output.status.success(), "{}{}", shown[0], shown[1]);
    assert!(shown[0].contains("1 passed"), "{}", shown[0]);
}

fn builder(credential: impl Into<Credential>, host: &str) -> Builder {
    ProvisioningDeviceClient::builder("0ne1", credential, Transport::Mqtt)
        .with_registration_id("device-1")
        .with_host(host)
        .with_ca_pem(Ca::root().certificate().pem())
}

fn key() -> SymmetricKey {
    SymmetricKey::from_base64("a2V5").expect("a key")
}

fn is_local(what: &str, outcome: Result<impl std::fmt::Debug, RegisterError>) {
    let error = outcome.expect_err(what);
    assert_eq!(error.kind(), ErrorKind::Local, "{what}: {error:?}");
    assert!(error.is_retryable(), "{what}");
    assert!(error.hint().contains("limit"), "{what}: {}", error.hint());
}

/// Never asked.
struct Unused;

#[async_trait]
impl X509Signer for Unused {
    fn schemes(&self) -> &[SignatureScheme] {
        &[SignatureScheme::EcdsaP256Sha256]
    }

    async fn sign(&self, _: SignatureScheme, _: &[u8]) -> Result<Vec<u8>, CredentialError> {
        Err(CredentialError::unavailable("it is asked"))
    }
}

#[test]
fn a_machine_without_a_further_thread_is_an_error_of_kind_local() {
    // Larger than what can be mapped.
    in_child(
        "a_machine_without_a_further_thread_is_an_error_of_kind_local",
        ("RUST_MIN_STACK", "1152921504606846976"),
        registers_without_threads,
    );
}

fn registers_without_threads() {
    assert!(std::thread::Builder::new().spawn(|| {}).is_err(), "there are threads");
    let files = Files::new();
    let file = files.write("key", "a2V5");
    let x509 = X509Credential::from_pem_with_signer(Ca::root().certificate().pem().as_bytes(), Arc::new(Unused));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a runtime");
    for (what, credential) in [
        ("a file", symmetric_key_from_file(file).expect("a key")),
        ("a signer", x509.expect("a credential").into()),
    ] {
        let client = builder(credential, "127.0.0.1:1").build().expect("valid");
        is_local(what, runtime.block_on(client.register()));
    }
    let client = builder(key(), "127.0.0.1:1").build().expect("valid");
    is_local("a blocking call", client.register_blocking());
    let cancelled = client.cancel_blocking().expect_err("no thread");
    assert_eq!(cancelled.kind(), ErrorKind::Local);
}

#[cfg(target_os = "linux")]
#[test]
fn where_there_is_one_thread_calls_take_turns_with_it_and_a_hanging_one_is_an_error_for_others() {
    in_child(
        "where_there_is_one_thread_calls_take_turns_with_it_and_a_hanging_one_is_an_error_for_others",
        ("RUST_BACKTRACE", "0"),
        registers_with_one_thread,
    );
}

/// Blocks its thread for this long.
#[cfg(target_os = "linux")]
struct Blocking(std::time::Duration);

#[cfg(target_os = "linux")]
#[async_trait]
impl SymmetricSigner for Blocking {
    async fn sign(&self, _: &[u8]) -> Result<Vec<u8>, CredentialError> {
        std::thread::park_timeout(self.0);
        Ok(vec![0; 32])
    }
}

#[cfg(target_os = "linux")]
fn registers_with_one_thread() {
    use std::time::Duration;

    use rustix::process::{Resource, Rlimit, setrlimit};

    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a runtime");
    let client = |millis| {
        let signer = Arc::new(Blocking(Duration::from_millis(millis)));
        let builder = builder(Credential::SymmetricKey(signer), "127.0.0.1:1");
        builder.build().expect("valid")
    };
    let [first, second, hanging, other] = [0, 100, 60_000, 0].map(client);
    // The port is closed: the credential was there.
    let is_not_reached = |outcome: Result<Assignment, RegisterError>| {
        let error = outcome.expect_err("a closed port");
        assert_eq!(error.kind(), ErrorKind::Connect, "{error:?}");
    };
    is_not_reached(runtime.block_on(first.register()));
    // There is one thread now. Another one's stack would take 2 MiB.
    let status = fs::read_to_string("/proc/self/status").expect("readable");
    let size = status
        .lines()
        .find_map(|line| line.strip_prefix("VmSize:")?.strip_suffix("kB"));
    let size: u64 = size.and_then(|size| size.trim().parse().ok()).expect("a number");
    let limit = Rlimit {
        current: Some((size + 1024) * 1024),
        maximum: None,
    };
    setrlimit(Resource::As, limit).expect("a lower limit");
    assert!(std::thread::Builder::new().spawn(|| {}).is_err(), "there are threads");
    runtime.block_on(async {
        let (one, another) = tokio::join!(second.register(), first.register());
        is_not_reached(one);
        is_not_reached(another);
        tokio::select! {
            biased;
            _ = hanging.register() => panic!("it hangs"),
            outcome = other.register() => is_local("a thread that hangs", outcome),
        }
    });
}

#[test]
fn a_machine_without_a_further_socket_is_an_error_of_kind_local() {
    in_child(
        "a_machine_without_a_further_socket_is_an_error_of_kind_local",
        ("RUST_BACKTRACE", "0"),
        registers_without_sockets,
    );
}

fn registers_without_sockets() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a runtime");
    let clients = ["127.0.0.1:1", "localhost:1", "provisioning.example:1"]
        .map(|host| (host, builder(key(), host).build().expect("valid")));
    let none = Rlimit {
        current: Some(0),
        maximum: getrlimit(Resource::Nofile).maximum,
    };
    setrlimit(Resource::Nofile, none).expect("a lower limit");
    for (host, client) in &clients {
        is_local(host, runtime.block_on(client.register()));
    }
    is_local("a blocking call", clients[0].1.register_blocking());
}
