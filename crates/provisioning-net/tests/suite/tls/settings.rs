//! `Tls` itself: what it accepts and what it rejects before any connection.

use std::sync::Arc;

use provisioning_net::Tls;
use provisioning_types::{ClientCertificate, ErrorKind, InvalidInput, PrivateKey, RootSource, Secret};
use rcgen::KeyPair;
use rustls_pki_types::{PrivateKeyDer, pem::PemObject};
use test_support::tls::{Ca, new_key};

use super::device::Device;
use crate::support::roots::Roots;

#[test]
fn a_key_that_fits_its_certificate_is_fine() {
    assert!(Tls::new().check(&Ca::root().client_certificate()).is_ok());
}

#[test]
fn a_key_that_belongs_to_another_certificate_is_refused() {
    for other in [new_key().serialize_der(), der(include_str!("../../data/p384.sec1.pem"))] {
        let error = check(other).expect_err("it does not fit");
        assert_eq!(error.input(), "private key");
        assert!(error.expected().contains("belongs to the certificate"), "{error}");
    }
}

#[test]
fn a_key_of_a_later_certificate_is_an_error_of_the_certificate_that_says_which_one_comes_first() {
    let root = Ca::root();
    let (intermediate, pkcs8) = (root.intermediate(), include_str!("../../data/p256.pkcs8.pem"));
    let device = intermediate.device(&KeyPair::from_pem(pkcs8).expect("a key"));
    let above = [intermediate.certificate(), root.certificate()].map(|ca| ca.der().to_vec());
    let device = device.der().to_vec();
    for (chain, number) in [
        (vec![above[0].clone(), device.clone()], 2),
        (vec![above[1].clone(), above[0].clone(), device.clone()], 3),
        (vec![above[0].clone(), b"no certificate".to_vec(), device.clone()], 3),
    ] {
        // The second is a key that ring reads only with the public key of its certificate.
        for pem in [pkcs8, include_str!("../../data/p256.no-public.sec1.pem")] {
            let key = PrivateKey::Der(Secret::new(der(pem)));
            let error = Tls::new()
                .check(&ClientCertificate::new(chain.clone(), key))
                .expect_err("the wrong order");
            let expected = format!(
                "certificate cannot be used: expected the device's own certificate first; the private key belongs to \
                 certificate {number}: put that one first"
            );
            assert_eq!(error.to_string(), expected);
        }
    }
}

#[test]
fn a_key_that_is_none_is_refused() {
    for bytes in [&b""[..], b"no key", NO_CONTENT] {
        let error = check(bytes.to_vec()).expect_err("no key");
        assert_eq!(error.input(), "private key");
    }
}

#[tokio::test]
async fn roots_that_are_none_are_refused_before_any_connection() {
    for (certificates, expected) in [
        (vec![], "at least one"),
        (vec![NO_CONTENT.to_vec()], "X.509 certificates; number 1 is not one"),
        (
            vec![b"no certificate".to_vec()],
            "X.509 certificates; number 1 is not one",
        ),
    ] {
        for roots in [
            Roots::of_der(certificates.clone()),
            Roots::of_der(certificates).that_may_block(),
        ] {
            let good = || Roots::of(&[&Ca::root()]);
            for tls in [
                Tls::new().with_only_roots(roots.clone()),
                Tls::new().with_extra_roots(roots.clone()),
                Tls::new().with_extra_roots(roots).with_only_roots(good()),
            ] {
                is_refused(tls, expected).await;
            }
        }
    }
}

#[tokio::test]
async fn one_bad_root_among_good_ones_is_refused() {
    let good = Ca::root().certificate().der().to_vec();
    let roots = Roots::of_der(vec![good, NO_CONTENT.to_vec()]);
    is_refused(Tls::new().with_only_roots(roots), "number 2 is not one").await;
}

#[tokio::test]
async fn a_source_that_cannot_be_read_is_told_in_its_own_words() {
    #[derive(Debug)]
    struct Missing;

    impl RootSource for Missing {
        fn load(&self) -> Result<Arc<[Vec<u8>]>, InvalidInput> {
            Err(InvalidInput::new("CA certificates", "a file").found_in("ca.pem"))
        }
    }

    let tls = Tls::new().with_only_roots(Missing);
    let error = tls.check_roots().expect_err("no file");
    assert_eq!(error.input(), "CA certificates in ca.pem");
    assert_eq!(refusal(tls).await, error);
}

#[test]
fn good_roots_are_fine() {
    let ca = Ca::root();
    let roots = || Roots::of(&[&ca]);
    for tls in [
        Tls::new().with_only_roots(roots()),
        Tls::new().with_extra_roots(roots()),
        Tls::new().with_only_roots(roots()).with_extra_roots(roots()),
    ] {
        assert_eq!(tls.check_roots(), Ok(()));
    }
}

/// A DER structure that begins as keys and certificates do.
const NO_CONTENT: &[u8] = &[0x30, 3, 2, 1, 0];

/// Both the check and a connection refuse the roots.
async fn is_refused(tls: Tls, expected: &str) {
    let error = tls.check_roots().expect_err(expected);
    assert_eq!(error.input(), "CA certificates");
    assert!(error.expected().contains(expected), "{error}");
    assert_eq!(refusal(tls).await, error);
}

/// What a connection fails with, before it is made.
async fn refusal(tls: Tls) -> InvalidInput {
    let device = Device::new(tls, None);
    let error = device.connect().error().await;
    assert_eq!(error.kind(), ErrorKind::Input);
    assert!(device.made_no_connection().await);
    error.invalid_input().expect("an input").clone()
}

fn der(pem: &str) -> Vec<u8> {
    let key = PrivateKeyDer::from_pem_slice(pem.as_bytes()).expect("a key");
    key.secret_der().to_vec()
}

/// Checks a certificate with this key.
fn check(key: Vec<u8>) -> Result<(), InvalidInput> {
    let certificate = Ca::root().device(&new_key());
    let chain = vec![certificate.der().to_vec()];
    Tls::new().check(&ClientCertificate::new(chain, PrivateKey::Der(Secret::new(key))))
}
