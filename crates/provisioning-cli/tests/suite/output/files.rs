//! The ways to lose what `dps register` writes, and how it ends on each.

use std::{
    fs,
    os::unix::{
        fs::{MetadataExt, PermissionsExt, symlink},
        net::UnixListener,
    },
    path::{Path, PathBuf},
    process,
};

use tempfile::TempDir;
use test_support::{Running, without_dps_variables};
use tokio::process::Command;

use super::stored;
use crate::{
    register::certificates::request,
    support::{Run, dps, start_dps},
};

/// What stands in the way of a file, and how `dps register` ends.
struct Way {
    name: &'static str,
    /// Makes it in an empty folder, and returns the path that the flag names.
    make: fn(&Path) -> PathBuf,
    end: End,
}

enum End {
    /// Exit code 2 before any connection; nothing is touched. With what the message says.
    Refused(&'static str),
    /// Exit code 0; this file of the folder has the new content, and this mode for the store and the certificate.
    Written(&'static str, u32, u32),
    /// Exit code 7: the assignment is printed. The old content stays.
    NotWritten,
}

const WAYS: &[Way] = &[
    Way {
        name: "a directory",
        make: |folder| at(folder, |path| fs::create_dir(path)),
        end: End::Refused("a regular file, not a directory"),
    },
    Way {
        name: "a FIFO",
        make: |folder| at(folder, |path| run(process::Command::new("mkfifo").arg(path))),
        end: End::Refused("a regular file, not a FIFO"),
    },
    Way {
        name: "a socket",
        make: |folder| at(folder, |path| UnixListener::bind(path).map(drop)),
        end: End::Refused("a regular file, not a socket"),
    },
    Way {
        name: "a device",
        make: |_| PathBuf::from("/dev/full"),
        end: End::Refused("a regular file, not a device"),
    },
    Way {
        name: "a link to a device",
        make: |folder| at(folder, |path| symlink("/dev/null", path)),
        end: End::Refused("a regular file, not a device"),
    },
    Way {
        name: "a link to itself",
        make: |folder| at(folder, |path| symlink("file", path)),
        end: End::Refused("a file that can be written"),
    },
    Way {
        name: "a name that only a directory can have",
        make: |folder| folder.join("file/"),
        end: End::Refused("the name of a file"),
    },
    Way {
        name: "a missing folder",
        make: |folder| folder.join("no/such/file"),
        end: End::Refused("a folder that can be written to"),
    },
    Way {
        name: "a dangling link to a missing folder",
        make: |folder| at(folder, |path| symlink("no/such", path)),
        end: End::Refused("a folder that can be written to"),
    },
    Way {
        name: "a file in place of the folder",
        make: |folder| at(folder, |path| fs::write(path, "")).join("file"),
        end: End::Refused("a file that can be written"),
    },
    Way {
        name: "a read-only file",
        make: |folder| at(folder, |path| old_file(path, 0o444)),
        end: End::Refused("a file that can be written"),
    },
    Way {
        name: "a read-only folder",
        make: |folder| {
            let readonly = folder.join("readonly");
            fs::create_dir(&readonly).expect("a folder");
            set_mode(&readonly, 0o555).expect("a mode");
            readonly.join("file")
        },
        end: End::Refused("a folder that can be written to"),
    },
    Way {
        name: "no file",
        make: |folder| folder.join("file"),
        end: End::Written("file", 0o600, 0o644),
    },
    Way {
        name: "a file that others may read",
        make: |folder| at(folder, |path| old_file(path, 0o664)),
        end: End::Written("file", 0o600, 0o664),
    },
    Way {
        name: "a link, to a link in another folder",
        make: |folder| {
            fs::create_dir(folder.join("deep")).expect("a folder");
            old_file(&folder.join("target"), 0o640).expect("a file");
            symlink("../target", folder.join("deep/link")).expect("a link");
            at(folder, |path| symlink("deep/link", path))
        },
        end: End::Written("target", 0o600, 0o640),
    },
    Way {
        name: "a dangling link",
        make: |folder| at(folder, |path| symlink("target", path)),
        end: End::Written("target", 0o600, 0o644),
    },
    Way {
        name: "a file-size limit, as on a full disk",
        make: |folder| at(folder, |path| old_file(path, 0o600)),
        end: End::NotWritten,
    },
];

/// Makes `file` in the folder.
fn at(folder: &Path, make: impl FnOnce(&Path) -> std::io::Result<()>) -> PathBuf {
    let path = folder.join("file");
    make(&path).expect("a file");
    path
}

fn run(command: &mut process::Command) -> std::io::Result<()> {
    assert!(command.status()?.success());
    Ok(())
}

fn old_file(path: &Path, mode: u32) -> std::io::Result<()> {
    fs::write(path, stored("other"))?;
    set_mode(path, mode)
}

fn set_mode(path: &Path, mode: u32) -> std::io::Result<()> {
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
}

/// Everything in a folder: paths, file types, modes, links, and content.
fn listing(folder: &Path) -> Vec<String> {
    let mut all = vec![];
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        let found = fs::symlink_metadata(&path).expect("an entry");
        let content = match found.file_type() {
            kind if kind.is_file() => fs::read(&path).expect("a file"),
            kind if kind.is_symlink() => fs::read_link(&path)
                .expect("a link")
                .into_os_string()
                .into_encoded_bytes(),
            kind if kind.is_dir() => {
                all.extend(listing(&path));
                vec![]
            }
            _ => vec![],
        };
        let (kind, mode) = (found.file_type(), found.permissions().mode());
        all.push(format!(
            "{path:?} {kind:?} {mode:o} {}",
            String::from_utf8_lossy(&content)
        ));
    }
    all.sort();
    all
}

/// A folder for each way, for a user whom modes restrict: root may write everything, so root's tests run as nobody.
struct Folders(TempDir);

const NOBODY: u32 = 65534;

impl Folders {
    fn new() -> Self {
        let root = tempfile::tempdir().expect("a folder");
        set_mode(root.path(), 0o755).expect("a mode");
        // Not by this process: while one of its threads starts a program, a file that it writes cannot be executed.
        let program = root.path().join("dps");
        run(process::Command::new("cp").arg(env!("CARGO_BIN_EXE_dps")).arg(program)).expect("the program");
        fs::write(root.path().join("device.csr"), request("device-1")).expect("a request");
        Self(root)
    }

