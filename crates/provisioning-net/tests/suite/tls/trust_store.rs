//! The platform's trust store: without CA certificates, as in a minimal container, and with others than before.

use std::{
    env, fs,
    process::{Command, Output},
    time::Duration,
};

use provisioning_net::Tls;
use provisioning_types::{ErrorKind, Phase};
use test_support::tls::{BOTH_VERSIONS, Ca};

use super::{device::Device, server::Server};
use crate::support::{exchange, roots::Roots, words::message};

/// Marks the process that runs a test again.
const MARK: &str = "TEST_WITH_A_TRUST_STORE_OF_ITS_OWN";

/// Runs the test of this name again, in a process whose variables lead to another trust store. `None` in that process.
fn again_with_trust_store(test: &str, variables: &[(&str, &str)]) -> Option<Output> {
    if env::var_os(MARK).is_some() {
        return None;
    }
    let mut command = Command::new(env::current_exe().expect("a path"));
    command
        .args(["--exact", &format!("tls::trust_store::{test}"), "--nocapture"])
        .env_remove("SSL_CERT_FILE")
        .env_remove("SSL_CERT_DIR")
        .env(MARK, "")
        .envs(variables.iter().copied());
    Some(command.output().expect("it runs"))
}

#[tokio::test(start_paused = true)]
async fn without_ca_certificates_a_connection_fails_on_this_machine_before_it_is_made() {
    let test = "without_ca_certificates_a_connection_fails_on_this_machine_before_it_is_made";
    let directory = tempfile::tempdir().expect("a directory");
    let empty = directory.path().to_str().expect("text");
    for variables in [
        &[("SSL_CERT_FILE", "/nonexistent")][..],
        &[("SSL_CERT_DIR", empty)],
        &[("SSL_CERT_FILE", "/dev/null"), ("SSL_CERT_DIR", "/nonexistent")],
    ] {
        if let Some(output) = again_with_trust_store(test, variables) {
            assert!(output.status.success(), "{variables:?}: {output:?}");
            continue;
        }
        let device = Device::new(Tls::new(), None);
        let error = device.connect().error().await;
        assert_eq!((error.kind(), error.phase()), (ErrorKind::Local, Some(Phase::Connect)));
        assert!(!error.is_retryable(), "{error:?}");
        let message = message(&error);
        assert!(
            message.starts_with("this machine has no CA certificates at the path in SSL_CERT_"),
            "{message}"
        );
        for words in ["ca-certificates (Debian, Alpine, Fedora)", "--ca", "with_ca_pem"] {
            assert!(error.hint().contains(words), "{error:?}");
        }
        assert!(device.made_no_connection().await);
    }
}

#[tokio::test(start_paused = true)]
async fn given_ca_certificates_are_enough_on_a_machine_without_any() {
    let test = "given_ca_certificates_are_enough_on_a_machine_without_any";
    if let Some(output) = again_with_trust_store(test, &[("SSL_CERT_FILE", "/nonexistent")]) {
        assert!(output.status.success(), "{output:?}");
        return;
    }
    let server = Server::new(BOTH_VERSIONS[1]);
    let roots = || Roots::of(&[&server.ca, &Ca::root()]);
    for tls in [
        Tls::new().with_only_roots(roots()),
        Tls::new().with_extra_roots(roots()),
    ] {
        let device = Device::new(tls, server.ca.client_certificate());
        let call = device.connect();
        let mut stream = server.accept(&device).await;
        exchange(&mut call.success().await, &mut stream).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_changed_trust_store_is_used_from_a_second_later_on() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("ca.pem");
    let file = file.to_str().expect("text");
    let test = "a_changed_trust_store_is_used_from_a_second_later_on";
    if let Some(output) = again_with_trust_store(test, &[("SSL_CERT_FILE", file)]) {
        assert!(output.status.success(), "{output:?}");
        return;
    }
    let file = env::var_os("SSL_CERT_FILE").expect("a path");
    let (old, new) = (Server::new(BOTH_VERSIONS[1]), Server::new(BOTH_VERSIONS[1]));
    fs::write(&file, old.ca.certificate().pem()).expect("written");
    let device_of = |server: &Server| Device::new(Tls::new(), server.ca.client_certificate());
    let (device_of_old, device_of_new) = (device_of(&old), device_of(&new));
    for (trusted, stranger) in [
        ((&old, &device_of_old), (&new, &device_of_new)),
        ((&new, &device_of_new), (&old, &device_of_old)),
    ] {
        let (server, device) = trusted;
        let call = device.connect();
        let mut stream = server.accept(device).await;
        exchange(&mut call.success().await, &mut stream).await;
        let (server, device) = stranger;
        let call = device.connect();
        assert!(server.acceptor.accept(device.stream().await).await.is_err());
        assert_eq!(call.error().await.kind(), ErrorKind::Tls);
        fs::write(&file, new.ca.certificate().pem()).expect("written");
        tokio::time::advance(Duration::from_secs(1)).await;
    }
}
