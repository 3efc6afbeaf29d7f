//! Certificates, keys and CAs in the forms in which people have them: what is read, and what is said of the rest.
//!
//! `tests/data/forms` was made with OpenSSL 3 and `ssh-keygen`: one key in each format, with the passphrase `correct`
//! where there is one.

use base64::{Engine, engine::general_purpose::STANDARD};
use provisioning_credentials::{TrustedRoots, X509Credential};
use provisioning_types::{InvalidInput, PrivateKey, RootSource, Secret};

macro_rules! data {
    ($file:literal) => {
        include_bytes!(concat!("../data/forms/", $file)).as_slice()
    };
}

const CERTIFICATE: &[u8] = data!("device.pem");
const KEY: &[u8] = data!("pkcs8.key");

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("text")
}

/// PEM in the ways in which text is mangled on its way to a file.
fn variants(pem: &[u8]) -> Vec<Vec<u8>> {
    let pem = text(pem);
    [
        pem.to_owned(),
        pem.trim_end().to_owned(),
        format!("\u{feff}{pem}"),
        pem.replace('\n', "\r\n"),
        pem.replace('\n', "\r"),
        pem.replace('\n', " "),
        pem.replace('\n', "   \n"),
        pem.replace('\n', "\n      "),
        format!("Bag Attributes\n    localKeyID: 01 02\nsubject=CN = device-1\n\n{pem}"),
        format!("{pem}\n-- \nsent from a phone\n"),
    ]
    .into_iter()
    .map(String::into_bytes)
    .chain([[b"friendlyName: Ger\xe4t\n", pem.as_bytes()].concat()])
    .collect()
}

