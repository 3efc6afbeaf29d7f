//! SIGKILL at random instants: what was acknowledged is there after the next start.

use std::{
    collections::BTreeMap,
    fs, io,
    path::Path,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{
    net::TcpStream,
    process::{Child, Command},
    task::JoinSet,
    time::{Instant, sleep},
};
use tokio_rustls::TlsConnector;

use crate::{
    command::{command, end, folder, free_ports, started},
    enrollments::hmac,
    support::{
        http::{self, Answer, Call, Token},
        tls,
    },
};

/// How many kills, an even number; few unless the variable says more, as `cargo xtask external` does.
const KILLS: &str = "DPS_EMULATOR_TEST_KILLS";

/// The etags of enrollments and of registrations as they were acknowledged last, by their ids, which differ. `None` was
/// deleted. What was requested and not acknowledged is not in it: both outcomes are right.
#[derive(Clone, Default)]
struct Acknowledged(Arc<Mutex<BTreeMap<String, Option<String>>>>);

impl Acknowledged {
    fn all(&self) -> MutexGuard<'_, BTreeMap<String, Option<String>>> {
        self.0.lock().expect("no panic")
    }

    fn set(&self, what: &str, etag: Option<String>) {
        self.all().insert(what.to_owned(), etag);
    }

    fn is_changing(&self, what: &str) {
        self.all().remove(what);
    }

    /// How many ids begin so.
    fn count(&self, prefix: char) -> usize {
        self.all().keys().filter(|id| id.starts_with(prefix)).count()
    }
}

/// A running emulator, as its callers and devices see it.
#[derive(Clone)]
struct Running {
    control_port: u16,
    web_port: u16,
    token: String,
    group_key: String,
    tls: TlsConnector,
}

impl Running {
    async fn start(dir: &Path) -> (Child, Self) {
        let words = words(dir);
        let words: Vec<_> = words.iter().map(String::as_str).collect();
        let (child, _) = started(dir, &words).await;
        let read = |name: &str| fs::read_to_string(dir.join(name)).expect("a file");
        let ready: Value = serde_json::from_str(&read("ready.json")).expect("JSON");
        let port = |name: &str| u16::try_from(ready[name].as_u64().expect("a number")).expect("a port");
        let running = Self {
            control_port: port("controlPort"),
            web_port: port("wsPort"),
            token: Token::parse(ready["connectionString"].as_str().expect("text")).sign(),
            group_key: read("group.key").trim().to_owned(),
            tls: tls::anonymous(&read("ca.pem")),
        };
        (child, running)
    }

    /// The answer, unless the emulator is gone.
    async fn send(&self, port: u16, request: &str) -> io::Result<Answer> {
        let tcp = TcpStream::connect(("127.0.0.1", port)).await?;
        http::try_send(tls::connect(&self.tls, "localhost", tcp).await?, request).await
    }

    fn call(&self, method: &str, path: &str) -> Call {
        Call::with_token(method, &format!("{path}?api-version=2021-10-01"), &self.token)
    }

    async fn answer(&self, call: Call) -> io::Result<Answer> {
        self.send(self.control_port, &call.text()).await
    }

    /// Creates enrollments, updates and deletes some of them, until the emulator is gone.
    async fn change(self, prefix: String, acknowledged: Acknowledged) -> io::Result<()> {
        let etag = |answer: &Answer| {
            assert_eq!(answer.status, 200, "{answer:?}");
            answer.json()["etag"].as_str().map(str::to_owned)
        };
        for number in 0.. {
            let id = format!("e{prefix}-{number}");
            let path = format!("/enrollments/{id}");
            let body = json!({"registrationId": id, "attestation": {"type": "symmetricKey"}});
            let made = self.answer(self.call("PUT", &path).json(&body)).await?;
            acknowledged.set(&id, etag(&made));
            if number % 3 == 1 {
                acknowledged.is_changing(&id);
                let update = self.call("PUT", &path).header("If-Match", "*").json(&body);
                acknowledged.set(&id, etag(&self.answer(update).await?));
            }
            if number % 3 == 2 {
                acknowledged.is_changing(&id);
                let deleted = self.answer(self.call("DELETE", &path)).await?;
                assert_eq!(deleted.status, 204, "{deleted:?}");
                acknowledged.set(&id, None);
            }
        }
        Ok(())
    }

