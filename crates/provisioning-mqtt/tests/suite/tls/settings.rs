//! `Tls` itself: what it takes and what it refuses before any connection.

use provisioning_mqtt::Tls;
use provisioning_types::{InvalidInput, X509Credential};

use crate::support::certificates::{Ca, new_key};

#[test]
fn a_key_that_fits_its_certificate_is_fine() {
    assert!(Tls::new().check(&Ca::root().credential()).is_ok());
}

#[test]
fn a_key_that_belongs_to_another_certificate_is_refused() {
    let p384 = include_str!("../../data/p384.sec1.pem");
    for other in [new_key().serialize_pem(), p384.to_owned()] {
        let error = check(&other).expect_err("it does not fit");
        assert_eq!(error.input(), "private key");
        assert!(error.expected().contains("belongs to the certificate"), "{error}");
    }
}

#[test]
fn a_key_that_tls_cannot_use_is_refused() {
    let error = check(include_str!("../../data/secp256k1.pkcs8.pem")).expect_err("not that curve");
    assert_eq!(error.input(), "private key");
    assert!(error.expected().contains("EC P-256"), "{error}");
}

#[test]
fn a_key_that_is_none_is_refused() {
    // The PEM says that it is one, and so does its first byte.
    let pem = "-----BEGIN PRIVATE KEY-----\nMAMCAQA=\n-----END PRIVATE KEY-----\n";
    let error = check(pem).expect_err("no key");
    assert_eq!(error.input(), "private key");
}

#[test]
fn roots_that_are_none_are_refused() {
    let key = new_key().serialize_pem();
    for (pem, expected) in [
        ("", "at least one"),
        ("no PEM", "at least one"),
        (key.as_str(), "at least one"),
        (
            "-----BEGIN CERTIFICATE-----\nMAMCAQA=\n-----END CERTIFICATE-----\n",
            "X.509",
        ),
        (
            "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n",
            "well-formed PEM",
        ),
        ("-----BEGIN CERTIFICATE-----\nMAMCAQA=\n", "well-formed PEM"),
    ] {
        let error = Tls::new().with_only_roots_pem(pem.as_bytes()).expect_err(expected);
        assert_eq!(error.input(), "CA certificates");
        assert!(error.expected().contains(expected), "{error}");
    }
}

#[test]
fn one_bad_root_among_good_ones_is_refused() {
    let pem = format!(
        "{}-----BEGIN CERTIFICATE-----\nMAMCAQA=\n-----END CERTIFICATE-----\n",
        Ca::root().certificate().pem()
    );
    assert!(Tls::new().with_only_roots_pem(pem.as_bytes()).is_err());
}

/// Checks a certificate with this key.
fn check(key: &str) -> Result<(), InvalidInput> {
    let certificate = Ca::root().device(&new_key()).pem();
    let x509 = X509Credential::from_pem(certificate.as_bytes(), key.as_bytes())?;
    Tls::new().check(&x509)
}
