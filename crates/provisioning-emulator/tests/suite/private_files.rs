//! Files with keys or payloads have mode 0600, also those that exist with a wider mode.

use std::{
    error::Error,
    fs,
    iter::successors,
    os::unix::fs::{FileTypeExt, PermissionsExt, symlink},
    path::Path,
};

use provisioning_emulator::{Device, Emulator, Folder};

use crate::command::{folder, started};

fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("a file").permissions().mode() & 0o777
}

fn widen(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("changed");
}

fn equip(dir: &Path) -> Result<Emulator, String> {
    let builder = Folder::new(dir).equip(Emulator::builder());
    let emulator = builder.and_then(provisioning_emulator::Builder::start_in_memory);
    emulator.map_err(|error| {
        let causes = successors(error.source(), |&cause| cause.source());
        causes.fold(error.to_string(), |sentence, cause| format!("{sentence}: {cause}"))
    })
}

#[test]
fn key_files_with_a_wider_mode_are_narrowed_when_they_are_read() {
    let dir = folder();
    let device = Device::new("d");
    let emulator = equip(dir.path()).expect("an emulator");
    let ensure = || {
        Folder::new(dir.path())
            .ensure_device(&emulator, &device)
            .expect("a device")
    };
    ensure();
    let keys = ["ca.key", "server.key", "control.key", "group.key", "devices/d.key"].map(|name| dir.path().join(name));
    for (wide, narrow) in [(0o644, 0o600), (0o640, 0o600), (0o777, 0o600), (0o444, 0o400)] {
        for key in &keys {
            widen(key, wide);
        }
        equip(dir.path()).expect("an emulator");
        ensure();
        for key in &keys {
            assert_eq!(mode(key), narrow, "{}", key.display());
        }
    }
    assert_eq!(
        mode(&dir.path().join("ca.pem")) & 0o044,
        0o044,
        "a certificate is no secret"
    );
}

#[test]
fn a_certificate_file_that_has_the_key_too_is_narrowed() {
    let dir = folder();
    equip(dir.path()).expect("an emulator");
    let [certificate, key] = ["server.pem", "server.key"].map(|name| dir.path().join(name));
    let both = fs::read_to_string(&certificate).expect("text") + &fs::read_to_string(&key).expect("text");
    fs::write(&certificate, both).expect("written");
    fs::remove_file(&key).expect("removed");
    widen(&certificate, 0o644);
    equip(dir.path()).expect("an emulator");
    assert_eq!(mode(&certificate), 0o600);
}

#[cfg(target_os = "linux")]
#[test]
fn a_key_file_that_cannot_be_narrowed_is_refused_with_the_remedy() {
    let dir = folder();
    equip(dir.path()).expect("an emulator");
    let key = dir.path().join("control.key");
    fs::remove_file(&key).expect("removed");
    // Its mode cannot be changed.
    symlink("/proc/self/status", &key).expect("a link");
    let error = equip(dir.path()).map(|_| ()).expect_err("refused");
    let expected = format!(
        "{} cannot be used: it has mode 444, which cannot be restricted",
        key.display()
    );
    assert!(error.starts_with(&expected) && error.contains("chmod 600"), "{error}");
}

#[tokio::test]
async fn the_log_file_has_mode_600_and_a_pipe_is_left_as_it_is() {
    let dir = folder();
    let [new, existing, pipe] = ["new", "existing", "pipe"].map(|name| dir.path().join(name));
    fs::write(&existing, "before\n").expect("written");
    widen(&existing, 0o664);
    let made = std::process::Command::new("mkfifo")
        .arg(&pipe)
        .status()
        .expect("mkfifo");
    assert!(made.success());
    widen(&pipe, 0o622);
    let _reader = fs::File::options().read(true).write(true).open(&pipe).expect("opened");
    for (log, expected) in [(&new, 0o600), (&existing, 0o600), (&pipe, 0o622)] {
        let (_child, _) = started(&dir.path().join("dps"), &["--log", log.to_str().expect("text")]).await;
        assert_eq!(mode(log), expected, "{}", log.display());
    }
    assert!(fs::metadata(&pipe).expect("a pipe").file_type().is_fifo());
    assert!(fs::read_to_string(&existing).expect("text").starts_with("before\n"));
}

/// What another program left or placed where a file is written is neither followed nor kept with its mode.
#[tokio::test]
async fn an_unfinished_file_that_exists_is_replaced_whatever_it_is() {
    let dir = folder();
    let [state, ready, other] = ["dps/state.jsonl", "ready.json", "other"].map(|name| dir.path().join(name));
    fs::create_dir(dir.path().join("dps")).expect("created");
    fs::write(&other, "another program's\n").expect("written");
    let left = dir.path().join("dps/state.jsonl.tmp");
    fs::write(&left, "half a").expect("written");
    widen(&left, 0o666);
    symlink(&other, dir.path().join("ready.json.tmp")).expect("a link");
    let words = ["--persist", "--ready-file", ready.to_str().expect("text")];
    let (_child, _) = started(&dir.path().join("dps"), &words).await;
    for written in [&state, &ready] {
        let found = fs::symlink_metadata(written).expect("a file");
        assert!(found.is_file(), "{}", written.display());
        assert_eq!(mode(written), 0o600, "{}", written.display());
    }
    assert_eq!(fs::read_to_string(&other).expect("text"), "another program's\n");
}
