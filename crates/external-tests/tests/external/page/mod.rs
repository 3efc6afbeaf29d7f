//! The emulator's page in a headless Chromium: what it shows, that it is updated, that it runs no code of a device; its
//! layout, its keys and its forms.

mod browser;
mod forms;
mod keys;
mod layout;
mod pictures;
mod scene;

use provisioning_emulator::Enrollment;
use serde_json::json;

use self::{
    browser::Browser,
    scene::{MARKUP, Scene},
};

#[tokio::test]
#[ignore = "needs chromium: cargo xtask external"]
async fn the_page_shows_devices_enrollments_and_faults_and_the_log_grows_while_it_is_open() {
    let scene = Scene::start().await;
    let mut page = Browser::open(&scene.page(""), 1200, 900).await;
    assert_shows(
        &page.text("#devices").await,
        &["pump-1", "✓ assigned", "contoso-hub.azure-devices.net", "✕ failed"],
    );
    assert_shows(
        &page.text("#enrollments").await,
        &["boiler-7", "– disabled", "local-devices", "✓ enabled"],
    );
    assert_shows(&page.text("#faults").await, &["fail at outcome", "meter-12", "always"]);
    let before = page.evaluate("document.getElementById('entries').rows.length").await;
    scene.register("pump-2", json!({})).await;
    page.wait_for("document.getElementById('devices').textContent.includes('pump-2')")
        .await;
    page.wait_for(&format!(
        "document.getElementById('entries').rows.length >= {before} + 10"
    ))
    .await;
}

#[tokio::test]
#[ignore = "needs chromium: cargo xtask external"]
async fn each_refusal_is_on_top_with_its_sentence_its_device_its_port_and_its_peer() {
    let scene = Scene::start().await;
    let mut page = Browser::open(&scene.page(""), 1200, 900).await;
    let entries = scene.dps.emulator.log();
    let refusals: Vec<_> = entries.iter().filter(|entry| entry.is_refusal()).collect();
    assert_eq!(refusals.len(), 3, "{refusals:?}");
    let rows = page
        .evaluate("Array.from(document.getElementById('refused').rows, (it) => it.textContent)")
        .await;
    let rows = rows.as_array().expect("rows");
    assert_eq!(rows.len(), refusals.len());
    // The newest first.
    for (row, refusal) in rows.iter().zip(refusals.iter().rev()) {
        let row = row.as_str().expect("text").to_lowercase();
        let texts = [
            refusal.reason.clone().expect("a reason").to_lowercase(),
            refusal.registration_id.clone().unwrap_or("unknown".to_owned()),
            refusal.peer.expect("a peer").to_string(),
            "port mqtt".to_owned(),
        ];
        assert_shows(&row, &texts);
    }
    // It says so aloud, and not by colour alone.
    scene.fail_with_foreign_certificate("gateway-old").await;
    page.wait_for("document.getElementById('news').textContent.startsWith('gateway-old was refused: ')")
        .await;
    assert_eq!(page.evaluate("document.getElementById('news').role").await, "status");
    // The same again is no further row.
    scene.fail_with_foreign_ca("camera-4").await;
    page.wait_for("document.getElementById('refused').textContent.includes('2 times')")
        .await;
}

#[tokio::test]
#[ignore = "needs chromium: cargo xtask external"]
async fn the_exchange_of_a_refused_device_names_the_fault_and_marks_the_step() {
    let scene = Scene::start().await;
    let mut page = Browser::open(&scene.page("thermostat-3"), 1200, 900).await;
    page.wait_for("document.querySelectorAll('#steps .step').length > 3")
        .await;
    let steps = page
        .evaluate("Array.from(document.querySelectorAll('#steps .step'), (it) => [it.className, it.textContent])")
        .await;
    let steps = steps.as_array().expect("steps").clone();
    let find = |words: &str| {
        let found = steps
            .iter()
            .position(|it| it[1].as_str().is_some_and(|text| text.contains(words)));
        found.unwrap_or_else(|| panic!("no {words:?} in {steps:?}"))
    };
    let connect = find("Device to service: CONNECT");
    let fault = find("fault triggered: refuse at connack");
    let refused = find("Service to device: CONNACK 5");
    assert!(connect < fault && fault < refused, "{steps:?}");
    assert_shows(steps[refused][1].as_str().expect("text"), &["✕ refused: "]);
    assert!(
        steps[refused][0]
            .as_str()
            .is_some_and(|style| style.contains("refused")),
        "{steps:?}"
    );
    // The arrow points from the service, on the right, to the device.
    let sides = "(() => { const [left, right] = document.querySelectorAll('.ends strong'); \
                 return [left.textContent, right.textContent, left.getBoundingClientRect().right < right.getBoundingClientRect().left] })()";
    assert_eq!(
        page.evaluate(sides).await,
        json!(["thermostat-3", "DPS emulator", true])
    );
    let of_others = "Array.from(document.getElementById('entries').rows).filter((it) => !it.hidden && !it.textContent.includes('thermostat-3') && it.dataset.id)";
    assert_eq!(page.evaluate(&format!("{of_others}.length")).await, 0);
}

