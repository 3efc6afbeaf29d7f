//! Programs that run beside the check, from finding them to ending them.

use std::{
    env,
    ffi::OsStr,
    fs::{self, File},
    io::{self, Read},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

/// Those that are not on the search path.
pub(super) fn missing<'a>(names: &[&'a str]) -> Vec<&'a str> {
    let path = env::var_os("PATH").unwrap_or_default();
    let missing = names.iter().filter(|name| !is_in(&path, name));
    missing.copied().collect()
}

/// The first of these that is on the search path.
pub(super) fn first_of<'a>(names: &[&'a str]) -> Option<&'a str> {
    let path = env::var_os("PATH").unwrap_or_default();
    names.iter().find(|name| is_in(&path, name)).copied()
}

fn is_in(path: &OsStr, name: &str) -> bool {
    env::split_paths(path).any(|folder| folder.join(name).is_file())
}

/// A program that is ended when this is dropped.
pub(super) struct Running {
    name: &'static str,
    child: Child,
    log: PathBuf,
}

impl Running {
    /// Starts it, with what it says going to `log`; with `answers`, what it says on stdout can be read instead.
    pub(super) fn start(name: &'static str, command: &mut Command, log: &Path, answers: bool) -> Result<Self, String> {
        let failed = |error: io::Error| format!("{name} could not be started: {error}");
        let file = File::create(log).map_err(failed)?;
        let stdout = if answers {
            Stdio::piped()
        } else {
            file.try_clone().map_err(failed)?.into()
        };
        let child = command.stdin(Stdio::null()).stdout(stdout).stderr(file).spawn();
        Ok(Self {
            name,
            child: child.map_err(failed)?,
            log: log.to_owned(),
        })
    }

    pub(super) fn answers(&mut self) -> Option<ChildStdout> {
        self.child.stdout.take()
    }

    /// All that it says on stdout until it ends, which must be in time and with success. Started with `answers`.
    pub(super) fn hear(mut self, limit: Duration) -> Result<String, String> {
        let Some(mut stdout) = self.answers() else {
            return Err(format!("{} cannot be heard", self.name));
        };
        let (done, said) = mpsc::channel();
        thread::spawn(move || {
            let mut text = Vec::new();
            // Nobody listens any more once the time is over.
            let _ = done.send(stdout.read_to_end(&mut text).map(|_| text));
        });
        let said = match said.recv_timeout(limit) {
            Ok(said) => said.map_err(|error| format!("{} cannot be heard: {error}", self.name))?,
            Err(_) => return Err(format!("{} did not end within {} s", self.name, limit.as_secs())),
        };
        match self.child.wait() {
            Ok(status) if status.success() => Ok(String::from_utf8_lossy(&said).into_owned()),
            Ok(status) => Err(format!("{} ended with {status}\n{}", self.name, self.log().trim_end())),
            Err(error) => Err(format!("{} cannot be waited for: {error}", self.name)),
        }
    }

    fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Waits until it accepts connections.
    #[expect(
        clippy::disallowed_methods,
        reason = "there is no runtime here, and nothing else tells when it listens"
    )]
    pub(super) fn wait_for(&mut self, port: u16) -> Result<(), String> {
        for _ in 0..200 {
            if TcpStream::connect(loopback(port)).is_ok() {
                return Ok(());
            }
            if let Ok(Some(status)) = self.child.try_wait() {
                return Err(format!(
                    "{} ended at once: {status}\n{}",
                    self.name,
                    self.log().trim_end()
                ));
            }
            thread::sleep(Duration::from_millis(50));
        }
        Err(format!("{} does not listen on port {port}", self.name))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Ports that nobody listens on, for now.
pub(super) fn free_ports<const N: usize>() -> Result<[u16; N], String> {
    let free = || -> io::Result<Vec<u16>> {
        let listeners: io::Result<Vec<_>> = (0..N).map(|_| TcpListener::bind(loopback(0))).collect();
        listeners?.iter().map(|it| Ok(it.local_addr()?.port())).collect()
    };
    let ports = free().map_err(|error| format!("there is no free port: {error}"))?;
    ports
        .try_into()
        .map_err(|_| "there are not enough free ports".to_owned())
}

fn loopback(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}

/// A folder that is removed when this is dropped.
pub(super) struct Scratch(PathBuf);

impl Scratch {
    pub(super) fn new(name: &str) -> io::Result<Self> {
        let folder = env::temp_dir().join(format!("xtask-{name}-{}", std::process::id()));
        fs::create_dir_all(&folder).map(|()| Self(folder))
    }

    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What is left over is in the temporary folder.
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_missing_unless_a_folder_of_the_path_holds_it() {
        let here = env::current_exe().expect("a test is a program");
        let (folder, name) = (here.parent().expect("a folder"), here.file_name().expect("a name"));
        let name = name.to_str().expect("UTF-8");
        let path = env::join_paths(["/nowhere".as_ref(), folder]).expect("a path");
        assert!(is_in(&path, name));
        assert!(!is_in(OsStr::new("/nowhere"), name));
        assert_eq!(missing(&["no-such-program"]), ["no-such-program"]);
    }

    #[test]
    fn free_ports_differ_and_can_be_listened_on() {
        let can_be_listened_on = |_| {
            let [one, other] = free_ports().expect("free ports");
            assert_ne!(one, other);
            TcpListener::bind(loopback(one)).is_ok()
        };
        // Somebody else may take one in the meantime, but not each time.
        assert!((0..10).any(can_be_listened_on));
    }

    #[test]
    fn what_a_program_says_is_heard_and_its_failure_told() {
        let scratch = Scratch::new("hear").expect("a folder");
        let hear = |words: &[&str]| {
            let mut tests = Command::new(env::current_exe().expect("a test is a program"));
            tests.args(words);
            let running = Running::start("it", &mut tests, &scratch.file("log"), true).expect("it starts");
            running.hear(Duration::from_secs(60))
        };
        assert!(hear(&["--list"]).is_ok_and(|said| said.contains("is_heard_and_its_failure_told: test")));
        let error = hear(&["--no-such-option"]).expect_err("it fails");
        assert!(error.starts_with("it ended with "), "{error}");
    }

    #[test]
    fn what_ends_at_once_and_what_cannot_start_are_told() {
        let scratch = Scratch::new("programs").expect("a folder");
        let log = scratch.file("log");
        let mut ends = Command::new(env::current_exe().expect("a test is a program"));
        ends.arg("--list");
        let mut running = Running::start("it", &mut ends, &log, false).expect("it starts");
        let [port] = free_ports().expect("a free port");
        let error = running.wait_for(port).expect_err("it does not listen");
        assert!(error.starts_with("it ended at once: "), "{error}");
        let error = Running::start("it", &mut Command::new("/no/such/program"), &log, true).err();
        assert!(error.is_some_and(|error| error.starts_with("it could not be started: ")));
    }
}
