//! Opens the emulator's page in a browser once, for all tests of this folder.

use std::{
    fs,
    path::{Path, PathBuf},
};

use provisioning_device::X509Credential;
use provisioning_emulator::Emulator;
use serde_json::Value;
use tokio::sync::OnceCell;

use super::relay::Relay;
use crate::support::{CACHE_DIR, DEVICE, LocalDps, Running, installed};

const BROWSERS: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];

/// The browser's own clock stands still while it waits for an answer.
const FLAGS: [&str; 10] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1400,900",
    "--virtual-time-budget=5000",
];

/// A payload that changes the title if the page treats it as markup.
const MARKUP: &str = "</td></table><script>document.title='owned'</script><img src=x onerror=document.title='owned'>";

/// The page as the browser rendered it.
pub(super) struct View {
    pub(super) dom: String,
    /// The same with a filter that no entry of the log matches.
    pub(super) filtered_dom: String,
    /// The paths that the browser requested for `dom`, in order.
    pub(super) requested: Vec<String>,
    pub(super) picture: PathBuf,
}

/// Opens the page, or returns the result of the first call.
pub(super) async fn view() -> &'static View {
    static VIEW: OnceCell<View> = OnceCell::const_new();
    VIEW.get_or_init(open_page).await
}

/// Registers a device before the page is opened, and again while it is open.
async fn open_page() -> View {
    let dps = LocalDps::start_with(Emulator::builder().page_port(0)).await;
    let device = dps.emulator.issue_device(DEVICE).expect("a certificate");
    let (certificate, key) = (device.certificate_chain_pem, device.private_key_pem);
    let credential = X509Credential::from_pem(certificate.as_bytes(), key.as_bytes()).expect("a credential");
    let client = dps
        .client(credential)
        .with_payload(Value::from(MARKUP))
        .build()
        .expect("a client");
    client.register().await.expect("assigned");

    let relay = Relay::start(dps.emulator.page_port(), client).await;
    let page = format!("http://127.0.0.1:{}/", relay.port);
    let picture = Path::new(CACHE_DIR).with_file_name("page").join("page.png");
    fs::create_dir_all(picture.with_file_name("")).expect("a folder");
    // It may exist from an earlier run.
    let _ = fs::remove_file(&picture);
    let screenshot = format!("--screenshot={}", picture.display());
    let profile = format!("--user-data-dir={}", dps.file("profile").display());
    let dom = open(&[&profile, &screenshot, &page]).await;
    let requested = relay.requested();
    let filtered_dom = open(&[&profile, &format!("{page}#nobody")]).await;
    View {
        dom,
        filtered_dom,
        requested,
        picture,
    }
}

/// Opens a page, and returns its elements as text after five seconds of the browser's time.
async fn open(words: &[&str]) -> String {
    let mut command = installed(&BROWSERS, "chromium");
    command.args(FLAGS).arg("--dump-dom").args(words);
    let output = Running::start_piped("the browser", &mut command)
        .wait_with_output()
        .await;
    assert_eq!(output.code, Some(0), "the browser failed:\n{}", output.stderr);
    output.stdout
}

/// The element with this id, up to the first end of an element with the same name.
pub(super) fn element<'a>(dom: &'a str, id: &str) -> &'a str {
    let (before, _) = dom
        .split_once(&format!(" id=\"{id}\""))
        .unwrap_or_else(|| panic!("no element {id:?} in {dom}"));
    let tag = before.rsplit('<').next().unwrap_or_default();
    let name = tag.split(' ').next().unwrap_or_default();
    let element = &dom[before.len()..];
    let end = element.find(&format!("</{name}>"));
    &element[..end.unwrap_or(element.len())]
}

#[test]
fn an_element_is_found_by_its_id() {
    let dom = r#"<p><b class="x" id="a">one</b><b id="c">two</b></p>"#;
    assert_eq!(element(dom, "a"), r#" id="a">one"#);
    assert_eq!(element(dom, "c"), r#" id="c">two"#);
}
