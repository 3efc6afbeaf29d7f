//! Enrollments and registrations that survive the emulator. In real time: a thread writes them.

use std::{
    fs,
    path::{Path, PathBuf},
};

use provisioning_emulator::{Builder, Emulator, EmulatorError, Enrollment, Port, Security};
use serde_json::{Value, json};
use tempfile::{TempDir, tempdir};

use crate::{
    control::{call, put},
    support::{
        Device, ID_SCOPE, builder,
        http::{Answer, Call, send},
        notes, plain, stop,
    },
};

const KEY: &str = "cHJpbWFyeQ==";

struct Kept {
    folder: TempDir,
}

impl Kept {
    fn new() -> Self {
        Self {
            folder: tempdir().expect("a folder"),
        }
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("state.jsonl")
    }

    fn builder(&self) -> Builder {
        let keys = Enrollment::group("g").symmetric_keys(KEY, KEY);
        let generated = Enrollment::individual("own");
        let builder = builder().only_enrollments().polls_before_assigning(0);
        builder.enrollment(keys).enrollment(generated).persist(self.file())
    }

    fn start(&self) -> Emulator {
        self.builder().start_in_memory().expect("an emulator")
    }

    fn problem(&self) -> String {
        let error = self.builder().start_in_memory().expect_err("it cannot start");
        assert!(matches!(error, EmulatorError::InvalidFile(_)), "{error:?}");
        error.to_string()
    }
}

/// Everything that is kept, as the control endpoint shows it.
async fn state(emulator: &Emulator) -> Value {
    let own = call(emulator, "POST", "/enrollments/query").await.json();
    let groups = call(emulator, "POST", "/enrollmentGroups/query").await.json();
    let registered = call(emulator, "GET", "/emulator/registrations").await.json();
    let of_group = call(emulator, "POST", "/registrations/g/query").await.json();
    let key = call(emulator, "POST", "/enrollments/own/attestationmechanism")
        .await
        .body;
    json!([own, groups, registered, of_group, key])
}

async fn register(emulator: &Emulator, id: &str) {
    let mut device = Device::ready(plain(emulator), id).await;
    let body = json!({"registrationId": id, "payload": {"a": [1.0]}}).to_string();
    let body = body.replace("[1.0]", "[1.0,\n 12345678901234567890123]");
    let topic = crate::support::register_topic("r");
    assert_eq!(device.request(&topic, &body).await.status, 200);
}

fn individual(id: &str) -> Value {
    let keys = json!({"primaryKey": KEY, "secondaryKey": KEY});
    json!({"registrationId": id, "allocationPolicy": "custom",
        "attestation": {"type": "symmetricKey", "symmetricKey": keys}})
}

#[tokio::test]
async fn enrollments_and_registrations_survive_with_their_etags_keys_and_assignments() {
    let kept = Kept::new();
    let emulator = kept.start();
    assert_eq!(put(&emulator, "/enrollments/d", &individual("d")).await.status, 200);
    assert_eq!(
        put(&emulator, "/enrollments/gone", &individual("gone")).await.status,
        200
    );
    for id in ["d", "of-group", "gone", "forgotten"] {
        register(&emulator, id).await;
    }
    assert_eq!(call(&emulator, "DELETE", "/enrollments/gone").await.status, 204);
    assert_eq!(call(&emulator, "DELETE", "/registrations/forgotten").await.status, 204);
    let before = state(&emulator).await;
    assert_eq!(before[2].as_array().map(Vec::len), Some(3), "{before}");
    stop(emulator).await;

    // Twice: the file that the start writes has everything, too.
    for _ in 0..2 {
        let emulator = kept.start();
        assert_eq!(state(&emulator).await, before);
        let payload = emulator.registrations().first().and_then(|it| it.payload.clone());
        assert_eq!(
            payload.as_deref(),
            Some("{\"a\":[1.0,\n 12345678901234567890123]}"),
            "as it was given"
        );
        stop(emulator).await;
    }

    // A device that registers again is known.
    let emulator = kept.start();
    register(&emulator, "d").await;
    let etag = before[2][0]["etag"].as_str().expect("an etag");
    let stale = Call::new(&emulator, "DELETE", "/registrations/d").header("If-Match", etag);
    assert_eq!(stale.send(&emulator).await.status, 412, "it has another etag now");
    stop(emulator).await;
}

