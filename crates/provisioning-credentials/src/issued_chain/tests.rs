//! The issued chain: what is read, and what is wrong with each chain that is refused.

use std::time::Duration;

use base64::engine::general_purpose::URL_SAFE;
use provisioning_types::PrivateKey;
use rcgen::{CertificateParams, IsCa, Issuer, KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384};
use serde_json::json;

use super::*;
use crate::testing::{Signer, named, registration};

fn params(common_name: &str) -> CertificateParams {
    let mut params = named(Some(common_name));
    params.not_before = rcgen::date_time_ymd(2024, 1, 1);
    params.not_after = rcgen::date_time_ymd(2025, 1, 1);
    params
}

/// A CA below a root, and a device's key with its request.
struct Case {
    root: Vec<u8>,
    ca: Issuer<'static, KeyPair>,
    ca_der: Vec<u8>,
    key: KeyPair,
    request: RegistrationRequest,
}

impl Case {
    fn new() -> Self {
        Self::with_key(KeyPair::generate().expect("a key"))
    }

    fn with_key(key: KeyPair) -> Self {
        let [root_key, ca_key] = [KeyPair::generate(), KeyPair::generate()].map(|key| key.expect("a key"));
        let [root, ca] = ["root", "CA"].map(|name| {
            let mut params = params(name);
            params.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
            params
        });
        let root_der = root.self_signed(&root_key).expect("a certificate").der().to_vec();
        let issuer = Issuer::new(root, root_key);
        let ca_der = ca.signed_by(&ca_key, &issuer).expect("a certificate").der().to_vec();
        let csr = params("device-1").serialize_request(&key).expect("a request");
        let csr = CertificateSigningRequest::from_der(csr.der().to_vec()).expect("a request");
        let request = registration("Device-1");
        let csr = csr.for_registration(request.registration_id()).expect("the same name");
        Self {
            root: root_der,
            ca: Issuer::new(ca, ca_key),
            ca_der,
            key,
            request: request.with_csr(csr),
        }
    }

    fn issue(&self, common_name: &str, key: &KeyPair) -> Vec<u8> {
        let certificate = params(common_name).signed_by(key, &self.ca).expect("a certificate");
        certificate.der().to_vec()
    }

    fn leaf(&self) -> Vec<u8> {
        self.issue("device-1", &self.key)
    }

    fn read(&self, state: Value, days: u64) -> Result<IssuedChain, IssuedChainError> {
        let state = RegistrationState::new(state.as_object().expect("an object").clone());
        // Days since the beginning of 2024.
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_704_067_200 + days * 86_400);
        IssuedChain::from_state(&state, &self.request, now)
    }
}

fn chain(certificates: &[&[u8]]) -> Value {
    entries(certificates.iter().map(|der| STANDARD.encode(der)).collect())
}

fn entries(entries: Value) -> Value {
    json!({"issuedCertificateChain": entries})
}

/// Base64 in lines of this length, each with this line break.
fn wrapped(bytes: &[u8], length: usize, line_break: &str) -> String {
    let text = STANDARD.encode(bytes);
    let lines = text.as_bytes().chunks(length).map(String::from_utf8_lossy);
    lines.map(|line| line.into_owned() + line_break).collect()
}

#[test]
fn a_chain_for_the_requests_key_and_name_is_read_with_and_without_its_root_whatever_the_kind_of_key() {
    let rsa = include_str!("../../../provisioning-net/tests/data/rsa2048.pkcs8.pem");
    for key in [
        KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256),
        KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384),
        KeyPair::from_pem(rsa),
    ] {
        let case = Case::with_key(key.expect("a key"));
        let certificates = [case.leaf(), case.ca_der.clone(), case.root.clone()];
        for length in 1..=3 {
            let sent: Vec<_> = certificates[..length].iter().map(Vec::as_slice).collect();
            let issued = case.read(chain(&sent), 1).expect("a chain");
            assert_eq!(issued.der(), &certificates[..length]);
            let key = case.key.serialize_pem();
            let x509 = X509Credential::from_pem(issued.pem().as_bytes(), key.as_bytes()).expect("PEM");
            assert_eq!(x509.chain(), issued.der());
        }
    }
}