#[tokio::test]
#[ignore = "needs chromium: cargo xtask external"]
async fn a_device_that_was_refused_before_it_said_its_name_has_an_exchange_too() {
    let scene = Scene::start().await;
    let mut page = Browser::open(&scene.page(""), 1200, 900).await;
    // `camera-4` does not get as far as CONNECT.
    let link = "Array.from(document.querySelectorAll('#refused a')).find((it) => it.textContent.startsWith('unknown'))";
    page.evaluate(&format!("{link}.click()")).await;
    page.wait_for("document.getElementById('exchange-title').textContent.startsWith('Exchange of connection ')")
        .await;
    assert_shows(&page.text("#steps .refused").await, &["✕ refused (tls): "]);
}

#[tokio::test]
#[ignore = "needs chromium: cargo xtask external"]
async fn a_malformed_address_is_a_device_that_is_not_there() {
    let scene = Scene::start().await;
    let mut page = Browser::open(&scene.page("%"), 1200, 900).await;
    assert!(page.text("#log-count").await.starts_with("0 of "));
}

#[tokio::test]
#[ignore = "needs chromium: cargo xtask external"]
async fn a_long_list_says_how_many_there_are() {
    let scene = Scene::start().await;
    for number in 0..1500 {
        let enrollment = Enrollment::individual(format!("lamp-{number}"));
        scene.dps.emulator.enroll(enrollment).expect("room");
    }
    let mut page = Browser::open(&scene.page(""), 1200, 900).await;
    // The first 200, and two groups, of 1,500 beside that of the scene.
    assert_eq!(page.text("#enrollments-count").await, "202 of 1,503");
}

#[tokio::test]
#[ignore = "needs chromium: cargo xtask external"]
async fn markup_that_a_device_sends_is_shown_as_text() {
    let scene = Scene::start().await;
    let mut page = Browser::open(&scene.page(""), 1200, 900).await;
    page.wait_for(&format!(
        "document.getElementById('entries').textContent.includes({:?})",
        &MARKUP[..30]
    ))
    .await;
    let counts = page
        .evaluate("[document.scripts.length, document.images.length, document.title]")
        .await;
    assert_eq!(counts, json!([1, 0, "DPS emulator"]));
}

#[tokio::test]
#[ignore = "needs chromium: cargo xtask external"]
async fn a_device_that_is_not_there_hides_all_entries() {
    let scene = Scene::start().await;
    let mut page = Browser::open(&scene.page("nobody"), 1200, 900).await;
    assert!(page.text("#log-count").await.starts_with("0 of "));
    page.wait_for("document.querySelector('#exchange .empty').textContent.includes('nothing about it')")
        .await;
}

#[tokio::test]
#[ignore = "needs chromium: cargo xtask external"]
async fn the_browser_requests_only_the_page_and_its_state_and_sends_the_token_in_no_address() {
    let scene = Scene::start().await;
    let mut page = Browser::open(&scene.page_with_token(), 1200, 900).await;
    page.wait_for("performance.getEntriesByType('resource').length > 2")
        .await;
    let requested = page
        .evaluate("performance.getEntriesByType('resource').map((it) => it.name)")
        .await;
    let origin = format!("http://{}/state.json?after=", scene.dps.emulator.page_address());
    let is_expected = |url: &serde_json::Value| {
        url.as_str()
            .is_some_and(|url| url.starts_with(&origin) && !url.contains("token"))
    };
    assert!(
        requested.as_array().expect("a list").iter().all(is_expected),
        "{requested}"
    );
    // It is in no bookmark either.
    let address = page.evaluate("location.href").await;
    assert_eq!(address, format!("http://{}/", scene.dps.emulator.page_address()));
}

#[track_caller]
fn assert_shows(text: &str, words: &[impl AsRef<str>]) {
    for word in words {
        let word = word.as_ref();
        assert!(text.contains(word), "no {word:?} in {text:?}");
    }
}
