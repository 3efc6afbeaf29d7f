//! Certificates, CAs and keys in the forms in which people have them: what is read, and what is said of the rest.
//!
//! `tests/data/forms` was made with OpenSSL 3 and `ssh-keygen`: a certificate of a CA, and its key in each format.

use std::{fs, path::Path};

use base64::{Engine, engine::general_purpose::STANDARD};
use provisioning_emulator::{Config, Emulator, Enrollment, Folder};
use serde_json::json;

use crate::support::{builder, in_memory};

macro_rules! data {
    ($file:literal) => {
        include_bytes!(concat!("../data/forms/", $file)).as_slice()
    };
}

const CERTIFICATE: &[u8] = data!("device.pem");
const KEY: &[u8] = data!("pkcs8.key");
const SYMMETRIC: &str = "8isrFI1sGsIlvvFSSFRiMfCNzv21fjbE+/ah/lSh3lF8e2YG1Te7w1KpZhJFFXJrqYKi9yegxkqIChbqOS9Egw==";

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("text")
}

fn shown(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
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

fn certificate_forms() -> Vec<Vec<u8>> {
    let der = data!("device.der");
    let x509 = text(CERTIFICATE).replace("CERTIFICATE", "X509 CERTIFICATE");
    let mut forms = variants(CERTIFICATE);
    forms.extend([
        der.to_vec(),
        [der, b"\n"].concat(),
        [der, b"\r\n"].concat(),
        x509.into_bytes(),
        data!("trusted.pem").to_vec(),
        [KEY, CERTIFICATE].concat(),
        [CERTIFICATE, KEY].concat(),
        [data!("request.pem"), CERTIFICATE, data!("parameters.pem")].concat(),
        STANDARD.encode(der).into_bytes(),
        STANDARD.encode(CERTIFICATE).into_bytes(),
    ]);
    forms
}

fn key_forms() -> Vec<Vec<u8>> {
    let der = data!("pkcs8.der");
    let mut forms = variants(KEY);
    forms.extend([
        der.to_vec(),
        [der, b"\n"].concat(),
        [CERTIFICATE, KEY].concat(),
        [KEY, CERTIFICATE].concat(),
        [data!("parameters.pem"), KEY].concat(),
        data!("sec1.der").to_vec(),
        data!("sec1-without-public.key").to_vec(),
        data!("sec1-compressed.key").to_vec(),
        data!("pkcs8-without-public.key").to_vec(),
        data!("pkcs8-compressed.key").to_vec(),
    ]);
    forms
}

/// Starts an emulator with these files in its folder.
fn start(files: &[(&str, &[u8])]) -> Result<Emulator, String> {
    let dir = tempfile::tempdir().expect("a folder");
    for (name, contents) in files {
        fs::write(dir.path().join(name), contents).expect("a file");
    }
    let equipped = Folder::new(dir.path()).equip(builder());
    let equipped = equipped.map_err(|error| error.to_string())?;
    Ok(equipped.start_in_memory().expect("an emulator"))
}

#[test]
fn the_ca_in_the_folder_is_read_in_every_form() {
    for form in certificate_forms() {
        let emulator =
            start(&[("ca.pem", &form), ("ca.key", KEY)]).unwrap_or_else(|error| panic!("{error}: {}", shown(&form)));
        assert_eq!(emulator.ca_pem(), text(CERTIFICATE), "{}", shown(&form));
    }
}

#[test]
fn the_key_of_the_ca_is_read_in_every_form_and_signs() {
    for form in key_forms() {
        let emulator = start(&[("ca.pem", CERTIFICATE), ("ca.key", &form)]);
        let emulator = emulator.unwrap_or_else(|error| panic!("{error}: {}", shown(&form)));
        emulator.issue_device("d").expect("a certificate");
    }
    for form in [data!("pkcs1.key"), data!("pkcs1.der")] {
        start(&[("ca.pem", data!("rsa.pem")), ("ca.key", form)]).unwrap_or_else(|error| panic!("{error}"));
    }
}

#[test]
fn a_certificate_and_its_key_may_be_in_one_file() {
    let both = [KEY, CERTIFICATE].concat();
    let emulator = start(&[("ca.pem", &both)]).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(emulator.ca_pem(), text(CERTIFICATE));
}

#[test]
fn certificates_of_the_builder_the_configuration_and_webhooks_are_read_in_every_form() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("emulator.toml");
    for form in certificate_forms() {
        let failed = |error: String| -> Emulator { panic!("{error}: {}", shown(&form)) };
        let enrolled = in_memory().enroll(Enrollment::individual("d").certificate(&form));
        enrolled.unwrap_or_else(|error| panic!("{error}: {}", shown(&form)));
        let webhook = builder().webhook_ca(&form).start_in_memory();
        webhook.unwrap_or_else(|error| failed(error.to_string()));

        fs::write(dir.path().join("device.cer"), &form).expect("a file");
        let config = Config::load(toml(&path, "file:device.cer"));
        let config = config.unwrap_or_else(|error| panic!("{error}: {}", shown(&form)));
        let emulator = builder().config(&config).start_in_memory();
        emulator.unwrap_or_else(|error| failed(error.to_string()));
        if let Ok(form) = std::str::from_utf8(&form) {
            let config = Config::load(toml(&path, form)).unwrap_or_else(|error| panic!("{error}: {form}"));
            builder().config(&config).start_in_memory().expect("an emulator");
        }
    }
}

