//! Bad input of every kind: exit code 2, one sentence, no connection.

use std::time::Duration;

use provisioning_emulator::Emulator;
use test_support::listen;
use tokio::net::TcpListener;

use crate::{
    register::certificates::request,
    support::{Files, Run, dps, dps_with},
};

#[tokio::test]
async fn wrong_words_are_usage_errors_in_both_forms() {
    let cases: [(&[&str], &str); 8] = [
        (&["register"], "--id-scope is missing"),
        (&["register", "--id-scope", "0ne1"], "--cert is missing"),
        (&["register", "--id-scope", "0ne1", "--key", "k"], "--cert is missing"),
        (&["register", "--local", "--host", "h"], "cannot be used with"),
        (
            &["register", "--local", "--cert", "c", "--key", "k"],
            "cannot be used with",
        ),
        (&["register", "--local", "--timeout", "0"], "--timeout"),
        (&["register", "--local", "--recover", "-1"], "--recover"),
        (&["register", "--nonsense"], "--nonsense"),
    ];
    for (words, expected) in cases {
        let run = dps(words).await;
        assert_eq!((run.code, run.stdout.as_str()), (2, ""), "{words:?}: {run:?}");
        assert!(run.stderr.contains(expected), "{words:?}: {run:?}");
        let run = dps(&[words, ["--json"].as_slice()].concat()).await;
        assert_eq!((run.code, run.kind().as_str()), (2, "usage"), "{words:?}: {run:?}");
        assert!(run.message().contains(expected), "{words:?}: {run:?}");
    }
    assert_eq!(dps(&["--json"]).await.kind(), "usage");
    assert_eq!(dps(&[]).await.code, 2);
}

/// Words, their kind of error, and what its message says.
type Case<'a> = (&'a [&'a str], &'a str, &'a [&'a str]);

