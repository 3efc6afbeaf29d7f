//! A headless Chromium, driven over its DevTools protocol: it opens the page, presses keys, and takes pictures.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{
    net::TcpStream,
    time::{sleep, timeout},
};
use tokio_tungstenite::{WebSocketStream, client_async, tungstenite::Message};

use crate::support::{CACHE_DIR, Running, installed};

const BROWSERS: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];

const FLAGS: [&str; 10] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--hide-scrollbars",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--remote-debugging-port=0",
];

/// How long the browser has for its start, an answer, or what a test waits for.
const LIMIT: Duration = Duration::from_secs(60);

/// A browser with one page.
pub(super) struct Browser {
    socket: WebSocketStream<TcpStream>,
    session: Option<String>,
    last_id: u64,
    // Dropped in this order: the program uses the folder.
    _program: Running,
    _profile: TempDir,
}

impl Browser {
    /// Opens the page at this address, in a window of this size, and waits until it shows the emulator's state.
    pub(super) async fn open(url: &str, width: u32, height: u32) -> Self {
        let mut browser = Self::start().await;
        let target = browser.call("Target.createTarget", json!({"url": "about:blank"})).await;
        let attach = json!({"targetId": target["targetId"], "flatten": true});
        let attached = browser.call("Target.attachToTarget", attach).await;
        browser.session = attached["sessionId"].as_str().map(str::to_owned);
        browser.resize(width, height).await;
        browser.call("Page.navigate", json!({"url": url})).await;
        browser
            .wait_for("document.getElementById('live')?.textContent.endsWith('live')")
            .await;
        browser
    }

    async fn start() -> Self {
        let profile = tempfile::tempdir().expect("a folder");
        let mut command = installed(&BROWSERS, "chromium");
        command
            .args(FLAGS)
            .arg(format!("--user-data-dir={}", profile.path().display()));
        let program = Running::start("the browser", &mut command);
        let address = profile.path().join("DevToolsActivePort");
        // Its lines are the port and the path.
        let (port, path) = within("the browser did not start", async {
            loop {
                let text = fs::read_to_string(&address).unwrap_or_default();
                if let Some((port, path)) = text.trim_end().split_once('\n') {
                    return (port.parse::<u16>().expect("a port"), path.to_owned());
                }
                sleep(Duration::from_millis(20)).await;
            }
        })
        .await;
        let stream = TcpStream::connect(("127.0.0.1", port))
            .await
            .expect("the browser listens");
        let (socket, _) = client_async(format!("ws://127.0.0.1:{port}{path}"), stream)
            .await
            .expect("a WebSocket");
        Self {
            socket,
            session: None,
            last_id: 0,
            _program: program,
            _profile: profile,
        }
    }

    /// The value of a JavaScript expression, once it is there if it is a promise.
    pub(super) async fn evaluate(&mut self, expression: &str) -> Value {
        let parameters = json!({"expression": expression, "returnByValue": true, "awaitPromise": true});
        let answer = self.call("Runtime.evaluate", parameters).await;
        let exception = &answer["exceptionDetails"];
        assert!(exception.is_null(), "{expression}: {exception}");
        answer["result"]["value"].clone()
    }

    /// The text of the first element that matches.
    pub(super) async fn text(&mut self, selector: &str) -> String {
        let text = self
            .evaluate(&format!("document.querySelector({selector:?}).textContent"))
            .await;
        text.as_str().expect("text").to_owned()
    }

    /// Waits until the expression is true.
    pub(super) async fn wait_for(&mut self, expression: &str) {
        let wait = format!("not true in time: {expression}");
        within(&wait, async {
            while self.evaluate(&format!("Boolean({expression})")).await != true {
                sleep(Duration::from_millis(50)).await;
            }
        })
        .await;
    }

    /// Presses `Tab`, `Enter`, `Space` or `ArrowDown`.
    pub(super) async fn press(&mut self, key: &str) {
        let (name, code, text) = match key {
            "Tab" => ("Tab", 9, ""),
            "Enter" => ("Enter", 13, "\r"),
            "Space" => (" ", 32, " "),
            "ArrowDown" => ("ArrowDown", 40, ""),
            _ => panic!("no such key: {key}"),
        };
        for kind in ["keyDown", "keyUp"] {
            let text = if kind == "keyDown" { text } else { "" };
            let event = json!({"type": kind, "key": name, "code": key, "windowsVirtualKeyCode": code, "text": text});
            self.call("Input.dispatchKeyEvent", event).await;
        }
    }

    /// Types into the element that has the focus.
    pub(super) async fn write(&mut self, text: &str) {
        self.call("Input.insertText", json!({"text": text})).await;
    }

    pub(super) async fn resize(&mut self, width: u32, height: u32) {
        let size = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false});
        self.call("Emulation.setDeviceMetricsOverride", size).await;
    }

    /// Prefers dark colours, as its user could.
    pub(super) async fn darken(&mut self) {
        let features = json!([{"name": "prefers-color-scheme", "value": "dark"}]);
        self.call("Emulation.setEmulatedMedia", json!({ "features": features }))
            .await;
    }

    /// Keeps a picture of the window in `target/page`.
    pub(super) async fn keep_picture(&mut self, name: &str) -> PathBuf {
        let answer = self.call("Page.captureScreenshot", json!({"format": "png"})).await;
        let picture = STANDARD
            .decode(answer["data"].as_str().expect("a picture"))
            .expect("base64");
        let path = Path::new(CACHE_DIR).with_file_name("page").join(name);
        fs::create_dir_all(path.with_file_name("")).expect("a folder");
        fs::write(&path, picture).expect("a file");
        path
    }

    async fn call(&mut self, method: &str, parameters: Value) -> Value {
        self.last_id += 1;
        let mut request = json!({"id": self.last_id, "method": method, "params": parameters});
        if let Some(session) = &self.session {
            request["sessionId"] = session.as_str().into();
        }
        within(method, async {
            let sent = self.socket.send(Message::text(request.to_string())).await;
            sent.expect("the browser is connected");
            loop {
                let message = self
                    .socket
                    .next()
                    .await
                    .expect("the browser is connected")
                    .expect("a message");
                let answer: Value = serde_json::from_str(message.to_text().expect("text")).expect("JSON");
                // Others are events.
                if answer["id"] == self.last_id {
                    assert!(answer["error"].is_null(), "{method}: {}", answer["error"]);
                    return answer["result"].clone();
                }
            }
        })
        .await
    }
}

async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    match timeout(LIMIT, future).await {
        Ok(value) => value,
        Err(_) => panic!("{what}: nothing within {LIMIT:?}"),
    }
}