#[tokio::test]
async fn the_configuration_counts_where_it_has_changed_since_and_the_file_elsewhere() {
    let kept = Kept::new();
    let emulator = kept.start();
    let mut changed = individual("own");
    changed["deviceId"] = "changed".into();
    let any = Call::new(&emulator, "PUT", "/enrollments/own").header("If-Match", "*");
    assert_eq!(any.json(&changed).send(&emulator).await.status, 200);
    assert_eq!(call(&emulator, "DELETE", "/enrollmentGroups/g").await.status, 204);
    stop(emulator).await;

    let emulator = kept.start();
    let own = call(&emulator, "GET", "/enrollments/own").await.json();
    assert_eq!(own["deviceId"], "changed");
    assert_eq!(
        call(&emulator, "GET", "/enrollmentGroups/g").await.status,
        404,
        "it was deleted"
    );
    stop(emulator).await;

    // Another `own`, another `g`, one more, and later none of them.
    let base = || builder().only_enrollments().persist(kept.file());
    let others = base()
        .enrollment(Enrollment::individual("own").device_id("configured"))
        .enrollment(Enrollment::group("g").disabled())
        .enrollment(Enrollment::individual("new"));
    let emulator = others.start_in_memory().expect("an emulator");
    let own = call(&emulator, "GET", "/enrollments/own").await.json();
    assert_eq!(own["deviceId"], "configured");
    assert_eq!(call(&emulator, "GET", "/enrollmentGroups/g").await.status, 200);
    assert_eq!(call(&emulator, "GET", "/enrollments/new").await.status, 200);
    put(&emulator, "/enrollments/d", &individual("d")).await;
    stop(emulator).await;
    let emulator = base().start_in_memory().expect("an emulator");
    let left = call(&emulator, "POST", "/enrollments/query").await.json();
    assert_eq!(
        (left[0]["registrationId"].as_str(), left.as_array().map(Vec::len)),
        (Some("d"), Some(1))
    );
    stop(emulator).await;
}

#[tokio::test]
async fn a_reset_survives_too() {
    let kept = Kept::new();
    let emulator = kept.start();
    put(&emulator, "/enrollments/d", &individual("d")).await;
    register(&emulator, "d").await;
    assert_eq!(call(&emulator, "POST", "/emulator/reset").await.status, 204);
    let after_reset = state(&emulator).await;
    stop(emulator).await;
    let emulator = kept.start();
    assert_eq!(state(&emulator).await, after_reset);
    stop(emulator).await;
}

#[tokio::test]
async fn what_was_changed_by_calls_of_the_library_is_written_before_the_shutdown_ends() {
    let kept = Kept::new();
    let emulator = kept.start();
    emulator.enroll(Enrollment::individual("by-call")).expect("enrolled");
    stop(emulator).await;
    let emulator = kept.start();
    assert_eq!(call(&emulator, "GET", "/enrollments/by-call").await.status, 200);
    stop(emulator).await;
}

#[tokio::test]
async fn a_file_whose_last_line_was_not_finished_is_read_to_the_line_before() {
    let kept = Kept::new();
    let emulator = kept.start();
    put(&emulator, "/enrollments/d", &individual("d")).await;
    let before = state(&emulator).await;
    stop(emulator).await;
    let mut contents = fs::read(kept.file()).expect("a file");
    contents.extend_from_slice(b"{\"unenrolled\":{\"kind\":\"individual\",\"id\":\"d");
    fs::write(kept.file(), contents).expect("written");
    let emulator = kept.start();
    assert_eq!(state(&emulator).await, before);
    stop(emulator).await;
}

#[tokio::test]
async fn a_damaged_file_is_named_with_its_line_and_what_to_do_and_is_left_as_it_is() {
    let kept = Kept::new();
    let emulator = kept.start();
    stop(emulator).await;
    let whole = fs::read_to_string(kept.file()).expect("a file");
    let (first, rest) = whole.split_once('\n').expect("lines");
    for (damaged, expected) in [
        (String::new(), "its first line, which says what it is, is missing"),
        (
            rest.to_owned(),
            "line 1 does not say that it is the state of an emulator",
        ),
        (
            format!("{first}\n{}\n{rest}", &rest[..40]),
            "line 2 is no change of its state",
        ),
        (
            in_enrolled(&whole, KEY, "%%%"),
            "the enrollment g in it: attestation.symmetricKey.primaryKey: ",
        ),
    ] {
        fs::write(kept.file(), &damaged).expect("written");
        let problem = kept.problem();
        let (start, end) = ("state.jsonl is damaged: ", "; restore it from a copy, or move it away");
        assert!(problem.contains(&format!("{start}{expected}")), "{problem}");
        assert!(problem.contains(end), "{problem}");
        assert!(!problem.contains(KEY), "no secret: {problem}");
        assert_eq!(fs::read_to_string(kept.file()).expect("a file"), damaged);
    }
}

