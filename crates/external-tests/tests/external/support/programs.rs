//! Programs that run beside a test: found on this machine, started, and killed when the test ends.

use std::{env, fs, net::Ipv4Addr, process::Stdio, thread, time::Duration};

use tempfile::NamedTempFile;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    process::{Child, ChildStdin, ChildStdout, Command},
    time::{sleep, timeout},
};

/// The time that a program has for each step that a test waits for.
const TIMEOUT: Duration = Duration::from_secs(60);

/// The number of lines of a program's output that a failed test shows.
const SHOWN_LINES: usize = 40;

/// The command for a program of this machine, which has one of these names.
///
/// # Panics
/// The program is not installed. The message has the command that installs its package.
pub(crate) fn installed(names: &[&str], package: &str) -> Command {
    let path = env::var_os("PATH").unwrap_or_default();
    let is_installed = |name: &&&str| env::split_paths(&path).any(|folder| folder.join(name).is_file());
    let Some(name) = names.iter().find(is_installed) else {
        panic!(
            "{} is not installed. Install it: apt-get update && apt-get install -y --no-install-recommends {package}",
            names[0]
        );
    };
    Command::new(name)
}

/// A port of 127.0.0.1 on which no program listens.
pub(crate) async fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
    listener.local_addr().expect("an address").port()
}

/// A running program. It is killed when this is dropped; a failed test then shows the end of its output.
pub(crate) struct Running {
    name: &'static str,
    child: Child,
    output: NamedTempFile,
}

/// The exit code and the output of a program that has ended.
pub(crate) struct Output {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Running {
    /// Starts a program. Its standard output and standard error are kept.
    pub(crate) fn start(name: &'static str, command: &mut Command) -> Self {
        let output = output_file();
        command
            .stdin(Stdio::null())
            .stdout(output.as_file().try_clone().expect("a file"));
        Self::spawn(name, command, output)
    }

    /// Starts a program whose standard input and standard output the test uses. Its standard error is kept.
    pub(crate) fn start_piped(name: &'static str, command: &mut Command) -> Self {
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        Self::spawn(name, command, output_file())
    }

    fn spawn(name: &'static str, command: &mut Command, output: NamedTempFile) -> Self {
        let child = command
            .stderr(output.as_file().try_clone().expect("a file"))
            .kill_on_drop(true)
            .spawn();
        let child = child.unwrap_or_else(|error| panic!("{name} could not be started: {error}"));
        Self { name, child, output }
    }

    /// Waits until the program ends. It was started with [`start_piped`](Self::start_piped).
    pub(crate) async fn wait_with_output(mut self) -> Output {
        let (stdin, mut stdout) = self.pipes();
        drop(stdin);
        let mut text = Vec::new();
        let ended = timeout(TIMEOUT, async {
            stdout.read_to_end(&mut text).await.expect("standard output");
            self.child.wait().await.expect("an exit status")
        });
        let Ok(status) = ended.await else {
            panic!("{} did not end within {TIMEOUT:?}", self.name);
        };
        Output {
            code: status.code(),
            stdout: String::from_utf8_lossy(&text).into_owned(),
            stderr: self.log(),
        }
    }

    /// Writes to the program, reads a line, and kills the program. It was started with
    /// [`start_piped`](Self::start_piped).
    pub(crate) async fn ask(&mut self, question: &str) -> String {
        let (mut stdin, stdout) = self.pipes();
        let mut line = String::new();
        let answered = timeout(TIMEOUT, async {
            stdin.write_all(question.as_bytes()).await?;
            BufReader::new(stdout).read_line(&mut line).await
        });
        let Ok(answered) = answered.await else {
            panic!("{} did not answer within {TIMEOUT:?}: {question}", self.name);
        };
        answered.unwrap_or_else(|error| panic!("{} did not answer ({error}): {question}", self.name));
        self.child.kill().await.expect("a child process");
        line
    }

    fn pipes(&mut self) -> (ChildStdin, ChildStdout) {
        let stdin = self.child.stdin.take().expect("standard input is a pipe");
        (stdin, self.child.stdout.take().expect("standard output is a pipe"))
    }

    /// Waits until the program listens on this port of 127.0.0.1.
    pub(crate) async fn wait_for(&mut self, port: u16) {
        let listens = timeout(TIMEOUT, async {
            while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.is_err() {
                if let Ok(Some(status)) = self.child.try_wait() {
                    panic!("{} ended before it listened: {status}", self.name);
                }
                sleep(Duration::from_millis(20)).await;
            }
        });
        let listens = listens.await.is_ok();
        assert!(listens, "{} does not listen on port {port}", self.name);
    }

    /// What the program has written so far, apart from what went to a pipe.
    pub(crate) fn log(&self) -> String {
        let output = fs::read(self.output.path()).expect("a temporary file");
        String::from_utf8_lossy(&output).into_owned()
    }
}

/// Standard output and standard error are written to one file: each write must go to its end.
fn output_file() -> NamedTempFile {
    let file = tempfile::Builder::new().append(true).tempfile();
    file.expect("a temporary file")
}

impl Drop for Running {
    fn drop(&mut self) {
        if !thread::panicking() {
            return;
        }
        let output = self.log();
        if !output.is_empty() {
            let lines: Vec<_> = output.lines().collect();
            let shown = &lines[lines.len().saturating_sub(SHOWN_LINES)..];
            eprintln!("-- the end of the output of {}:\n{}", self.name, shown.join("\n"));
        }
    }
}
