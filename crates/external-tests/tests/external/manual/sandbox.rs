//! A shell in namespaces of its own: a network with loopback only, a file `/etc/hosts` that can be changed, and
//! processes that end with the shell.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{self, Stdio},
    time::Duration,
};

use tempfile::TempDir;
use test_support::without_dps_variables;
use tokio::{
    io::AsyncWriteExt,
    process::{Child, ChildStdin},
    time::{Instant, sleep},
};

use crate::support::{CACHE_DIR, build_program, installed};

/// The longest time that a command may take: an install downloads packages.
const TIMEOUT: Duration = Duration::from_secs(300);

/// Prepares the namespaces and the folder, beside which there is what a page uses of this project. `bash` reads the
/// commands of the page after it.
const START: &str = r#"
ip link set lo up || exit
mount --bind "$SANDBOX/hosts" /etc/hosts || exit
ln -s "$DPS" "$SANDBOX/bin/dps" && ln -s "$DPS_EMULATOR" "$SANDBOX/bin/dps-emulator" || exit
# This is root already, and a machine may have no sudo.
printf '#!/bin/sh\nexec "$@"\n' >"$SANDBOX/bin/sudo" && chmod +x "$SANDBOX/bin/sudo" || exit
mkdir -p "$SANDBOX/this-project/crates/provisioning-emulator" || exit
cp -r "$CLIENTS" "$SANDBOX/this-project/crates/provisioning-emulator/clients" || exit
cd "$SANDBOX/you" || exit
unset DPS DPS_EMULATOR CLIENTS
declare -A programs
"#;

/// The shell and the files that it uses.
pub(super) struct Sandbox {
    folder: TempDir,
    shell: Child,
    stdin: ChildStdin,
    commands: usize,
}

/// How a command went.
pub(super) struct Outcome {
    /// `None` of a program that has a terminal of its own, and runs.
    pub(super) code: Option<i32>,
    /// The file with what it printed.
    pub(super) output: PathBuf,
}

impl Sandbox {
    pub(super) async fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let [bin, you] = ["bin", "you"].map(|name| folder.path().join(name));
        for folder in [&bin, &you] {
            fs::create_dir(folder).expect("a folder");
        }
        fs::copy("/etc/hosts", folder.path().join("hosts")).expect("a copy");
        let path = env::var_os("PATH").unwrap_or_default();
        let path = env::join_paths([bin].into_iter().chain(env::split_paths(&path))).expect("a path");
        let mut command = installed(&["unshare"], "util-linux");
        command.args(["--net", "--mount", "--pid", "--fork", "--kill-child", "bash"]);
        command
            .env("PATH", path)
            .env("SANDBOX", folder.path())
            .env(
                "CLIENTS",
                concat!(env!("CARGO_MANIFEST_DIR"), "/../provisioning-emulator/clients"),
            )
            .env("DPS", build_program("dps").await)
            .env("DPS_EMULATOR", build_program("dps-emulator").await)
            .env("HOST_NETWORK", format!("/proc/{}/ns/net", process::id()))
            .env("npm_config_cache", Path::new(CACHE_DIR).join("npm-cache"))
            .env("npm_config_update_notifier", "false")
            .env("PIP_CACHE_DIR", Path::new(CACHE_DIR).join("pip-cache"))
            .env("PIP_DISABLE_PIP_VERSION_CHECK", "1")
            .env("PYTHONUNBUFFERED", "1");
        without_dps_variables(&mut command);
        let mut shell = command
            .stdin(Stdio::piped())
            .stdout(Stdio::inherit())
            .stderr(Stdio::inherit())
            .kill_on_drop(true)
            .spawn()
            .expect("unshare is installed");
        let mut stdin = shell.stdin.take().expect("a pipe");
        stdin.write_all(START.as_bytes()).await.expect("bash reads");
        Self {
            folder,
            shell,
            stdin,
            commands: 0,
        }
    }

    /// The reader's folder, which is empty at first.
    pub(super) fn you(&self) -> PathBuf {
        self.folder.path().join("you")
    }

    /// Runs a command in the shell until it ends.
    pub(super) async fn run(&mut self, command: &str) -> Outcome {
        // The namespace reaches no registry.
        let is_install = ["npm install", "pip install"].iter().any(|word| command.contains(word));
        let command = match is_install {
            true => format!("nsenter --net=\"$HOST_NETWORK\" -- {command}"),
            false => command.to_owned(),
        };
        let file = self.next_file();
        fs::write(&file, command).expect("a file");
        let name = file.display();
        self.perform(
            &file,
            &format!(". {name} >{name}.out 2>&1 </dev/null; echo $? >{name}.code\n"),
        )
        .await
    }

    /// Starts a program in a terminal of its own, and waits until it prints one of these words or ends. A program of
    /// the same name ends first.
    pub(super) async fn start_program(&mut self, program: &str, command: &str, words: &str) -> Outcome {
        let file = self.next_file();
        let name = file.display();
        let script = format!(
            r#"if [ -n "${{programs[{program}]}}" ]; then kill ${{programs[{program}]}}; wait ${{programs[{program}]}}; fi
: >{name}.out
{command} >{name}.out 2>&1 </dev/null &
programs[{program}]=$!
while kill -0 $! 2>/dev/null && ! grep -qE '{words}' {name}.out; do sleep 0.05; done
if kill -0 $! 2>/dev/null; then echo running >{name}.code; else wait $!; echo $? >{name}.code; fi
"#
        );
        self.perform(&file, &script).await
    }

    fn next_file(&mut self) -> PathBuf {
        self.commands += 1;
        self.folder.path().join(format!("command-{}", self.commands))
    }

    async fn perform(&mut self, file: &Path, script: &str) -> Outcome {
        self.stdin.write_all(script.as_bytes()).await.expect("bash reads");
        let [output, code] = ["out", "code"].map(|extension| file.with_extension(extension));
        let deadline = Instant::now() + TIMEOUT;
        loop {
            let text = fs::read_to_string(&code).unwrap_or_default();
            if let Some(code) = text.strip_suffix('\n') {
                let code = code.parse().ok();
                return Outcome { code, output };
            }
            if let Ok(Some(status)) = self.shell.try_wait() {
                panic!("run as root: the shell ended: {status}");
            }
            assert!(Instant::now() < deadline, "not within {TIMEOUT:?}: {script}");
            sleep(Duration::from_millis(20)).await;
        }
    }
}