/// Writes a configuration with this certificate.
fn toml<'a>(path: &'a Path, certificate: &str) -> &'a Path {
    let certificate = json!(certificate);
    let toml = format!(
        "[[enrollments]]\nregistrationId = \"d\"\n[enrollments.attestation]\ntype = \"x509\"\n\
         x509.clientCertificates.primary.certificate = {certificate}\n"
    );
    fs::write(path, format!("\u{feff}{toml}")).expect("a file");
    path
}

#[tokio::test(start_paused = true)]
async fn certificates_and_keys_of_rest_bodies_are_read_in_every_form() {
    let emulator = in_memory();
    for form in certificate_forms() {
        let Ok(form) = std::str::from_utf8(&form) else { continue };
        let body = json!({"registrationId": "d", "attestation": {"type": "x509", "x509": {
            "clientCertificates": {"primary": {"certificate": form}},
        }}});
        let emulator = in_memory();
        let answer = crate::control::put(&emulator, "/enrollments/d", &body).await;
        assert_eq!(answer.status, 200, "{answer:?}: {form}");
    }
    let wrapped = format!("\u{feff}{}\r\n  {}\t\n", &SYMMETRIC[..40], &SYMMETRIC[40..]);
    let body = json!({"registrationId": "k", "attestation": {"type": "symmetricKey", "symmetricKey": {
        "primaryKey": wrapped, "secondaryKey": "a2V5\n",
    }}});
    let answer = crate::control::put(&emulator, "/enrollments/k", &body).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(emulator.device_key("k").as_deref(), Some(SYMMETRIC));
}

#[test]
fn symmetric_keys_are_read_from_files_that_the_configuration_names() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("emulator.toml");
    let toml = "[[enrollments]]\nregistrationId = \"k\"\n[enrollments.attestation]\ntype = \"symmetricKey\"\n\
                symmetricKey.primaryKey = \"file:k.key\"\n";
    let key = dir.path().join("k.key");
    fs::write(
        &key,
        format!("\u{feff}{}\r\n{}\r\n", &SYMMETRIC[..64], &SYMMETRIC[64..]),
    )
    .expect("a file");
    let config = Config::parse(toml, &path).unwrap_or_else(|error| panic!("{error}"));
    let emulator = builder().config(&config).start_in_memory().expect("an emulator");
    assert_eq!(emulator.device_key("k").as_deref(), Some(SYMMETRIC));

    fs::write(&key, format!("\"{SYMMETRIC}\"")).expect("a file");
    let error = Config::parse(toml, &path).expect_err("quotes").to_string();
    assert!(
        error.contains("emulator.toml:5: registrationId k: attestation.symmetricKey.primaryKey: "),
        "{error}"
    );
    assert!(error.contains("k.key cannot be used"), "{error}");
    assert_explained(&error, "expected base64", "text in quotes", "remove");
}

#[test]
fn a_file_that_the_configuration_names_and_a_configuration_in_utf_16_are_explained() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("emulator.toml");
    fs::write(dir.path().join("d.pem"), "<html></html>").expect("a file");
    let error = Config::load(toml(&path, "file:d.pem")).expect_err("HTML").to_string();
    assert!(
        error.contains("emulator.toml:5: ") && error.contains("d.pem cannot be used"),
        "{error}"
    );
    assert_explained(&error, "expected a certificate", "an HTML page", "download");

    let utf16: Vec<u8> = "\u{feff}hubs = []".encode_utf16().flat_map(u16::to_le_bytes).collect();
    fs::write(&path, utf16).expect("a file");
    let error = Config::load(&path).expect_err("UTF-16").to_string();
    assert_explained(&error, "expected text in UTF-8", "UTF-16 text", "iconv");
}