#[test]
fn every_encoding_of_a_certificate_is_read() {
    let case = Case::new();
    let leaf = case.leaf();
    let pem = to_pem(&leaf);
    let crlf = pem.replace('\n', "\r\n");
    let key_block = "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n";
    let with_text = format!("subject=CN = device-1\r\n\r\n{key_block}{pem}issuer=CN = CA\n");
    for entry in [
        STANDARD.encode(&leaf),
        STANDARD.encode(&leaf) + "\n",
        wrapped(&leaf, 64, "\n"),
        wrapped(&leaf, 76, "\r\n"),
        format!(" \t{}", wrapped(&leaf, 64, " ")),
        STANDARD.encode(&pem),
        STANDARD.encode(pem.trim_end()),
        STANDARD.encode(&crlf),
        STANDARD.encode(&with_text),
        wrapped(pem.as_bytes(), 64, "\n"),
        wrapped(crlf.as_bytes(), 76, "\r\n"),
        pem,
        crlf,
        with_text,
    ] {
        let issued = case.read(entries(json!([&entry, STANDARD.encode(&case.ca_der)])), 1);
        assert_eq!(issued.expect(&entry).der(), [leaf.clone(), case.ca_der.clone()]);
    }
}

#[test]
fn an_entry_of_several_pem_certificates_counts_as_that_many_in_its_place() {
    let case = Case::new();
    let leaf = case.leaf();
    let cas = to_pem(&case.ca_der) + &to_pem(&case.root);
    let certificates = [leaf.clone(), case.ca_der.clone(), case.root.clone()];
    for state in [
        json!([STANDARD.encode(&leaf), STANDARD.encode(&cas)]),
        json!([to_pem(&leaf), cas]),
        json!([to_pem(&leaf) + &cas]),
    ] {
        assert_eq!(case.read(entries(state), 1).expect("a chain").der(), certificates);
    }
    let eleven = entries(json!([to_pem(&leaf), to_pem(&case.root).repeat(10)]));
    assert_eq!(case.read(eleven, 1), Err(IssuedChainError::TooMany(11)));
    let ten = entries(json!([to_pem(&leaf), cas.clone() + &to_pem(&case.root).repeat(7)]));
    assert_eq!(case.read(ten, 1).expect("a chain").der().len(), 10);
}

#[test]
fn a_chain_in_another_order_is_refused_with_the_place_of_the_mistake() {
    use IssuedChainError::{LeafNotFirst, OtherKey, OutOfOrder};
    let case = Case::new();
    let (leaf, ca, root) = (&*case.leaf(), &*case.ca_der, &*case.root);
    for (certificates, expected) in [
        (&[ca, leaf][..], LeafNotFirst(1)),
        (&[root, ca, leaf], LeafNotFirst(2)),
        (&[leaf, root], OutOfOrder(0)),
        (&[leaf, root, ca], OutOfOrder(0)),
        (&[leaf, leaf, ca], OutOfOrder(0)),
        (&[leaf, ca, leaf], OutOfOrder(1)),
        (&[leaf, ca, root, ca], OutOfOrder(2)),
        (&[leaf, ca, &Case::new().ca_der], OutOfOrder(1)),
        (&[ca, root], OtherKey),
    ] {
        assert_eq!(case.read(chain(certificates), 1), Err(expected));
    }
    let message = |error: IssuedChainError| error.to_string();
    assert_eq!(
        message(LeafNotFirst(1)),
        "the certificate for the request's key is certificate 1 of the issued chain, not certificate 0"
    );
    assert_eq!(
        message(OutOfOrder(0)),
        "certificate 0 of the issued chain is not followed by the certificate of its issuer"
    );
}

#[test]
fn a_chain_becomes_a_credential_with_its_key_in_pem_or_der_or_behind_a_signer() {
    let case = Case::new();
    let leaf = case.leaf();
    let chain = case.read(chain(&[&leaf, &case.ca_der]), 1).expect("a chain");
    let der = Secret::new(case.key.serialize_der());
    for key in [Secret::new(case.key.serialize_pem().into_bytes()), der.clone()] {
        let x509 = chain.clone().into_credential(&key).expect("a credential");
        assert_eq!(x509.chain(), chain.der());
        assert_eq!(*x509.key(), PrivateKey::Der(der.clone()));
    }
    let error = chain.clone().into_credential(&Secret::new(b"no key".to_vec()));
    assert_eq!(error.expect_err("no key").input(), "private key");

    let key = PrivateKey::External(Arc::new(Signer::new(case.key)));
    let PrivateKey::External(signer) = &key else {
        panic!("a signer")
    };
    let x509 = chain
        .clone()
        .into_credential_with_signer(Arc::clone(signer))
        .expect("a credential");
    assert_eq!((x509.chain(), x509.key()), (chain.der(), &key));
}