    /// Registers devices over HTTPS, registers some of them again and deletes the registrations of others, until the
    /// emulator is gone.
    async fn register(self, prefix: String, acknowledged: Acknowledged) -> io::Result<()> {
        for number in 0.. {
            let id = format!("d{prefix}-{number}");
            acknowledged.set(&id, Some(self.registered(&id).await?));
            if number % 3 == 1 {
                acknowledged.is_changing(&id);
                acknowledged.set(&id, Some(self.registered(&id).await?));
            }
            if number % 3 == 2 {
                acknowledged.is_changing(&id);
                let path = format!("/registrations/{id}");
                let deleted = self.answer(self.call("DELETE", &path)).await?;
                assert_eq!(deleted.status, 204, "{deleted:?}");
                acknowledged.set(&id, None);
            }
        }
        Ok(())
    }

    /// The etag of the new registration of a device, whose key is derived from that of the group.
    async fn registered(&self, id: &str) -> io::Result<String> {
        let resource = format!("0ne00000000%2Fregistrations%2F{id}");
        let token = Token {
            key: STANDARD.encode(hmac(&STANDARD.decode(&self.group_key).expect("base64"), id)),
            policy: "registration".to_owned(),
            resource,
            expires_in: 3600,
        };
        let target = format!("/0ne00000000/registrations/{id}/register?api-version=2021-06-01");
        let request = Call::with_token("PUT", &target, &token.sign()).text();
        let answer = self.send(self.web_port, &request).await?;
        assert_eq!(answer.status, 200, "{answer:?}");
        let etag = answer.json()["registrationState"]["etag"].as_str().map(str::to_owned);
        Ok(etag.unwrap_or_else(|| panic!("no etag: {answer:?}")))
    }

    /// The etags of all enrollments and registrations.
    async fn known(&self) -> BTreeMap<String, String> {
        let mut known = BTreeMap::new();
        for (method, path) in [("POST", "/enrollments/query"), ("GET", "/emulator/registrations")] {
            let mut next = Some(String::new());
            while let Some(token) = next {
                let call = self.call(method, path).header("x-ms-max-item-count", "1000");
                let page = self.answer(call.header("x-ms-continuation", &token)).await;
                let page = page.expect("an answer");
                assert_eq!(page.status, 200, "{page:?}");
                let items = page.json();
                let text = |item: &Value, name: &str| item[name].as_str().expect("text").to_owned();
                let items = items.as_array().expect("an array").iter();
                known.extend(items.map(|item| (text(item, "registrationId"), text(item, "etag"))));
                next = page.header("x-ms-continuation").map(str::to_owned);
            }
        }
        known
    }
}

/// The flags of each start.
fn words(dir: &Path) -> Vec<String> {
    let path = |name: &str| dir.join(name).to_str().expect("text").to_owned();
    let (ready_file, config) = (path("ready.json"), path("config.toml"));
    let words = ["--persist", "--ready-file", &ready_file, "--config", &config];
    words.map(str::to_owned).to_vec()
}

/// A folder with a configuration.
fn configured() -> TempDir {
    let dir = folder();
    fs::write(
        dir.path().join("config.toml"),
        "pollsBeforeAssigning = 0\n[[devices]]\nregistrationId = \"d\"\n",
    )
    .expect("written");
    dir
}

/// How many kills there are.
fn kills() -> usize {
    std::env::var(KILLS).map_or(4, |kills| kills.parse().expect("a number"))
}

/// A random instant within `time`, in the part of it that belongs to this kill: the kills are spread over all of it.
fn instant(kill: usize, kills: usize, time: Duration) -> Duration {
    let part = time / u32::try_from(kills).expect("few");
    part.mul_f64(fastrand::f64()) + part * u32::try_from(kill).expect("few")
}