#[tokio::test]
async fn each_input_is_refused_with_one_sentence_that_names_it_before_any_connection() {
    let emulator = Emulator::builder().start_in_memory().expect("a CA");
    let device = emulator.issue_device("device-1").expect("a device");
    let other = emulator.issue_device("device-2").expect("another");
    let files = Files::of_identity(&emulator, &device);
    let other_key = files.write("other.key", &other.private_key_pem);
    let ca_first = files.write(
        "ca-first.pem",
        &(emulator.ca_pem().to_owned() + &device.certificate_chain_pem),
    );
    let empty = files.write("empty", "");
    let not_der = files.write("not.der", "\u{30}\u{3}abc");
    let not_json = files.write("payload.json", "{\"a\":");
    let other_csr = files.write("other.csr", &request("device-2"));
    let issued = files.write("issued.pem", "");
    let csr = |file| ["--csr", file, "--issued-cert", issued.as_str()];
    let cases: &[Case<'_>] = &[
        (
            &csr("no/such"),
            "input",
            &["certificate signing request in no/such", "a file that exists"],
        ),
        (&csr(&not_der), "input", &["certificate signing request in ", "not.der"]),
        (&csr(&empty), "input", &["certificate signing request in ", "empty"]),
        (
            &csr(&other_csr),
            "input",
            &[
                "certificate signing request",
                "other.csr",
                "device-2",
                "registration id device-1",
            ],
        ),
        (&["--csr", &other_csr], "usage", &["--issued-cert"]),
        (&["--issued-cert", &issued], "usage", &["--csr", "--new-key"]),
        (
            &["--new-key", &issued, "--issued-cert", "x"],
            "input",
            &["new key in ", "does not exist"],
        ),
        (
            &["--new-key", "no/such/key", "--issued-cert", "x"],
            "input",
            &["new key in no/such/key", "folder"],
        ),
        (
            &["--csr", &other_csr, "--new-key", "k", "--issued-cert", "x"],
            "usage",
            &["--csr", "--new-key"],
        ),
        (
            &["--csr", &other_csr, "--issued-cert", "no/such/cert"],
            "input",
            &["issued certificate in no/such/cert", "folder"],
        ),
        (
            &["--store", &not_json],
            "input",
            &["stored assignment in ", "payload.json", "dps register --store"],
        ),
        (
            &["--store", "no/such/store"],
            "input",
            &["stored assignment in no/such/store", "folder"],
        ),
        (&["--force"], "usage", &["--store"]),
        (
            &["--extra-ca", "no/such"],
            "input",
            &["extra CA certificates in no/such", "a file that exists"],
        ),
        (
            &["--extra-ca", &files.key],
            "input",
            &["extra CA certificates in ", "device.key", "at least one certificate"],
        ),
        (&["--tls-min", "1.1"], "usage", &["--tls-min", "1.2, 1.3"]),
        (&["--fallback-after", "1"], "usage", &["--fallback"]),
        (
            &["--fallback", "--fallback-after", "0"],
            "usage",
            &["--fallback-after", "seconds above 0"],
        ),
        (&["--fallback", "--websocket"], "usage", &["--websocket"]),
        (&["--websocket-port", "0"], "usage", &["--websocket-port", "1..=65535"]),
        (&["--host", "a b"], "input", &["host \"a b\"", "DNS name"]),
        (
            &["--host", "h:99999"],
            "input",
            &["host \"h:99999\"", "port from 1 to 65535"],
        ),
        (&["--server-name", "a:1"], "input", &["server name \"a:1\"", "DNS name"]),
        (
            &["--id-scope", "0ne 1"],
            "input",
            &["id scope \"0ne 1\"", "1 to 64 letters, digits or '-'"],
        ),
        (
            &["--registration-id", "a/b"],
            "input",
            &["registration id \"a/b\"", "1 to 128"],
        ),
        (&["--payload", "{"], "input", &["payload \"{\"", "JSON"]),
        (
            &["--payload", &format!("@{not_json}")],
            "input",
            &["payload in ", "payload.json", "JSON"],
        ),
        (
            &["--csr", &other_csr, "--issued-cert", &other_key],
            "input",
            &[
                "issued certificate in ",
                "other.key",
                "private key, which would be lost",
            ],
        ),
        (
            &["--payload", "@no/such"],
            "input",
            &["payload in no/such", "a file that exists"],
        ),
        (
            &["--api-version", "1&2"],
            "input",
            &["api-version \"1&2\"", "2019-03-31"],
        ),
        (
            &["--cert", "no/such"],
            "input",
            &["certificate in no/such", "a file that exists"],
        ),
        (
            &["--cert", &empty],
            "input",
            &["certificate in ", "empty", "certificate"],
        ),
        (
            &["--cert", &not_der],
            "input",
            &["certificate in ", "not.der", "certificate"],
        ),
        (
            &["--key", "no/such"],
            "input",
            &["private key in no/such", "a file that exists"],
        ),
        (
            &["--key", &empty],
            "input",
            &["private key in ", "empty", "PKCS#8, SEC1 or PKCS#1"],
        ),
        (
            &["--key", &not_der],
            "input",
            &["private key in ", "not.der", "PKCS#8, SEC1 or PKCS#1"],
        ),
        (
            &["--key", &files.cert],
            "input",
            &["private key in ", "it is a certificate", "may be swapped"],
        ),
        (
            &["--key", &other_key],
            "input",
            &["private key in ", "other.key", "belongs to the certificate"],
        ),
        (
            &["--cert", &ca_first],
            "input",
            &[
                "certificate in ",
                "ca-first.pem",
                "belongs to certificate 2: put that one first",
            ],
        ),
        (
            &["--key-passphrase-file", "no/such"],
            "input",
            &["passphrase cannot be used", "a file that exists", "not repeated here"],
        ),
        (
            &["--sas-lifetime", "0"],
            "usage",
            &["--sas-lifetime", "seconds above 0"],
        ),
        (
            &["--ca", "no/such"],
            "input",
            &["CA certificates in no/such", "a file that exists"],
        ),
        (
            &["--ca", &files.key],
            "input",
            &["CA certificates in ", "it is a private key", "at least one certificate"],
        ),
        (&["--proxy", "ftp://h"], "input", &["proxy", "http://"]),
        (
            &["--keep-alive", "1.5"],
            "usage",
            &["--keep-alive", "whole number of seconds"],
        ),
        (
            &["--keep-alive", "65536"],
            "input",
            &["keep-alive \"65536 s\"", "at most 65535 s"],
        ),
        (
            &["--user-agent-suffix", &"x".repeat(1025)],
            "input",
            &["user agent suffix", "at most 1024 bytes"],
        ),
        (&["--timeout", "0"], "usage", &["--timeout", "seconds above 0"]),
        (&["--timeout", "soon"], "usage", &["--timeout", "seconds above 0"]),
        (
            &["--operation-timeout", "1e300"],
            "usage",
            &["--operation-timeout", "at most 100 years"],
        ),
        (&["--recover", "-1"], "usage", &["--recover"]),
    ];
    let (listener, host) = listen::<String>().await;
    for &(words, kind, says) in cases {
        let run = files.register(&host, &[words, &["--json"]].concat()).await;
        assert_refused(&run, words, kind, says);
        let run = files.register(&host, words).await;
        assert_eq!((run.code, run.stdout.as_str()), (2, ""), "{words:?}: {run:?}");
        assert!(run.stderr.starts_with("error: "), "{words:?}: {run:?}");
    }
    saw_nobody(&listener).await;
}

fn assert_refused(run: &Run, words: &[&str], kind: &str, says: &[&str]) {
    assert_eq!((run.code, run.kind().as_str()), (2, kind), "{words:?}: {run:?}");
    assert_eq!(run.message().lines().count(), 1, "{words:?}: {run:?}");
    for part in says {
        assert!(run.message().contains(part), "{words:?}: {part:?} in {run:?}");
    }
    assert_eq!(run.stderr, "", "{words:?}: nothing but the answer");
}