/// What is given instead of a certificate or a key, what it is, and what to do.
fn instead() -> Vec<(Vec<u8>, &'static str, [&'static str; 2])> {
    let key = text(KEY);
    let utf16: Vec<u8> = key.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let escaped = |pem: &[u8]| text(pem).trim_end().replace('\n', "\\n").into_bytes();
    let both = |bytes: &[u8], is, remedy| (bytes.to_vec(), is, [remedy, remedy]);
    vec![
        both(b"", "empty", "again"),
        both(b" \r\n\n", "empty", "again"),
        both(&[&[0xff, 0xfe], utf16.as_slice()].concat(), "UTF-16 text", "iconv"),
        both(&utf16, "UTF-16 text", "iconv"),
        both(&key.as_bytes()[..100], "cut off", "whole file"),
        both(&data!("pkcs8.der")[..60], "cut off", "whole file"),
        both(&data!("device.der")[..200], "cut off", "whole file"),
        both(
            STANDARD.encode(&data!("device.der")[..200]).as_bytes(),
            "cut off",
            "whole file",
        ),
        both(
            key.replace("-----", "—").as_bytes(),
            "PEM without the five dashes",
            "hyphens",
        ),
        both(
            b"<!DOCTYPE html>\n<html><title>Sign in</title>",
            "an HTML page",
            "download",
        ),
        both(b"not found\n", "neither PEM nor DER", ""),
        both(b"\x89PNG\r\n\x1a\n", "neither PEM nor DER", ""),
        both(b"{\"certificatePem\":\"nothing\"}", "JSON", "jq"),
        both(&[0xfe, 0xed, 0xfe, 0xed, 0, 0, 0, 2], "a Java key store", "keytool"),
        (
            data!("device.p12").to_vec(),
            "a PKCS#12 file",
            ["openssl pkcs12 -in FILE -nokeys", "openssl pkcs12 -in FILE -nocerts"],
        ),
        (
            data!("device.p7b").to_vec(),
            "a PKCS#7 file",
            ["-print_certs", "no key"],
        ),
        (
            data!("device-der.p7b").to_vec(),
            "a PKCS#7 file",
            ["-print_certs", "no key"],
        ),
        (
            data!("request.pem").to_vec(),
            "a certificate signing request",
            ["that a CA issued", "made with"],
        ),
        (data!("public.pem").to_vec(), "a public key", ["", "private key"]),
        (
            data!("parameters.pem").to_vec(),
            "the parameters of a key",
            ["", "contains the key"],
        ),
        (
            data!("openssh.key").to_vec(),
            "a private key in the format of OpenSSH",
            ["swapped", "ssh-keygen"],
        ),
        both(data!("openssh.key.pub"), "an OpenSSH public key", "PEM"),
        (
            data!("aes256.key").to_vec(),
            "an encrypted private key",
            ["swapped", "openssl pkey"],
        ),
        (
            data!("traditional.key").to_vec(),
            "an encrypted private key",
            ["swapped", "openssl pkey"],
        ),
        (KEY.to_vec(), "a private key", ["swapped", ""]),
        (data!("pkcs8.der").to_vec(), "a private key", ["swapped", ""]),
        (CERTIFICATE.to_vec(), "a certificate", ["", "swapped"]),
        (data!("device.der").to_vec(), "a certificate", ["", "swapped"]),
        (escaped(KEY), "PEM with the two characters \\n", ["-", "printf '%b'"]),
        (
            escaped(CERTIFICATE),
            "PEM with the two characters \\n",
            ["printf '%b'", "-"],
        ),
        (
            text(KEY).replace('M', "*").into_bytes(),
            "PEM whose contents are not base64",
            ["-", "whole file"],
        ),
    ]
}

#[test]
fn what_is_neither_a_certificate_nor_a_key_is_named_with_the_way_to_convert_it() {
    for (bytes, is, [of_certificate, of_key]) in instead() {
        let of_files = |certificate: &[u8], key: &[u8]| start(&[("ca.pem", certificate), ("ca.key", key)]);
        if of_certificate != "-" && !bytes.starts_with(CERTIFICATE) && bytes != data!("device.der") {
            let enrolled = in_memory().enroll(Enrollment::individual("d").certificate(&bytes));
            let webhook = builder().webhook_ca(&bytes).start_in_memory();
            for message in [
                of_files(&bytes, KEY).expect_err(is),
                enrolled.expect_err(is).to_string(),
                webhook.expect_err(is).to_string(),
            ] {
                assert_explained(&message, "expected a certificate", is, of_certificate);
            }
        }
        if of_key != "-" && !bytes.starts_with(KEY) && bytes != data!("pkcs8.der") {
            let message = of_files(CERTIFICATE, &bytes).expect_err(is);
            assert_explained(&message, "expected a private key", is, of_key);
        }
    }
}

