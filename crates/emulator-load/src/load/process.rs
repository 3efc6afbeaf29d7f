//! An emulator in a process of its own: its start, its end, and its figures in `/proc`.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Stdio,
    sync::Arc,
    time::Duration,
};

use rustix::{
    param::clock_ticks_per_second,
    process::{Pid, Signal, kill_process},
};
use serde_json::Value;
use tempfile::TempDir;
use tokio::{
    process::{Child, Command},
    task::JoinHandle,
    time::{Instant, sleep, timeout},
};
use tool_support::process_status::{self, field, resident};

use super::{Result, service::Service};

/// How long a start may take.
const START_LIMIT: Duration = Duration::from_secs(30);

/// How long the end is awaited, to say how long it took. Then the process is killed.
const END_LIMIT: Duration = Duration::from_secs(40);

/// How an emulator is started.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Options {
    /// Its log goes into a pipe that nobody reads.
    pub(super) stalled_log: bool,
    /// Its log goes into `log.jsonl` in its folder.
    pub(super) log_file: bool,
}

/// A running emulator.
pub(super) struct Emulator {
    /// A pipe of it, if there is one, stays open and is not read.
    child: Child,
    folder: TempDir,
    pub(super) service: Arc<Service>,
}

/// What a process uses.
#[derive(Debug, Clone, Copy)]
pub(super) struct Figures {
    pub(super) descriptors: usize,
    pub(super) threads: usize,
    /// In MiB.
    pub(super) memory: f64,
    /// The time that it has used a CPU.
    pub(super) cpu: Duration,
}

impl Emulator {
    /// Starts an emulator in a new folder.
    pub(super) async fn start(binary: &Path, options: Options) -> Result<Self> {
        Self::start_in(TempDir::new()?, binary, options).await
    }

    pub(super) async fn start_in(folder: TempDir, binary: &Path, options: Options) -> Result<Self> {
        let ready = folder.path().join("ready.json");
        // That of an earlier start in the folder says nothing about this one.
        if ready.exists() {
            fs::remove_file(&ready)?;
        }
        let mut command = Command::new(binary);
        command.arg("--dir").arg(folder.path()).arg("--ready-file").arg(&ready);
        for port in ["--mqtt-port", "--ws-port", "--control-port", "--page-port"] {
            command.args([port, "0"]);
        }
        if options.log_file {
            command.arg("--log").arg(folder.path().join("log.jsonl"));
        }
        command.stdin(Stdio::null()).stdout(Stdio::null()).kill_on_drop(true);
        if options.stalled_log {
            command.args(["--log", "/dev/stdout"]).stdout(Stdio::piped());
        }
        let mut child = command
            .spawn()
            .map_err(|error| format!("{}: {error}", binary.display()))?;
        let start = Instant::now();
        // It appears with its content.
        while !ready.exists() {
            if let Some(status) = child.try_wait()? {
                return Err(format!("the emulator ended before it listened: {status}").into());
            }
            if start.elapsed() > START_LIMIT {
                return Err("the emulator has written no ready file in 30 s".into());
            }
            sleep(Duration::from_millis(10)).await;
        }
        let object: Value = serde_json::from_slice(&fs::read(&ready)?)?;
        let service = Arc::new(Service::read(&object, folder.path())?);
        Ok(Self { child, folder, service })
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(super) fn figures(&self) -> Result<Figures> {
        let pid = self.pid()?;
        let status = process_status::read(Some(pid))?;
        Ok(Figures {
            descriptors: fs::read_dir(format!("/proc/{pid}/fd"))?.count(),
            threads: field(&status, "Threads:")?,
            memory: memory(&status)?,
            cpu: cpu_time(&fs::read_to_string(format!("/proc/{pid}/stat"))?)?,
        })
    }

    /// Watches the memory from now on.
    pub(super) fn watch_memory(&self) -> Result<Watch> {
        let pid = self.pid()?;
        let before = memory(&process_status::read(Some(pid))?)?;
        let (highest, receiver) = tokio::sync::watch::channel(before);
        let task = tokio::spawn(async move {
            while let Some(now) = process_status::read(Some(pid))
                .ok()
                .and_then(|status| memory(&status).ok())
            {
                highest.send_if_modified(|highest| {
                    let is_higher = now > *highest;
                    *highest = highest.max(now);
                    is_higher
                });
                sleep(Duration::from_millis(10)).await;
            }
        });
        Ok(Watch {
            before,
            highest: receiver,
            task,
        })
    }

    /// Sends SIGTERM. Returns the time that the process took to end, and its exit status.
    pub(super) async fn terminate(mut self) -> Result<(Duration, String)> {
        let pid = Pid::from_raw(self.pid()?.try_into()?).ok_or("the emulator has no process id")?;
        let start = Instant::now();
        kill_process(pid, Signal::TERM)?;
        let ended = timeout(END_LIMIT, self.child.wait()).await;
        let took = start.elapsed();
        match ended {
            Ok(status) => Ok((took, status?.to_string())),
            Err(_) => {
                self.child.kill().await?;
                Ok((took, "killed".to_owned()))
            }
        }
    }

    /// Ends it, and returns its folder.
    pub(super) async fn stop(self) -> Result<TempDir> {
        let Self { mut child, folder, .. } = self;
        child.kill().await?;
        Ok(folder)
    }

    fn pid(&self) -> Result<u32> {
        Ok(self.child.id().ok_or("the emulator has ended")?)
    }
}

/// The highest memory since a moment.
pub(super) struct Watch {
    before: f64,
    highest: tokio::sync::watch::Receiver<f64>,
    task: JoinHandle<()>,
}

impl Watch {
    /// How many MiB more than at the beginning the process has used at its peak.
    pub(super) fn growth(&self) -> f64 {
        *self.highest.borrow() - self.before
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The memory in `/proc/PID/status`, in MiB.
fn memory(status: &str) -> Result<f64> {
    let kib = u32::try_from(resident(status)? / 1024)?;
    Ok(f64::from(kib) / 1024.0)
}

/// The CPU time in `/proc/PID/stat`.
fn cpu_time(stat: &str) -> Result<Duration> {
    let [user, system, ..] = ticks(stat)?;
    Ok(Duration::from_secs(1) * (user + system) / u32::try_from(clock_ticks_per_second())?)
}

/// The CPU times in `/proc/PID/stat`, in ticks: of the user, of the system, and of both for children that have ended.
pub(super) fn ticks(stat: &str) -> Result<[u32; 4]> {
    // The second field is a name, which may have spaces. These are the 14th to the 17th.
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    let ticks: Vec<u32> = fields.skip(11).take(4).filter_map(|ticks| ticks.parse().ok()).collect();
    Ok(ticks.try_into().map_err(|_| "/proc has no CPU time")?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cpu_time_is_that_of_the_user_and_of_the_system() {
        let second = clock_ticks_per_second();
        let stat = format!("7 (a) b) S 1 2 3 4 5 6 7 8 9 10 {second} {} 13 14", 2 * second);
        assert_eq!(cpu_time(&stat).expect("a time"), Duration::from_secs(3));
        assert!(cpu_time("7 (a) S 1 2").is_err());
    }
}