async fn saw_nobody(listener: &TcpListener) {
    // Real time: the command has ended, so a connection that it made waits in the queue of the listener already.
    let knock = tokio::time::timeout(Duration::from_millis(50), listener.accept()).await;
    assert!(knock.is_err(), "somebody connected");
}

#[tokio::test]
async fn with_local_bad_input_is_found_before_the_service_is_started() {
    let cases: &[Case<'_>] = &[
        (&["--payload", "{"], "input", &["payload \"{\"", "JSON"]),
        (
            &["--registration-id", "a/b"],
            "input",
            &["registration id \"a/b\"", "1 to 128"],
        ),
        (
            &["--api-version", "1&2"],
            "input",
            &["api-version \"1&2\"", "2019-03-31"],
        ),
        (
            &["--keep-alive", "65536"],
            "input",
            &["keep-alive \"65536 s\"", "at most 65535 s"],
        ),
        (&["--proxy", "ftp://h"], "input", &["proxy", "http://"]),
    ];
    for &(words, kind, says) in cases {
        let run = dps(&[&["register", "--local", "--json"], words].concat()).await;
        assert_refused(&run, words, kind, says);
    }
}

#[tokio::test]
async fn keys_and_tokens_that_cannot_be_used_are_named_and_never_shown() {
    let emulator = Emulator::builder().start_in_memory().expect("a CA");
    let files = Files::of(&emulator, "device-1");
    let bad = files.write("bad", "not-a-secret!");
    let cases: [(&[&str], &str); 5] = [
        (
            &["--symmetric-key-file", &bad, "--registration-id", "a"],
            "symmetric key in ",
        ),
        (
            &["--group-key-file", &bad, "--registration-id", "a"],
            "symmetric key in ",
        ),
        (&["--sas-token-file", &bad, "--registration-id", "a"], "SAS token in "),
        (
            &["--symmetric-key-file", "no/such", "--registration-id", "a"],
            "symmetric key in no/such",
        ),
        (&["--group-key-file", &bad], "--registration-id is missing"),
    ];
    let (listener, host) = listen::<String>().await;
    for (words, expected) in cases {
        let run = files.register_by_key(&host, &[words, &["--json"]].concat()).await;
        assert_eq!(run.code, 2, "{words:?}: {run:?}");
        assert!(run.message().starts_with(expected), "{words:?}: {run:?}");
        assert!(!run.stdout.contains("not-a-secret"), "{run:?}");
    }
    saw_nobody(&listener).await;
    let variables = [
        ("PROVISIONING_SYMMETRIC_KEY", "not-a-secret!"),
        ("PROVISIONING_IDSCOPE", "0ne1"),
    ];
    let run = dps_with(&["register", "--json", "--registration-id", "a"], &variables).await;
    assert_eq!((run.code, run.kind().as_str()), (2, "input"), "{run:?}");
    assert!(
        run.message().starts_with("symmetric key in PROVISIONING_SYMMETRIC_KEY"),
        "{run:?}"
    );
    let run = dps(&[
        "register",
        "--json",
        "--symmetric-key-file",
        "k",
        "--cert",
        "c",
        "--id-scope",
        "0ne1",
    ])
    .await;
    assert_eq!((run.code, run.kind().as_str()), (2, "usage"), "{run:?}");
    for words in [
        ["derive-key", "--group-key-file", &bad],
        ["sas", "--symmetric-key-file", &bad],
    ] {
        let run = dps(&[&words[..], &["--registration-id", "a"]].concat()).await;
        assert_eq!((run.code, run.stdout.as_str()), (2, ""), "{run:?}");
    }
}

/// `/dev/zero` can be read, and has no end.
#[cfg(unix)]
#[tokio::test]
async fn a_file_without_an_end_is_refused_whatever_it_is_given_for() {
    for words in [
        &["register", "--ca", "/dev/zero"][..],
        &["register", "--extra-ca", "/dev/zero"],
        &["register", "--payload", "@/dev/zero"],
        &["register", "--csr", "/dev/zero", "--issued-cert", "issued.pem"],
        &["register", "--symmetric-key-file", "/dev/zero"],
        &["connection", "--store", "/dev/zero"],
    ] {
        let needed: &[&str] = match words[0] {
            "register" => &["--id-scope", "0ne00000000", "--registration-id", "d", "--json"],
            _ => &["--json"],
        };
        let run = dps_with(&[words, needed].concat(), &[("PROVISIONING_SYMMETRIC_KEY", "AAAA")]).await;
        assert_eq!((run.code, run.kind().as_str()), (2, "input"), "{words:?}: {run:?}");
        assert!(run.message().contains("/dev/zero"), "{run:?}");
        assert!(run.message().contains("at most 4 MiB"), "{run:?}");
    }
}
