//! Configurations: that each section counts, and what is said of mistakes.

use std::{fs, path::Path};

use provisioning_emulator::{Config, Emulator};
use rumqttc::{ConnectReturnCode, Login};
use serde_json::{Value, json};

use crate::support::{Device, ID_SCOPE, connect_packet, in_memory, plain, register_topic};

const EXAMPLE: &str = include_str!("../../examples/emulator.toml");

fn emulator(toml: &str) -> Emulator {
    let config = Config::parse(toml, "emulator.toml").unwrap_or_else(|error| panic!("{error}"));
    Emulator::builder()
        .config(&config)
        .start_in_memory()
        .expect("an emulator")
}

async fn state(emulator: &Emulator, id: &str) -> Value {
    let mut device = Device::ready(plain(emulator), id).await;
    let body = json!({"registrationId": id, "payload": [1]}).to_string();
    let mut answer = device.request(&register_topic("r"), &body).await;
    while answer.body["status"] == "assigning" {
        let operation = answer.body["operationId"].as_str().expect("an id").to_owned();
        answer = device.query(&operation).await;
    }
    answer.body["registrationState"].take()
}

#[tokio::test(start_paused = true)]
async fn the_example_is_read_and_each_of_its_sections_counts() {
    let emulator = emulator(EXAMPLE);
    assert_eq!(emulator.id_scope(), ID_SCOPE);

    let meter = state(&emulator, "meter-1").await;
    assert_eq!(meter["assignedHub"], "meters.azure-devices.net");
    assert_eq!(
        (&meter["deviceId"], &meter["payload"]),
        (&json!("meter-1-at-the-hub"), &Value::Null)
    );
    assert_eq!(state(&emulator, "meter-2").await["status"], "disabled");
    assert_eq!(
        state(&emulator, "meter-4").await["x509"],
        json!({}),
        "its own enrollment"
    );
    let member = state(&emulator, "pump-9").await;
    assert_eq!(member["x509"], json!({"enrollmentGroupId": "factory"}));
    assert_eq!(
        (&member["payload"], &member["assignedHub"]),
        (&json!([1]), &json!("north.azure-devices.net"))
    );

    let mut throttled = Device::ready(plain(&emulator), "pump-2").await;
    let first = throttled.register("pump-2").await;
    assert!(
        first.status == 429 && first.topic.ends_with("&retry-after=3"),
        "{first:?}"
    );
    let mut refused = Device::ready(plain(&emulator), "pump-3").await;
    assert_eq!(refused.register("pump-3").await.body["errorCode"], 401_002);
    let faults = serde_json::to_value(emulator.faults()).expect("JSON");
    assert_eq!(
        faults.as_array().map(Vec::len),
        Some(3),
        "of [[faults]], and of [[devices]]: {faults}"
    );
    let error = json!({
        "name": "error", "step": "request", "device": "pump-3", "count": "always", "code": 401, "errorCode": 401002,
        "message": "Invalid certificate.", "retryAfter": "absent",
    });
    assert_eq!(faults[2], error);
}

#[tokio::test(start_paused = true)]
async fn a_configuration_with_enrollments_admits_no_other_device_unless_it_says_so() {
    let one = "[[enrollments]]\nregistrationId = \"a\"\nattestation = { type = \"symmetricKey\" }\n";
    for (toml, others_may) in [
        ("", true),
        (one, false),
        (&format!("onlyEnrollments = false\n{one}"), true),
        ("onlyEnrollments = true\n", false),
    ] {
        let emulator = emulator(toml);
        let mut device = Device::over(plain(&emulator));
        let mut connect = connect_packet("other");
        connect.login = connect
            .login
            .map(|login| Login::new(login.username.replace(ID_SCOPE, emulator.id_scope()), ""));
        let answer = device.connect(connect).await;
        assert_eq!(answer == ConnectReturnCode::Success, others_may, "{toml}");
    }
}

#[tokio::test(start_paused = true)]
async fn quotas_are_read() {
    let toml = format!(
        "idScope = \"{ID_SCOPE}\"\nregistrationsPerMinute = 0\nqueriesPer10Seconds = 1\nquotaRetryAfter = \"absent\"\n"
    );
    let emulator = emulator(&toml);
    let mut device = Device::ready(plain(&emulator), "d").await;
    let throttled = device.register("d").await;
    assert_eq!(throttled.topic, "$dps/registrations/res/429/?$rid=r");
    assert_eq!(device.query("4.x").await.status, 404);
    assert_eq!(device.query("4.x").await.status, 429);
}