fn shown(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn a_certificate_is_read_in_every_form() {
    let der = data!("device.der");
    let with_label = |label: &str| text(CERTIFICATE).replace("CERTIFICATE", label).into_bytes();
    let mut forms = variants(CERTIFICATE);
    forms.extend([
        der.to_vec(),
        [der, b"\n"].concat(),
        [der, b"\r\n"].concat(),
        with_label("X509 CERTIFICATE"),
        data!("trusted.pem").to_vec(),
        [KEY, CERTIFICATE].concat(),
        [CERTIFICATE, KEY].concat(),
        [data!("traditional.key"), CERTIFICATE].concat(),
        [data!("request.pem"), CERTIFICATE, data!("parameters.pem")].concat(),
    ]);
    for form in forms {
        let x509 = X509Credential::from_pem(&form, KEY).unwrap_or_else(|e| panic!("{e}: {}", shown(&form)));
        assert_eq!(x509.chain(), [der], "{}", shown(&form));
        assert_eq!(x509.common_name(), Some("device-1"));
        let roots = TrustedRoots::from_pem(&form).unwrap_or_else(|e| panic!("{e}: {}", shown(&form)));
        assert_eq!(*roots.load().expect("certificates"), [der]);
    }
}

#[test]
fn a_chain_keeps_its_order_in_pem_and_in_concatenated_der() {
    let (der, v1) = (data!("device.der"), data!("v1.pem"));
    let roots = TrustedRoots::from_pem(v1).expect("a certificate");
    let v1_der = roots.load().expect("a certificate")[0].clone();
    for chain in [
        [CERTIFICATE, v1, b"".as_slice()].concat(),
        [der, v1_der.as_slice(), b"\n".as_slice()].concat(),
    ] {
        let x509 = X509Credential::from_pem(&chain, KEY).expect("a chain");
        assert_eq!(x509.chain(), [der, v1_der.as_slice()]);
    }
}

#[test]
fn a_private_key_is_read_in_every_form() {
    let der = data!("pkcs8.der");
    let mut forms = variants(KEY);
    forms.extend([
        der.to_vec(),
        [der, b"\n"].concat(),
        [CERTIFICATE, KEY].concat(),
        [KEY, CERTIFICATE].concat(),
        [data!("parameters.pem"), KEY].concat(),
    ]);
    for form in forms {
        let x509 = X509Credential::from_pem(CERTIFICATE, &form).unwrap_or_else(|e| panic!("{e}: {}", shown(&form)));
        assert_eq!(
            *x509.key(),
            PrivateKey::Der(Secret::new(der.to_vec())),
            "{}",
            shown(&form)
        );
    }
}

#[test]
fn an_ec_key_without_an_uncompressed_public_key_is_taken_as_it_is() {
    for key in [
        data!("sec1-without-public.key"),
        data!("sec1-compressed.key"),
        data!("pkcs8-without-public.key"),
        data!("pkcs8-compressed.key"),
    ] {
        // The TLS connector takes the public key from the certificate.
        assert!(X509Credential::from_pem(CERTIFICATE, key).is_ok(), "{}", text(key));
    }
}

#[test]
fn an_encrypted_key_is_read_with_its_passphrase_and_a_plain_key_needs_none() {
    let open = |key: &[u8], passphrase: &str| {
        X509Credential::from_encrypted_pem(CERTIFICATE, key, &Secret::new(passphrase.into()))
    };
    let der = PrivateKey::Der(Secret::new(data!("pkcs8.der").to_vec()));
    for key in [data!("aes256.key"), data!("scrypt.key"), data!("sha1-3des.key")] {
        for form in [key.to_vec(), [CERTIFICATE, key].concat(), [key, CERTIFICATE].concat()] {
            let x509 = open(&form, "correct").unwrap_or_else(|e| panic!("{e}: {}", shown(&form)));
            assert_eq!(*x509.key(), der);
        }
        for passphrase in ["wrong", "", "correct\n"] {
            let error = open(key, passphrase).expect_err("another passphrase").to_string();
            assert!(error.contains("expected a key that the passphrase decrypts"), "{error}");
        }
        let error = X509Credential::from_pem(CERTIFICATE, key)
            .expect_err("no passphrase")
            .to_string();
        assert!(
            error.contains("it is an encrypted private key, expected its passphrase"),
            "{error}"
        );
    }
    for form in variants(data!("aes256.key")) {
        assert_eq!(*open(&form, "correct").expect("a key").key(), der, "{}", shown(&form));
    }
    assert_eq!(*open(KEY, "correct").expect("a plain key").key(), der);
    for key in [data!("pbes1.key"), data!("traditional.key")] {
        let error = open(key, "wrong").expect_err("encrypted otherwise").to_string();
        assert!(
            error.contains("encrypted in") && error.contains("openssl pkcs8 -topk8 -v2 aes256"),
            "{error}"
        );
        assert!(!error.contains("passphrase decrypts"), "{error}");
    }
}

#[test]
fn a_chain_of_more_than_100_certificates_is_refused() {
    assert!(X509Credential::from_pem(&CERTIFICATE.repeat(100), KEY).is_ok());
    let error = X509Credential::from_pem(&CERTIFICATE.repeat(101), KEY).expect_err("too long");
    assert!(
        error.to_string().contains("a chain of 101, expected at most 100"),
        "{error}"
    );
    assert!(TrustedRoots::from_pem(&CERTIFICATE.repeat(101)).is_ok());
}

/// What is given instead of a certificate or a key, what it is, and what to do.
fn instead() -> Vec<(Vec<u8>, &'static str, [&'static str; 2])> {
    let key = text(KEY);
    let utf16: Vec<u8> = key.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let base64_of_der = |der: &[u8]| STANDARD.encode(der).into_bytes();
    let case = |bytes: &[u8], is: &'static str, of_certificate: &'static str, of_key: &'static str| {
        (bytes.to_vec(), is, [of_certificate, of_key])
    };
    vec![
        case(b"", "empty", "again", "again"),
        case(b" \r\n\n", "empty", "again", "again"),
        case(
            &[&[0xff, 0xfe], utf16.as_slice()].concat(),
            "UTF-16 text",
            "iconv",
            "iconv",
        ),
        case(&utf16, "UTF-16 text", "iconv", "iconv"),
        case(&key.as_bytes()[..100], "cut off", "whole file", "whole file"),
        case(&data!("pkcs8.der")[..60], "cut off", "whole file", "whole file"),
        case(&data!("device.der")[..200], "cut off", "whole file", "whole file"),
        case(
            key.replace("-----", "—").as_bytes(),
            "PEM without the five dashes",
            "hyphens",
            "hyphens",
        ),
        case(
            b"<!DOCTYPE html>\n<html><title>Sign in</title>",
            "an HTML page",
            "download",
            "download",
        ),
        case(b"not found\n", "text without a PEM block", "", ""),
        case(b"\x89PNG\r\n\x1a\n", "neither PEM nor DER", "", ""),
        case(data!("device.p12"), "a PKCS#12 file", "-nokeys", "-nocerts"),
        case(
            &base64_of_der(data!("device.p12")),
            "a PKCS#12 file in base64",
            "-nokeys",
            "-nocerts",
        ),
        case(data!("device.p7b"), "a PKCS#7 file", "-print_certs", "no key"),
        case(data!("device-der.p7b"), "a PKCS#7 file", "-print_certs", "no key"),
        case(
            &[0xfe, 0xed, 0xfe, 0xed, 0, 0, 0, 2],
            "a Java key store",
            "keytool",
            "keytool",
        ),
        case(
            data!("request.pem"),
            "a certificate signing request",
            "that a CA issued",
            "made with",
        ),
        case(data!("public.pem"), "a public key", "", "private key"),
        case(data!("public.der"), "a public key", "", "private key"),
        case(
            data!("parameters.pem"),
            "the parameters of a key",
            "",
            "contains the key",
        ),
        case(
            data!("openssh.key"),
            "a private key in the format of OpenSSH",
            "",
            "ssh-keygen",
        ),
        case(
            data!("openssh.key.pub"),
            "an OpenSSH public key",
            "private key",
            "private key",
        ),
        case(b"pkcs11:token=a;object=b", "a PKCS#11 URI", "X509Signer", "X509Signer"),
        case(&base64_of_der(CERTIFICATE), "PEM in base64", "base64 -d", "base64 -d"),
        case(br#"{"certificatePem":"nothing"}"#, "JSON", "extract", "extract"),
    ]
}