    /// An empty folder, whose content `make` makes.
    fn folder<T>(&self, name: &str, make: impl FnOnce(&Path) -> T) -> (PathBuf, T) {
        let folder = self.0.path().join(name);
        fs::create_dir(&folder).expect("a folder");
        let made = make(&folder);
        if is_root() {
            run(process::Command::new("chown")
                .arg("-hR")
                .arg(NOBODY.to_string())
                .arg(&folder))
            .expect("chown");
        }
        (folder, made)
    }

    /// Starts `dps register` after `script`, with the file for the assignment or for the certificate.
    fn start(&self, script: &str, flag: &str, file: &Path) -> Running {
        let mut command = Command::new("sh");
        without_dps_variables(&mut command).args(["-c", &format!(r#"umask 022; {script} exec "$@""#), "sh"]);
        command
            .arg(self.0.path().join("dps"))
            .args(["register", "--local", "--json", flag])
            .arg(file);
        if flag == "--issued-cert" {
            command.arg("--csr").arg(self.0.path().join("device.csr"));
        }
        if is_root() {
            command.uid(NOBODY).gid(NOBODY);
        }
        Running::start(&mut command)
    }
}

fn is_root() -> bool {
    fs::metadata("/proc/self").expect("this process").uid() == 0
}

/// The two files, and what stands in a new one.
const FILES: [(&str, &str); 2] = [
    ("--store", "\"registrationId\": \"device-1\""),
    ("--issued-cert", "BEGIN CERTIFICATE"),
];

#[tokio::test]
async fn each_way_to_lose_a_file_ends_before_any_connection_or_with_the_file_or_with_the_assignment() {
    let folders = Folders::new();
    let mut runs = vec![];
    for (number, way) in WAYS.iter().enumerate() {
        for (flag, content) in FILES {
            let (folder, file) = folders.folder(&format!("{number}{flag}"), way.make);
            let before = listing(&folder);
            let script = if matches!(way.end, End::NotWritten) {
                "ulimit -f 0;"
            } else {
                ""
            };
            runs.push((way, flag, content, before, folder, folders.start(script, flag, &file)));
        }
    }
    for (way, flag, content, before, folder, running) in runs {
        let run = Run::of(running).await;
        let name = format!("{} for {flag}: {run:?}", way.name);
        match way.end {
            End::Refused(says) => {
                assert_eq!((run.code, run.kind().as_str()), (2, "input"), "{name}");
                assert!(run.message().contains(says), "{says:?} in {name}");
                assert_eq!(run.stderr, "", "nothing was started: {name}");
                assert_eq!(listing(&folder), before, "{name}");
            }
            End::Written(target, store_mode, certificate_mode) => {
                assert_eq!((run.code, &run.json()["status"]), (0, &"assigned".into()), "{name}");
                let target = folder.join(target);
                assert!(fs::read_to_string(&target).expect("a file").contains(content), "{name}");
                let mode = fs::symlink_metadata(&target).expect("a file").permissions().mode();
                let expected = if flag == "--store" {
                    store_mode
                } else {
                    certificate_mode
                };
                assert_eq!(mode & 0o777, expected, "{name}");
                let target = target.to_str().expect("UTF-8").to_owned();
                let others = |all: &[String]| -> Vec<String> {
                    all.iter()
                        .filter(|entry| !entry.contains(&format!("{target:?}")))
                        .cloned()
                        .collect()
                };
                assert_eq!(others(&listing(&folder)), others(&before), "links stay: {name}");
            }
            End::NotWritten => assert_assigned_but_not_written(&run, &name, &listing(&folder), &before),
        }
    }
}

fn assert_assigned_but_not_written(run: &Run, name: &str, after: &[String], before: &[String]) {
    let json = run.json();
    assert_eq!((run.code, run.kind().as_str()), (7, "local"), "{name}");
    assert_eq!(
        (&json["status"], &json["deviceId"]),
        (&"assigned".into(), &"device-1".into()),
        "{name}"
    );
    for field in ["assignedHub", "operationId", "etag", "createdDateTimeUtc"] {
        assert!(json[field].is_string(), "the assignment is whole: {field} in {name}");
    }
    assert_eq!(after, before, "no file is half-written, and none is left: {name}");
}

#[tokio::test]
async fn a_folder_or_a_file_that_changes_during_the_registration_loses_no_assignment() {
    type Change = fn(&Path, &Path) -> std::io::Result<()>;
    const CHANGES: [(&str, Change); 3] = [
        ("the folder is removed", |folder, _| fs::remove_dir(folder)),
        ("a directory is made", |_, file| fs::create_dir(file)),
        ("a FIFO is made", |_, file| {
            run(process::Command::new("mkfifo").arg(file))
        }),
    ];
    let folders = Folders::new();
    for (number, (name, change)) in CHANGES.into_iter().enumerate() {
        for (flag, _) in FILES {
            let (folder, file) = folders.folder(&format!("{number}{flag}"), |folder| folder.join("file"));
            let mut running = folders.start("", flag, &file);
            running.until_stderr_has("assigning").await;
            assert_eq!(listing(&folder), Vec::<String>::new(), "no file while the device waits");
            change(&folder, &file).expect("a change");
            let list = || if folder.exists() { listing(&folder) } else { vec![] };
            let before = list();
            let run = Run::of(running).await;
            assert_assigned_but_not_written(&run, &format!("{name} for {flag}: {run:?}"), &list(), &before);
        }
    }
}

#[tokio::test]
async fn an_interrupt_leaves_every_folder_as_it_was() {
    let folders = Folders::new();
    let (folder, file) = folders.folder("interrupted", |folder| at(folder, |path| old_file(path, 0o600)));
    let before = listing(&folder);
    let new = |name: &str| folder.join(name).to_str().expect("UTF-8").to_owned();
    let (key, issued) = (new("new.key"), new("new.pem"));
    for signal in ["INT", "TERM"] {
        let words = ["register", "--local", "--store", file.to_str().expect("UTF-8")];
        let words = [&words[..], &["--new-key", &key, "--issued-cert", &issued]].concat();
        let mut running = start_dps(&words, &[]);
        running.until_stderr_has("assigning").await;
        assert_eq!(listing(&folder).len(), 2, "the new key, and no temporary file");
        running.signal(signal).await;
        let run = Run::of(running).await;
        assert_eq!(run.code, 130, "{run:?}");
        assert_eq!(listing(&folder), before, "{signal}: {run:?}");
    }
}

#[tokio::test]
async fn a_file_that_is_read_or_written_already_is_not_written_too() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name).to_str().expect("UTF-8").to_owned();
    let (file, link, csr) = (path("file"), path("./link"), path("device.csr"));
    symlink("file", &link).expect("a link");
    fs::write(&csr, request("device-1")).expect("a file");
    let (given, at_given, unfinished) = (path("given"), format!("@{}", path("given")), path("store.json"));
    fs::write(&given, "{}").expect("a file");
    fs::write(&unfinished, "{").expect("a file");
    let issued = ["--csr", &csr, "--issued-cert", &given];
    let before = listing(folder.path());
    for words in [
        &["--local", "--new-key", &file, "--issued-cert", &link][..],
        &[
            "--local",
            "--new-key",
            &path("key"),
            "--issued-cert",
            &link,
            "--store",
            &file,
        ],
        &[
            "--local",
            "--new-key",
            &link,
            "--issued-cert",
            &path("c"),
            "--store",
            &file,
        ],
        &["--local", "--csr", &csr, "--issued-cert", &csr],
        &[
            "--id-scope",
            "0ne1",
            "--cert",
            &file,
            "--key",
            &csr,
            "--csr",
            &csr,
            "--issued-cert",
            &csr,
        ],
        &[&["--ca", &given], &issued[..]].concat(),
        &[&["--extra-ca", &given], &issued[..]].concat(),
        &[&["--cert", &given, "--key", &csr], &issued[..]].concat(),
        &[&["--local", "--payload", &at_given], &issued[..]].concat(),
        &[
            "--local",
            "--store",
            &unfinished,
            "--csr",
            &csr,
            "--issued-cert",
            &path("store.json.bad"),
        ],
    ] {
        let run = dps(&[&["register", "--json"], words].concat()).await;
        assert_eq!((run.code, run.kind().as_str()), (2, "input"), "{words:?}: {run:?}");
        assert!(run.message().contains("expected a file of its own"), "{run:?}");
        assert_eq!(
            (run.stderr.as_str(), listing(folder.path())),
            ("", before.clone()),
            "{run:?}"
        );
    }
}

#[tokio::test]
async fn a_file_keeps_its_owner() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = at(folder.path(), |path| old_file(path, 0o640));
    if is_root() {
        run(process::Command::new("chown").arg(NOBODY.to_string()).arg(&file)).expect("chown");
    }
    let owner = fs::metadata(&file).expect("a file").uid();
    let run = dps(&["register", "--local", "--store", file.to_str().expect("UTF-8")]).await;
    assert_eq!(
        (run.code, fs::metadata(&file).expect("a file").uid()),
        (0, owner),
        "{run:?}"
    );
    assert!(
        fs::read_to_string(&file).expect("a file").contains("local-hub"),
        "{run:?}"
    );
}