#[tokio::test(start_paused = true)]
async fn certificates_are_read_from_files_beside_the_configuration() {
    let (folder, factory) = (tempfile::tempdir().expect("a folder"), in_memory());
    fs::write(folder.path().join("factory.pem"), factory.ca_pem()).expect("a file");
    let toml = |file: &str| {
        format!(
            "[[enrollmentGroups]]\nenrollmentGroupId = \"g\"\n[enrollmentGroups.attestation]\ntype = \"x509\"\n\
             x509.signingCertificates.primary.certificate = \"file:{file}\"\n"
        )
    };
    let path = folder.path().join("emulator.toml");
    Config::parse(&toml("factory.pem"), &path).expect("a CA's certificate");
    let error = Config::parse(&toml("missing.pem"), &path).expect_err("no such file");
    assert_eq!(error.line, Some(5));
    assert!(
        error
            .message
            .contains("signingCertificates.primary.certificate: expected"),
        "{error}"
    );
    assert!(error.message.contains("missing.pem to be readable"), "{error}");
}

#[test]
fn each_mistake_is_one_line_that_names_the_place_and_what_was_expected() {
    for (toml, line, says) in [
        (
            "idScope = 1",
            1,
            "idScope: invalid type: integer `1`, expected a string",
        ),
        ("\nidScope = \"a/b\"", 2, "idScope: expected 1 to 64 letters"),
        ("\nhubs = [\"a\", \"\"]", 2, "hubs: expected at least one, and none"),
        ("hubs = [\n\"a\",\n1]", 3, "hubs: invalid type"),
        ("\nidscope = \"a\"", 2, "unknown field `idscope`"),
        ("idScope = ", 1, "expected"),
        ("hubs = []", 1, "at least one"),
        ("retryAfter = 1.5", 1, "retryAfter: expected a number of seconds"),
        ("pollsBeforeAssigning = -1", 1, "pollsBeforeAssigning: invalid value"),
        ("\n[[enrollments]]\ndeviceId = \"a\"\n", 2, "registrationId: is missing"),
        (
            "[[enrollments]]\nregistrationId = \"../a\"\n",
            2,
            "expected 1 to 128 letters",
        ),
        (
            "[[enrollments]]\nregistrationId = \"a\"\nattestation = { type = \"tpm\" }\n",
            3,
            "registrationId a: attestation.tpm.endorsementKey: is missing",
        ),
        (
            "[[enrollments]]\nregistrationId = \"a\"\nattestation = { type = \"symmetricKey\", symmetricKey = { primaryKey = \"*\" } }\n",
            3,
            "registrationId a: attestation.symmetricKey.primaryKey: expected base64",
        ),
        (
            "[[enrollments]]\nregistrationId = \"a\"\n[enrollments.attestation]\ntype = \"x509\"\n\
             x509.clientCertificates.primary.certificate = \"emulator\"\nx509.thumbprints = []\n",
            5,
            "registrationId a: attestation.x509: expected nothing beside the certificate \"emulator\"",
        ),
        (
            "[[enrollments]]\nregistrationId = \"a\"\n[enrollments.attestation]\ntype = \"x509\"\n\
             x509.signingCertificates.primary.certificate = \"emulator\"\n",
            5,
            "attestation.x509.clientCertificates: expected a certificate here, or thumbprints",
        ),
        (
            "[[enrollmentGroups]]\nenrollmentGroupId = \"g\"\n[enrollmentGroups.attestation]\ntype = \"x509\"\n\
             x509.signingCertificates.primary.certificate = \"emulator\"\n\
             x509.signingCertificates.secondary.certificate = \"-\"\n",
            6,
            "enrollmentGroupId g: attestation.x509.signingCertificates.secondary.certificate: expected a certificate",
        ),
        (
            "[[enrollmentGroups]]\nenrollmentGroupId = \"g\"\ndeviceId = \"a\"\n",
            3,
            "enrollmentGroupId g: deviceId: belongs to the other kind",
        ),
        (
            "[[enrollments]]\nregistrationId = \"a\"\n[[enrollments]]\nregistrationId = \"A\"\n",
            3,
            "A: expected one table of this id",
        ),
        (
            "[[enrollmentGroups]]\nenrollmentGroupId = \"g\"\n[[enrollmentGroups]]\nenrollmentGroupId = \"G\"\n",
            3,
            "G: expected one table of this id",
        ),
        (
            "[[devices]]\nregistrationId = \"a\"\n[[devices]]\nregistrationId = \"A\"\n",
            3,
            "A: expected one table of this id",
        ),
        (
            "[[devices]]\nregistrationId = \"a\"\n[[devices]]\nregistrationId = \"b\"\nneverAssigned = true\npolls = 1\n",
            3,
            "registrationId b: expected only one of neverAssigned, polls",
        ),
        (
            "[[devices]]\nregistrationId = \"a\"\ndisabled = true\nfailed = { errorCode = 1, message = \"\" }\n",
            1,
            "expected only one of failed, disabled",
        ),
        (
            "[[devices]]\nregistrationId = \"a\"\ncertificate = { expired = true, notYetValid = true }\n",
            1,
            "expected only one of certificate.expired, certificate.notYetValid",
        ),
        (
            "[[devices]]\nregistrationId = \"a\"\nissuedCertificateChain = []\nwithoutIssuedCertificate = true\n",
            1,
            "expected only one of issuedCertificateChain, withoutIssuedCertificate",
        ),
        (
            "[[devices]]\nregistrationId = \"a\"\nrefused = { status = 299, errorCode = 1, message = \"\" }\n",
            1,
            "registrationId a: refused.status is 299; expected 300 to 599",
        ),
        (
            "[[devices]]\nregistrationId = \"a\"\nthrottled = { times = 1, status = 428 }\n",
            1,
            "throttled.status is 428; expected 429 to 599",
        ),
        (
            "[[devices]]\nregistrationId = \"a\"\n[devices.throttled]\ntimes = \"x\"\n",
            4,
            "devices.throttled.times: invalid type",
        ),
        (
            "[[enrollments]]\nregistrationId = \"a\"\nprovisioningStatus = \"maybe\"\n",
            3,
            "enrollments.provisioningStatus: unknown value",
        ),
        (
            "[[devices]]\nregistrationId = \"a/b\"\n",
            1,
            "expected 1 to 128 letters",
        ),
        (
            "[[devices]]\nregistrationId = \"a\"\nrefused = { status = 401 }\n",
            3,
            "devices.refused: missing field `errorCode`",
        ),
        (
            "[[devices]]\nregistrationId = \"a\"\n[[devices]]\npolls = 1\n",
            3,
            "devices: missing field `registrationId`",
        ),
        ("[[faults]]\nname = \"unheard-of\"\n", 1, "unheard-of"),
        (
            "[[faults]]\nname = \"join\"\nstep = \"puback\"\n\n[[faults]]\nname = \"close\"\n",
            5,
            "the fault `close` needs `step`",
        ),
        (
            "[[faults]]\nname = \"assigning\"\ndevice = \"a/b\"\n",
            1,
            "registrationId \"a/b\": expected 1 to 128 letters",
        ),
    ] {
        let error = Config::parse(toml, "folder/emulator.toml").expect_err(says);
        assert_eq!(
            (error.line, error.file.as_path()),
            (Some(line), Path::new("folder/emulator.toml")),
            "{error}"
        );
        assert!(error.message.contains(says), "{error}");
        let said = error.to_string();
        assert!(
            said.starts_with(&format!("folder/emulator.toml:{line}: ")) && !said.contains('\n'),
            "{said}"
        );
    }
}