#[test]
fn what_is_neither_a_certificate_nor_a_key_is_named_with_the_way_to_convert_it() {
    for (bytes, is, [of_certificate, of_key]) in instead() {
        let outcomes = [
            (
                X509Credential::from_pem(&bytes, KEY).map(drop),
                "certificate",
                of_certificate,
            ),
            (
                X509Credential::from_pem(CERTIFICATE, &bytes).map(drop),
                "private key",
                of_key,
            ),
            (
                TrustedRoots::from_pem(&bytes).map(drop),
                "CA certificates",
                of_certificate,
            ),
        ];
        for (outcome, input, remedy) in outcomes {
            assert_explained(&outcome.expect_err(is), input, is, remedy);
        }
    }
}

#[test]
fn a_certificate_and_a_key_in_each_others_place_or_without_pem_are_named() {
    let escaped = |pem: &[u8]| text(pem).trim_end().replace('\n', "\\n").into_bytes();
    let base64 = |pem: &[u8]| {
        let lines = text(pem).lines().filter(|line| !line.starts_with('-'));
        lines.collect::<Vec<_>>().join("\n").into_bytes()
    };
    let json =
        serde_json::json!({"keyPair": [{"PrivateKey": text(KEY)}], "certificatePem": text(CERTIFICATE)}).to_string();
    let of_key = |key: &[u8]| X509Credential::from_pem(CERTIFICATE, key).expect_err("no key");
    for (key, is, remedy) in [
        (CERTIFICATE.to_vec(), "a certificate", "swapped"),
        (data!("device.der").to_vec(), "a certificate", "swapped"),
        (escaped(KEY), "PEM with the two characters \\n", "printf '%b'"),
        (base64(KEY), "a private key in base64 without the lines", "base64 -d"),
        (
            json.clone().into_bytes(),
            "JSON",
            r#"jq -r '."keyPair"[0]."PrivateKey"'"#,
        ),
        (
            text(KEY).replace('M', "*").into_bytes(),
            "PEM whose contents are not base64",
            "whole file",
        ),
    ] {
        assert_explained(&of_key(&key), "private key", is, remedy);
    }
    let of_certificate = |certificate: &[u8]| X509Credential::from_pem(certificate, KEY).expect_err("no certificate");
    for (certificate, is, remedy) in [
        (KEY.to_vec(), "a private key", "swapped"),
        (data!("pkcs8.der").to_vec(), "a private key", "swapped"),
        (data!("traditional.key").to_vec(), "a private key", "swapped"),
        (escaped(CERTIFICATE), "PEM with the two characters \\n", "printf '%b'"),
        (
            base64(CERTIFICATE),
            "a certificate in base64 without the lines",
            "base64 -d",
        ),
        (json.into_bytes(), "JSON", r#"jq -r '."certificatePem"'"#),
    ] {
        assert_explained(&of_certificate(&certificate), "certificate", is, remedy);
    }
}

fn assert_explained(error: &InvalidInput, input: &str, is: &str, remedy: &str) {
    let message = error.to_string();
    assert_eq!(error.input(), input, "{message}");
    assert!(
        error.found().is_some_and(|found| found.starts_with(is)),
        "{is}: {message}"
    );
    assert!(
        error.remedy().unwrap_or_default().contains(remedy),
        "{remedy}: {message}"
    );
    let secret = &text(KEY).lines().nth(1).expect("a line")[..8];
    assert!(!message.contains(secret) && !message.contains("[45, 45"), "{message}");
}