#[test]
fn what_is_no_symmetric_key_is_named_with_the_way_to_convert_it() {
    let hex = "f22b2b148d6c1ac225bef15248546231f08dcefdb57e36c4fbf6a1fe54a1de51";
    let utf16: Vec<u8> = SYMMETRIC.encode_utf16().flat_map(u16::to_le_bytes).collect();
    for (key, is, remedy) in [
        (b" \r\n".to_vec(), "empty", "again"),
        (utf16, "UTF-16 text", "iconv"),
        (format!("\"{SYMMETRIC}\"").into(), "text in quotes", "remove"),
        (format!("'{SYMMETRIC}'").into(), "text in quotes", "remove"),
        (
            format!("HostName=a.azure-devices.net;DeviceId=b;SharedAccessKey={SYMMETRIC}").into(),
            "a connection string",
            "SharedAccessKey=",
        ),
        (
            format!("SharedAccessSignature sr=a&sig={SYMMETRIC}&se=1").into(),
            "a SAS token",
            "key",
        ),
        (format!("{{\"key\":\"{SYMMETRIC}\"}}").into(), "JSON", "jq"),
        (format!("-----BEGIN PRIVATE KEY-----\n{SYMMETRIC}\n").into(), "PEM", ""),
        (b"<html></html>".to_vec(), "an HTML page", "download"),
        (hex.into(), "a key in hexadecimal digits", "xxd -r -p"),
        (hex.to_uppercase().into(), "a key in hexadecimal digits", "xxd -r -p"),
        (
            SYMMETRIC.replace('+', "-").replace('/', "_").into(),
            "base64url",
            "tr --",
        ),
        (
            format!("{SYMMETRIC}\\n").into(),
            "base64 with the two characters \\n",
            "printf",
        ),
        (
            SYMMETRIC.trim_end_matches('=').into(),
            "base64 without its padding",
            "complete",
        ),
    ] {
        let mut messages = vec![start(&[("group.key", &key)]).expect_err(is)];
        if let Ok(key) = String::from_utf8(key) {
            let enrollment = Enrollment::individual("d").symmetric_keys(key, "a2V5");
            messages.push(in_memory().enroll(enrollment).expect_err(is).to_string());
        }
        for message in messages {
            assert_explained(&message, "expected base64", is, remedy);
            assert!(
                !message.contains(&SYMMETRIC[..8]) && !message.contains(&hex[..8]),
                "{message}"
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_key_in_another_member_is_not_repeated() {
    for attestation in [
        json!(SYMMETRIC),
        json!({"type": "symmetricKey", "symmetricKey": SYMMETRIC}),
        json!({"type": "x509", "x509": {"clientCertificates": text(KEY)}}),
        json!({"type": "x509", "x509": {"thumbprints": [SYMMETRIC]}}),
        json!({"type": SYMMETRIC}),
    ] {
        let body = json!({"registrationId": "d", "attestation": attestation});
        let answer = crate::control::put(&in_memory(), "/enrollments/d", &body).await;
        let toml = format!("enrollments = [{}]", inline(&body));
        let error = Config::parse(&toml, "emulator.toml")
            .expect_err("a mistake")
            .to_string();
        for message in [answer.body, error] {
            assert!(
                message.contains("expected") && message.contains("attestation"),
                "{message}"
            );
            let key = text(KEY).lines().nth(1).expect("a line");
            assert!(
                !message.contains(&SYMMETRIC[..8]) && !message.contains(&key[..8]),
                "{message}"
            );
        }
    }
}

/// JSON as an inline table of TOML.
fn inline(value: &serde_json::Value) -> String {
    match value.as_object() {
        Some(members) => {
            let members = members
                .iter()
                .map(|(name, value)| format!("{name} = {}", inline(value)));
            format!("{{ {} }}", members.collect::<Vec<_>>().join(", "))
        }
        None => value.to_string(),
    }
}

fn assert_explained(message: &str, expected: &str, is: &str, remedy: &str) {
    assert!(message.contains(expected), "{message}");
    assert!(message.contains(&format!("it is {is}")), "{is}: {message}");
    assert!(message.contains(remedy), "{remedy}: {message}");
    let secret = &text(KEY).lines().nth(1).expect("a line")[..8];
    assert!(
        !message.contains(secret) && !message.contains("Error") && !message.contains("[45, 45"),
        "{message}"
    );
}