#[test]
fn keys_are_not_shown_by_debug() {
    let config = Config::parse(EXAMPLE, "emulator.toml").expect("a configuration");
    let shown = format!("{config:?}");
    assert!(shown.contains("meter-1") && !shown.contains("cHJpbWFyeQ"), "{shown}");
}

/// Characters removed, doubled and replaced, by a generator that always gives the same.
#[test]
fn a_configuration_that_was_damaged_anywhere_is_refused_or_can_be_started() {
    let mut random = 1_u32;
    let mut next = |below: usize| {
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (random >> 8) as usize % below
    };
    let (mut read, mut refused) = (0, 0);
    for _ in 0..2000 {
        let mut text = EXAMPLE.as_bytes().to_vec();
        for _ in 0..=next(3) {
            let at = next(text.len());
            match next(3) {
                0 => drop(text.remove(at)),
                1 => text.insert(at, text[at]),
                _ => text[at] = b"\"'[]{}=#.,\n \\x0"[next(15)],
            }
        }
        let Ok(text) = String::from_utf8(text) else {
            continue;
        };
        match Config::parse(&text, "emulator.toml") {
            Ok(config) => {
                read += 1;
                let started = Emulator::builder().config(&config).start_in_memory();
                assert!(started.is_ok(), "{:?} of {text}", started.err());
            }
            Err(_) => refused += 1,
        }
    }
    assert!(read > 0 && refused > 0, "{read} {refused}");
}
