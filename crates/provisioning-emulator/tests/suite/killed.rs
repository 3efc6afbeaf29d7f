//! SIGKILL at random instants: what was acknowledged is there after the next start.

use std::{
    collections::BTreeMap,
    fs, io,
    path::Path,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use serde_json::{Value, json};
use tokio::{net::TcpStream, process::Child, task::JoinSet, time::sleep};
use tokio_rustls::TlsConnector;

use crate::{
    command::{folder, started},
    support::{
        http::{self, Answer, Call, Token},
        tls,
    },
};

/// How many kills; few unless the variable says more, as `cargo xtask external` does.
const KILLS: &str = "DPS_EMULATOR_TEST_KILLS";

/// The etags of enrollments as they were acknowledged last, by their ids, and that of the registration of the device. `None`
/// was deleted. What was requested and not acknowledged is not in it: both are right.
#[derive(Clone, Default)]
struct Acknowledged(Arc<Mutex<BTreeMap<String, Option<String>>>>);

const REGISTRATION: &str = "the registration";

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
}

/// A running emulator, as its callers and the device `d` see it.
#[derive(Clone)]
struct Running {
    control_port: u16,
    web_port: u16,
    token: String,
    caller: TlsConnector,
    device: TlsConnector,
}

impl Running {
    async fn start(dir: &Path) -> (Child, Self) {
        let path = |name: &str| dir.join(name).to_str().expect("text").to_owned();
        let (ready_file, config) = (path("ready.json"), path("config.toml"));
        let words = ["--persist", "--ready-file", &ready_file, "--config", &config];
        let (child, _) = started(dir, &words).await;
        let read = |name: &str| fs::read_to_string(dir.join(name)).expect("a file");
        let ready: Value = serde_json::from_str(&read("ready.json")).expect("JSON");
        let port = |name: &str| u16::try_from(ready[name].as_u64().expect("a number")).expect("a port");
        let identity = tls::identity(&read("devices/d.pem"), &read("devices/d.key"));
        let running = Self {
            control_port: port("controlPort"),
            web_port: port("wsPort"),
            token: Token::parse(ready["connectionString"].as_str().expect("text")).sign(),
            caller: tls::anonymous(&read("ca.pem")),
            device: tls::connector_with(&read("ca.pem"), identity),
        };
        (child, running)
    }

    /// The answer, unless the emulator is gone.
    async fn send(port: u16, connector: &TlsConnector, request: &str) -> io::Result<Answer> {
        let tcp = TcpStream::connect(("127.0.0.1", port)).await?;
        http::try_send(tls::connect(connector, "localhost", tcp).await?, request).await
    }

    fn call(&self, method: &str, path: &str) -> Call {
        Call::with_token(method, &format!("{path}?api-version=2021-10-01"), &self.token)
    }

    async fn answer(&self, call: Call) -> io::Result<Answer> {
        Self::send(self.control_port, &self.caller, &call.text()).await
    }

    /// Creates enrollments, updates and deletes some of them, until the emulator is gone.
    async fn change(self, prefix: String, acknowledged: Acknowledged) -> io::Result<()> {
        let etag = |answer: &Answer| {
            assert_eq!(answer.status, 200, "{answer:?}");
            answer.json()["etag"].as_str().map(str::to_owned)
        };
        for number in 0.. {
            let id = format!("{prefix}-{number}");
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

    /// Registers the device over HTTPS until the emulator is gone.
    async fn register(self, acknowledged: Acknowledged) -> io::Result<()> {
        let target = "/0ne00000000/registrations/d/register?api-version=2021-06-01";
        let request = format!("PUT {target} HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
        loop {
            acknowledged.is_changing(REGISTRATION);
            let answer = Self::send(self.web_port, &self.device, &request).await?;
            assert_eq!(answer.status, 200, "{answer:?}");
            let etag = answer.json()["registrationState"]["etag"].as_str().map(str::to_owned);
            assert!(etag.is_some(), "{answer:?}");
            acknowledged.set(REGISTRATION, etag);
        }
    }

    /// The etags of everything that it knows.
    async fn known(&self) -> BTreeMap<String, String> {
        let etag = |item: &Value| item["etag"].as_str().expect("an etag").to_owned();
        let mut known = BTreeMap::new();
        let mut token = String::new();
        loop {
            let query = self
                .call("POST", "/enrollments/query")
                .header("x-ms-max-item-count", "1000");
            let page = self
                .answer(query.header("x-ms-continuation", &token))
                .await
                .expect("an answer");
            let items = page.json();
            let items = items.as_array().expect("an array").iter();
            known.extend(items.map(|item| (item["registrationId"].as_str().expect("an id").to_owned(), etag(item))));
            match page.header("x-ms-continuation") {
                Some(next) => next.clone_into(&mut token),
                None => break,
            }
        }
        let registration = self
            .answer(self.call("GET", "/registrations/d"))
            .await
            .expect("an answer");
        if registration.status == 200 {
            known.insert(REGISTRATION.to_owned(), etag(&registration.json()));
        }
        known
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_that_was_acknowledged_is_lost_when_the_emulator_is_killed_at_any_instant() {
    let kills = std::env::var(KILLS).map_or(4, |kills| kills.parse().expect("a number"));
    let dir = folder();
    let config = "pollsBeforeAssigning = 0\n[[devices]]\nregistrationId = \"d\"\n";
    fs::write(dir.path().join("config.toml"), config).expect("written");
    let acknowledged = Acknowledged::default();
    for kill in 0..=kills {
        let (mut child, running) = Running::start(dir.path()).await;
        let known = running.known().await;
        for (what, etag) in acknowledged.all().iter() {
            assert_eq!(known.get(what), etag.as_ref(), "{what} after {kill} kills");
        }
        if kill == kills {
            break;
        }
        let mut workers = JoinSet::new();
        for worker in 0..4 {
            let (running, acknowledged) = (running.clone(), acknowledged.clone());
            workers.spawn(running.change(format!("k{kill}-w{worker}"), acknowledged));
        }
        workers.spawn(running.register(acknowledged.clone()));
        sleep(Duration::from_millis(fastrand::u64(..400))).await;
        child.kill().await.expect("SIGKILL");
        while let Some(ended) = workers.join_next().await {
            assert!(ended.expect("no panic").is_err(), "the emulator is gone");
        }
    }
    let count = acknowledged.all().len();
    println!("{kills} kills, {count} changes acknowledged");
    assert!(count > kills, "hardly anything was acknowledged: {count}");
}
