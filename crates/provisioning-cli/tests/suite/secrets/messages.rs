//! No message repeats a secret, whatever it was given as and wherever.

use base64::{Engine, engine::general_purpose::STANDARD};
use rcgen::KeyPair;
use test_support::{Files, INPUT_VARIABLES};

use super::{
    cases::scalar,
    search::{Search, Secret},
};
use crate::support::{Run, dps_with};

/// Flags that take the name of a file.
const FILES: [&str; 9] = [
    "--cert",
    "--key",
    "--key-passphrase-file",
    "--symmetric-key-file",
    "--group-key-file",
    "--sas-token-file",
    "--ca",
    "--extra-ca",
    "--csr",
];

/// Flags that take something else.
const TEXTS: [&str; 10] = [
    "--host",
    "--server-name",
    "--id-scope",
    "--registration-id",
    "--api-version",
    "--proxy",
    "--payload",
    "--timeout",
    "--tls-min",
    "--no-such-flag",
];

/// What libraries print of their errors and values.
const DEBUG_OUTPUT: [&str; 12] = [
    "Some(",
    "None,",
    "Err(",
    "Error(",
    "Error {",
    "Os {",
    "kind:",
    "[45, 45",
    "0x2d",
    "Unexpected",
    "docs.rs",
    "panicked",
];

/// A secret in the forms in which people have it.
fn forms() -> (Vec<Secret>, Vec<(&'static str, String)>) {
    let private_key = KeyPair::generate().expect("a key");
    let der = private_key.serialize_der();
    let scalar = scalar(&der);
    let symmetric: Vec<u8> = (0..64_u8).map(|n| n.wrapping_mul(37).wrapping_add(90)).collect();
    let key = STANDARD.encode(&symmetric);
    let signature = STANDARD
        .encode(&symmetric[..32])
        .replace('+', "%2B")
        .replace('/', "%2F")
        .replace('=', "%3D");
    let pem = private_key.serialize_pem();
    let one_line = pem.replace(['\r', '\n'], " ");
    let forms = vec![
        ("PEM", pem.clone()),
        ("PEM on one line", one_line),
        (
            "PEM with escaped line breaks",
            pem.replace("\r\n", "\n").replace('\n', "\\n"),
        ),
        ("PEM in base64", STANDARD.encode(&pem)),
        ("DER in base64", STANDARD.encode(&der)),
        ("a key of 64 bytes", key.clone()),
        ("a key of 48 bytes", STANDARD.encode(&symmetric[..48])),
        ("a key of 32 bytes", STANDARD.encode(&symmetric[..32])),
        ("a key in quotes", format!("\"{key}\"")),
        (
            "a key in hexadecimal digits",
            symmetric.iter().map(|byte| format!("{byte:02x}")).collect(),
        ),
        ("a key in base64url", key.replace('+', "-").replace('/', "_")),
        (
            "a SAS token",
            format!("SharedAccessSignature sr=a%2Fregistrations%2Fb&sig={signature}&se=1900000000"),
        ),
        (
            "a connection string",
            format!("HostName=a.azure-devices.net;DeviceId=b;SharedAccessKey={key}"),
        ),
        ("JSON", format!(r#"{{"primaryKey": "{key}"}}"#)),
    ];
    let windows = |what, bytes: &[u8]| {
        bytes
            .windows(8)
            .map(|bytes| Secret::whole(what, bytes))
            .collect::<Vec<_>>()
    };
    (
        [
            windows("the private key", scalar),
            windows("the symmetric key", &symmetric),
        ]
        .concat(),
        forms,
    )
}

struct Check {
    secrets: Vec<Secret>,
    folder: Files,
}

impl Check {
    /// Runs `dps register` with these words, which cannot succeed, and looks at everything that it prints.
    async fn run(&self, what: &str, words: &[&str], variables: &[(&str, &str)]) {
        // Nothing listens there.
        let mut all = vec!["register"];
        for needed in [["--host", "127.0.0.1:1"], ["--id-scope", "0ne1"]] {
            let variable = match needed[0] {
                "--host" => "PROVISIONING_HOST",
                _ => "PROVISIONING_IDSCOPE",
            };
            if !words.contains(&needed[0]) && !variables.iter().any(|(name, _)| *name == variable) {
                all.extend(needed);
            }
        }
        all.extend(words);
        for json in [&[][..], &["--json"]] {
            let run = dps_with(&[&all, json].concat(), variables).await;
            self.look_at(what, &all, &run);
        }
    }

    fn look_at(&self, what: &str, words: &[&str], run: &Run) {
        assert_ne!(run.code, 0, "{what}: {words:?}: {run:?}");
        let search = Search::new(&self.secrets);
        for text in [&run.stdout, &run.stderr] {
            let found = search
                .find(text)
                .map(|(secret, notation)| format!("{secret:?} as {notation}"));
            assert_eq!(found, None, "{what} in {words:?}: {text}");
            assert!(
                !text.chars().any(|c| c.is_control() && c != '\n'),
                "{what} in {words:?}: {text:?}"
            );
            for debug in DEBUG_OUTPUT {
                assert!(!text.contains(debug), "{debug} of {what} in {words:?}: {text}");
            }
        }
    }
}

#[tokio::test]
async fn no_message_repeats_eight_bytes_of_a_secret_given_in_any_form_and_place() {
    let (secrets, forms) = forms();
    let check = Check {
        secrets,
        folder: Files::new(),
    };
    let path = |name: &str| check.folder.path(name);
    let issued = path("issued.pem");
    let (certificate, key) = (
        check.folder.write("device.pem", CERTIFICATE),
        check.folder.write("device.key", KEY),
    );
    for (form, secret) in &forms {
        let file = check.folder.write("secret", secret);
        for flag in FILES {
            for value in [secret, &file] {
                let mut words = vec![flag, value];
                match flag {
                    "--cert" => words.extend(["--key", &key]),
                    "--key" | "--key-passphrase-file" | "--ca" | "--extra-ca" => words.extend(["--cert", &certificate]),
                    "--csr" => words.extend(["--cert", &certificate, "--key", &key, "--issued-cert", &issued]),
                    _ => words.extend(["--registration-id", "device-1"]),
                }
                check.run(form, &words, &[]).await;
            }
        }
        for flag in TEXTS {
            // Hexadecimal digits are an id.
            if !(form.contains("hexadecimal") && flag.contains("-id")) {
                check
                    .run(form, &["--cert", &certificate, "--key", &key, flag, secret], &[])
                    .await;
            }
        }
        check
            .run(
                form,
                &[
                    "--cert",
                    &certificate,
                    "--key",
                    &key,
                    "--payload",
                    &format!("@{secret}"),
                ],
                &[],
            )
            .await;
        for variable in INPUT_VARIABLES {
            let is_id = variable.ends_with("SCOPE") || variable.ends_with("ID");
            if !(form.contains("hexadecimal") && is_id) {
                check
                    .run(
                        form,
                        &["--registration-id", "device-1"][..if is_id { 0 } else { 2 }],
                        &[(variable, secret)],
                    )
                    .await;
            }
        }
    }
}

const CERTIFICATE: &str = include_str!("../../../../provisioning-credentials/tests/data/forms/device.pem");
const KEY: &str = include_str!("../../../../provisioning-credentials/tests/data/forms/pkcs8.key");