#[test]
fn each_defect_has_its_own_error() {
    use IssuedChainError::*;
    let case = Case::new();
    let leaf = case.leaf();
    let other_key = case.issue("device-1", &KeyPair::generate().expect("a key"));
    let other_name = case.issue("device-2", &case.key);
    let large = "A".repeat(4 * 16 * 1024);
    let pem = to_pem(&leaf);
    let block = |der: &[u8]| format!("{pem}{}", to_pem(der));
    let mut large_certificate = params("device-1");
    let extension = rcgen::CustomExtension::from_oid_content(&[1, 2, 3], vec![0; 16 * 1024]);
    large_certificate.custom_extensions = vec![extension];
    let large_certificate = large_certificate.signed_by(&case.key, &case.ca).expect("a certificate");
    let large_certificate = large_certificate.der().to_vec();
    let mut longer = leaf.clone();
    longer.push(0);
    let cases = [
        (json!({}), Absent),
        (entries(Value::Null), Null),
        (entries(json!([])), Empty),
        (entries(json!("MIIB")), NotAList),
        (entries(json!({"0": "MIIB"})), NotAList),
        (entries(json!(vec!["MIIB"; 11])), TooMany(11)),
        (entries(json!([large])), NotACertificate(0)),
        (entries(json!([1])), NotText(0)),
        (entries(json!([STANDARD.encode(&leaf), null])), NotText(1)),
        (entries(json!(["-----BEGIN CERTIFICATE-----"])), NotACertificate(0)),
        (entries(json!([&pem[..pem.len() - 30]])), NotACertificate(0)),
        (
            entries(json!([STANDARD.encode(&pem[..pem.len() - 30])])),
            NotACertificate(0),
        ),
        (entries(json!([pem.replacen("MII", "*II", 1)])), NotACertificate(0)),
        (entries(json!([URL_SAFE.encode([0xff; 90])])), BadEncoding(0)),
        (
            entries(json!([pem.replace("CERTIFICATE", "PUBLIC KEY")])),
            NotACertificate(0),
        ),
        (entries(json!([STANDARD.encode("no certificate")])), NotACertificate(0)),
        (
            entries(json!([STANDARD.encode(STANDARD.encode(&leaf))])),
            NotACertificate(0),
        ),
        (entries(json!([block(b"no certificate")])), NotACertificate(0)),
        (entries(json!([to_pem(&large_certificate)])), TooLarge(0)),
        (chain(&[&leaf, &large_certificate]), TooLarge(1)),
        (entries(json!([STANDARD.encode(&leaf), "*"])), BadEncoding(1)),
        (entries(json!([""])), NotACertificate(0)),
        (chain(&[&leaf, b"no certificate"]), NotACertificate(1)),
        (chain(&[&longer]), NotACertificate(0)),
        (chain(&[&other_key]), OtherKey),
        (chain(&[&case.ca_der]), OtherKey),
        (chain(&[&other_name]), OtherName("device-2".to_owned())),
    ];
    for (state, expected) in cases {
        assert_eq!(case.read(state.clone(), 1), Err(expected), "{state}");
    }
    assert_eq!(case.read(chain(&[&leaf]), 400), Err(Expired));
    let late = case.leaf();
    let now = SystemTime::UNIX_EPOCH;
    let state = RegistrationState::new(chain(&[&late]).as_object().expect("an object").clone());
    assert_eq!(IssuedChain::from_state(&state, &case.request, now), Err(NotYetValid));
    let without_csr = registration("Device-1");
    assert_eq!(IssuedChain::from_state(&state, &without_csr, now), Err(NotAskedFor));
    let unparsable = without_csr.with_csr(CsrDer::new(vec![48, 0]));
    assert_eq!(IssuedChain::from_state(&state, &unparsable, now), Err(OtherKey));
}