/// How long a start takes on this machine, in a new folder.
async fn start_time() -> Duration {
    let (dir, start) = (configured(), Instant::now());
    let _running = Running::start(dir.path()).await;
    start.elapsed()
}

/// Starts an emulator, and kills it after this time.
async fn killed_after(dir: &Path, time: Duration) {
    let words = words(dir);
    let words: Vec<_> = words.iter().map(String::as_str).collect();
    let mut child = command(dir, &[&free_ports()[..], &words].concat())
        .spawn()
        .expect("started");
    sleep(time).await;
    child.kill().await.expect("SIGKILL");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_that_was_acknowledged_is_lost_when_the_emulator_is_killed_at_any_instant() {
    let (kills, start_time) = (kills(), start_time().await);
    let dir = configured();
    let acknowledged = Acknowledged::default();
    // Two kills each: one after the start, and one during the start that follows.
    let rounds = kills / 2;
    for round in 0..=rounds {
        let (mut child, running) = Running::start(dir.path()).await;
        let known = running.known().await;
        for (id, etag) in acknowledged.all().iter() {
            assert_eq!(known.get(id), etag.as_ref(), "{id} after {} kills", 2 * round);
        }
        if round == rounds {
            break;
        }
        let mut workers = JoinSet::new();
        for worker in 0..3 {
            let (running, acknowledged) = (running.clone(), acknowledged.clone());
            workers.spawn(running.change(format!("{round}-{worker}"), acknowledged));
        }
        for worker in 0..3 {
            let (running, acknowledged) = (running.clone(), acknowledged.clone());
            workers.spawn(running.register(format!("{round}-{worker}"), acknowledged));
        }
        sleep(instant(round, rounds, Duration::from_millis(400))).await;
        child.kill().await.expect("SIGKILL");
        while let Some(ended) = workers.join_next().await {
            assert!(ended.expect("no panic").is_err(), "the emulator is gone");
        }
        killed_after(dir.path(), instant(round, rounds, start_time)).await;
    }
    let (enrollments, registrations) = (acknowledged.count('e'), acknowledged.count('d'));
    println!("{kills} kills, {enrollments} enrollments and {registrations} registrations acknowledged");
    assert!(
        enrollments > rounds && registrations > rounds,
        "hardly anything was acknowledged"
    );
}

/// Ctrl-C ends a start as it ends the running emulator. Before its handlers are installed, the system ends the process, which
/// has written nothing.
#[tokio::test]
async fn ctrl_c_during_a_start_ends_it_with_0_and_leaves_a_folder_that_the_next_start_uses() {
    use std::os::unix::process::ExitStatusExt;

    let (kills, start_time) = (kills(), start_time().await);
    let mut handled = 0;
    for kill in 0..kills {
        let dir = configured();
        let home = dir.path().join("home");
        let words = words(dir.path());
        let words: Vec<_> = words.iter().map(String::as_str).collect();
        let mut child = command(&home, &[&free_ports()[..], &words].concat())
            .spawn()
            .expect("started");
        sleep(instant(kill, kills, start_time)).await;
        let id = child.id().expect("running").to_string();
        let sent = Command::new("kill").args(["-s", "INT", &id]).status().await;
        assert!(sent.expect("kill").success());
        let status = child.wait().await.expect("an end");
        match status.signal() {
            None => {
                assert_eq!(status.code(), Some(0));
                handled += 1;
            }
            Some(_) => assert!(!home.exists(), "{status:?}"),
        }
        let (child, _) = started(&home, &words).await;
        end(child, "INT").await;
    }
    assert!(handled > 0, "no start was interrupted");
}

#[tokio::test]
async fn a_folder_whose_first_start_was_killed_at_any_instant_is_used_by_the_next_one() {
    let (kills, start_time) = (kills(), start_time().await);
    for kill in 0..kills {
        let dir = configured();
        killed_after(dir.path(), instant(kill, kills, start_time)).await;
        Running::start(dir.path()).await;
    }
}