/// A folder that is moved away: its files can be appended to, but not replaced, as a file that has grown is.
struct MovedAway {
    folder: PathBuf,
    moved: PathBuf,
}

impl MovedAway {
    fn new(kept: &Kept) -> Self {
        let folder = kept.folder.path().to_owned();
        let moved = folder.with_extension("moved");
        fs::rename(&folder, &moved).expect("renamed");
        Self { folder, moved }
    }

    fn back(self) {
        fs::rename(self.moved, self.folder).expect("renamed");
    }
}

/// Changes an enrollment.
async fn update(emulator: &Emulator) -> Answer {
    let mut large = individual("large");
    large["initialTwin"] = json!({"text": "x".repeat(120 * 1024)});
    let call = Call::new(emulator, "PUT", "/enrollments/large").json(&large);
    call.header("If-Match", "*").send(emulator).await
}

/// Changes an enrollment until the file has grown, and cannot be replaced. Returns the refusal.
async fn refused_update(emulator: &Emulator) -> Answer {
    put(emulator, "/enrollments/large", &individual("large")).await;
    for _ in 0..100 {
        let answer = update(emulator).await;
        if answer.status != 200 {
            return answer;
        }
    }
    panic!("the file has not grown");
}

/// What cannot be written is refused: no answer says that it is done. With the disk back, it is written.
#[cfg(unix)]
#[tokio::test]
async fn a_change_that_is_not_on_the_disk_is_not_acknowledged() {
    let kept = Kept::new();
    let emulator = kept.start();
    let mut device = Device::ready(plain(&emulator), "d").await;
    put(&emulator, "/enrollments/d", &individual("d")).await;
    let disk = MovedAway::new(&kept);
    let answer = refused_update(&emulator).await;
    assert_eq!(answer.refusal(500), 500_001);
    assert!(answer.body.contains("could not be persisted"), "{answer:?}");
    let answer = device.register("d").await;
    assert_eq!((answer.status, &answer.body["errorCode"]), (500, &json!(500_001)));
    let stream = emulator.connect(Port::WebSocket, Security::Plain, 64 * 1024);
    let target = format!("/{ID_SCOPE}/registrations/e/register?api-version=2021-06-01");
    let head = format!("PUT {target} HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
    assert_eq!(send(stream, &head).await.refusal(500), 500_001);

    disk.back();
    assert_eq!(update(&emulator).await.status, 200);
    let [failed, written] = &notes(&emulator, "file")[..] else {
        panic!("two notes: {:?}", notes(&emulator, "file"))
    };
    assert!(
        failed.contains("state.jsonl cannot be written: No such file"),
        "{failed}"
    );
    assert!(written.ends_with("is written again, with all changes"), "{written}");
    let before = state(&emulator).await;
    stop(emulator).await;
    let emulator = kept.start();
    assert_eq!(state(&emulator).await, before);
    stop(emulator).await;
}

/// The disk is back, and no change follows.
#[cfg(unix)]
#[tokio::test]
async fn changes_that_could_not_be_written_are_written_at_the_end() {
    let kept = Kept::new();
    let emulator = kept.start();
    let disk = MovedAway::new(&kept);
    assert_eq!(refused_update(&emulator).await.status, 500);
    emulator.enroll(Enrollment::individual("by-call")).expect("enrolled");
    let before = state(&emulator).await;
    disk.back();
    stop(emulator).await;
    let emulator = kept.start();
    assert_eq!(state(&emulator).await, before);
    assert_eq!(call(&emulator, "GET", "/enrollments/by-call").await.status, 200);
    stop(emulator).await;
}

#[cfg(unix)]
#[tokio::test]
async fn a_second_emulator_with_the_same_file_does_not_start_and_the_file_is_for_its_owner() {
    use std::os::unix::fs::PermissionsExt;

    let kept = Kept::new();
    let emulator = kept.start();
    let problem = kept.problem();
    assert!(
        problem.contains("is used by another emulator; end that one, or give"),
        "{problem}"
    );
    stop(emulator).await;
    let mode = |path: &Path| fs::metadata(path).expect("a file").permissions().mode() & 0o777;
    assert_eq!(mode(&kept.file()), 0o600);
    stop(kept.start()).await;
}

/// The contents, with this in the place of that in the lines of enrollments.
fn in_enrolled(contents: &str, from: &str, to: &str) -> String {
    let lines = contents.lines().map(|line| match line.starts_with("{\"enrolled\"") {
        true => line.replace(from, to) + "\n",
        false => format!("{line}\n"),
    });
    lines.collect()
}
