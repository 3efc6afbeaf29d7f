//! Private keys that the TLS provider does not take: the error names the kind of key and says what to make instead.

use std::{fs, path::Path};

use provisioning_net::{Tls, TlsProvider};
use provisioning_types::{ClientCertificate, InvalidInput, PrivateKey, Secret};
use rustls_pki_types::{PrivateKeyDer, pem::PemObject};
use test_support::tls::{Ca, new_key};

const MAKE: &str = "make one with `openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256";

/// A file in `tests/data`, what the error calls the key, and whether aws-lc-rs takes the key.
const REFUSED_BY_RING: [(&str, &str, bool); 17] = [
    ("refused/rsa1024.pem", "an RSA key of 1024 bits;", false),
    ("refused/rsa1024.pkcs1.pem", "an RSA key of 1024 bits;", false),
    ("refused/rsa2560.pem", "an RSA key of 2560 bits;", true),
    ("refused/rsa4104.pem", "an RSA key of 4104 bits;", true),
    (
        "refused/rsa2048-exponent3.pem",
        "an RSA key of 2048 bits with a public exponent below 65537;",
        true,
    ),
    (
        "refused/rsa2048-3primes.pem",
        "an RSA key of 2048 bits with more than two primes;",
        false,
    ),
    ("refused/rsa-pss.pem", "an RSA-PSS key;", false),
    ("refused/dsa.pem", "a DSA key;", false),
    ("refused/ed448.pem", "an Ed448 key;", false),
    ("refused/x25519.pem", "an X25519 key, which cannot sign;", false),
    ("refused/x448.pem", "an X448 key, which cannot sign;", false),
    ("refused/dh.pem", "a Diffie-Hellman key, which cannot sign;", false),
    ("refused/p224.pem", "an EC P-224 key;", false),
    ("refused/p521.pem", "an EC P-521 key;", true),
    ("refused/p521.sec1.pem", "an EC P-521 key;", true),
    ("refused/secp256k1.pem", "an EC secp256k1 key;", false),
    (
        "refused/brainpoolp256r1.pem",
        "an EC (1.3.36.3.3.2.8.1.1.7) key;",
        false,
    ),
];

fn key(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name);
    let pem = fs::read(path).expect("the file is there");
    let key = PrivateKeyDer::from_pem_slice(&pem).expect("a key");
    key.secret_der().to_vec()
}

/// Checks `key` with the certificate of another key.
fn check(tls: &Tls, key: Vec<u8>) -> InvalidInput {
    let chain = vec![Ca::root().device(&new_key()).der().to_vec()];
    let certificate = ClientCertificate::new(chain, PrivateKey::Der(Secret::new(key)));
    tls.check(&certificate).expect_err("another key")
}

#[test]
fn a_key_that_the_provider_does_not_take_is_named_with_what_it_takes_and_what_to_make() {
    let (ring, aws) = (Tls::new(), Tls::with_built_in(TlsProvider::AwsLcRs));
    for (name, words, is_taken_by_aws) in REFUSED_BY_RING {
        let error = check(&ring, key(name));
        assert_eq!(error.input(), "private key", "{name}");
        for part in ["RSA key of 2048, 3072 or 4096 bits, which ring takes", words, MAKE] {
            assert!(error.expected().contains(part), "{name}: {error}");
        }
        let error = check(&aws, key(name));
        let expected = match is_taken_by_aws {
            true => "belongs to the certificate",
            false => "which aws-lc-rs takes",
        };
        assert!(error.expected().contains(expected), "{name}: {error}");
        assert_eq!(error.expected().contains(words), !is_taken_by_aws, "{name}: {error}");
    }
}

#[test]
fn a_provider_that_is_not_built_in_has_limits_that_are_not_known() {
    let tls = Tls::with_provider(rustls::crypto::ring::default_provider());
    let error = check(&tls, key("refused/rsa1024.pem"));
    let words = "a key that the TLS provider takes, not an RSA key of 1024 bits;";
    assert!(error.expected().contains(words), "{error}");
}

#[test]
fn a_key_in_a_form_that_the_provider_does_not_read_is_still_the_key_of_another_certificate() {
    for name in [
        "p256.no-public.sec1.pem",
        "p256.explicit.sec1.pem",
        "p256.compressed.sec1.pem",
    ] {
        for tls in [Tls::new(), Tls::with_provider(rustls::crypto::ring::default_provider())] {
            let error = check(&tls, key(name));
            let words = "belongs to the certificate";
            assert!(error.expected().contains(words), "{name}: {error}");
        }
    }
}

#[test]
fn a_key_that_was_cut_off_or_changed_is_no_whole_key() {
    let whole = key("p256.pkcs8.pem");
    let cut = whole[..whole.len() / 2].to_vec();
    let error = check(&Tls::new(), cut);
    assert!(error.expected().contains("a whole private key"), "{error}");
    let mut rsa = key("rsa2048.pkcs8.pem");
    *rsa.last_mut().expect("bytes") ^= 1;
    let error = check(&Tls::new(), rsa);
    let words = "an RSA key of 2048 bits whose numbers do not fit together";
    assert!(error.expected().contains(words), "{error}");
}
