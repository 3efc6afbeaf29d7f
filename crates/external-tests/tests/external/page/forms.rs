//! The page's forms, with the token and without.

use serde_json::{Value, json};

use super::{
    browser::Browser,
    scene::{Scene, client_of},
};

#[tokio::test]
#[ignore = "needs chromium: cargo xtask external"]
async fn a_device_that_a_form_makes_registers() {
    let scene = Scene::start().await;
    let mut page = opened(&scene).await;
    // What its links save, in their order.
    page.evaluate(
        "window.saved = []; const create = URL.createObjectURL; \
         URL.createObjectURL = (blob) => { saved.push(blob); return create.call(URL, blob) }",
    )
    .await;
    // With keys only, as a person without a mouse does it.
    page.evaluate("document.getElementById('add-device').closest('details').querySelector('summary').focus()")
        .await;
    page.press("Enter").await;
    page.press("Tab").await;
    page.write("valve-9").await;
    page.press("Enter").await;
    page.wait_for("!document.getElementById('credential').hidden").await;
    let names = page
        .evaluate("Array.from(document.querySelectorAll('#credential a'), (it) => it.download)")
        .await;
    assert_eq!(names, json!(["valve-9.pem", "valve-9.key", "ca.pem"]));
    let saved = page.evaluate("Promise.all(saved.map((it) => it.text()))").await;
    let text = |index: usize| saved[index].as_str().expect("text");
    assert_eq!(text(2), scene.dps.emulator.ca_pem());
    let client = client_of(&scene.dps, text(0), text(1));
    client.register().await.expect("assigned");
    page.wait_for("document.getElementById('devices').textContent.includes('valve-9')")
        .await;
}

#[tokio::test]
#[ignore = "needs chromium: cargo xtask external"]
async fn enrollments_and_faults_are_added_and_deleted_and_the_emulator_is_reset() {
    let scene = Scene::start().await;
    let mut page = opened(&scene).await;
    submit(&mut page, "add-enrollment", "id", "lamp-5").await;
    page.wait_for("document.getElementById('enrollments').textContent.includes('lamp-5')")
        .await;
    click(&mut page, "Delete the enrollment lamp-5").await;
    page.wait_for("!document.getElementById('enrollments').textContent.includes('lamp-5')")
        .await;

    submit(&mut page, "add-fault", "device", "lamp-5").await;
    page.wait_for("document.getElementById('faults').textContent.includes('lamp-5')")
        .await;
    assert_eq!(scene.dps.emulator.faults().len(), 2);
    click(&mut page, "Delete the fault refuse at connack").await;
    page.wait_for("!document.getElementById('faults').textContent.includes('lamp-5')")
        .await;

    click(&mut page, "Forget the registration of pump-1").await;
    page.wait_for("!document.getElementById('devices').textContent.includes('pump-1')")
        .await;
    page.evaluate("document.querySelector('#reset form').requestSubmit()")
        .await;
    page.wait_for("document.getElementById('entries').rows.length === 0")
        .await;
    assert_eq!(
        page.evaluate("owners.size").await,
        0,
        "what is not in the log is forgotten"
    );
    assert_eq!(scene.dps.emulator.registrations().len(), 0);
}

#[tokio::test]
#[ignore = "needs chromium: cargo xtask external"]
async fn each_fault_that_the_form_offers_exists_at_each_step_that_it_offers() {
    let scene = Scene::start().await;
    let mut page = opened(&scene).await;
    let refused = page
        .evaluate(
            "(async () => { const refused = []; for (const [name, steps] of Object.entries(FAULTS)) for (const step of steps) { \
             try { await change('POST', '/emulator/faults', { name, step, ...PARAMETERS[name] }) } catch (error) { refused.push(error.message) } } \
             return refused })()",
        )
        .await;
    assert_eq!(refused, Value::Array(vec![]));
    assert!(scene.dps.emulator.faults().len() > 80);
}

/// An emulator that was started again may allow what the one before refused.
#[tokio::test]
#[ignore = "needs chromium: cargo xtask external"]
async fn a_page_that_is_refused_says_why_and_asks_again() {
    let scene = Scene::start().await;
    let mut page = Browser::open(&scene.page(""), 1200, 900).await;
    page.evaluate(
        "window.allowed = false; const send = fetch, later = setTimeout; \
         window.fetch = (...call) => allowed ? send(...call) : Promise.resolve(new Response('not by this name', { status: 403 })); \
         window.setTimeout = (run, time) => later(run, Math.min(time, 50)); poll()",
    )
    .await;
    page.wait_for("document.getElementById('live').textContent.includes('not by this name')")
        .await;
    page.evaluate("allowed = true").await;
    page.wait_for("document.getElementById('live').textContent.endsWith('live')")
        .await;
}

#[tokio::test]
#[ignore = "needs chromium: cargo xtask external"]
async fn a_mistake_in_a_form_is_said_beside_it() {
    let scene = Scene::start().await;
    let mut page = opened(&scene).await;
    submit(&mut page, "add-device", "registrationId", "a b").await;
    page.wait_for("document.querySelector('#add-device [role=alert]').textContent.includes('registrationId')")
        .await;
    submit(&mut page, "add-fault", "parameters", "code 5").await;
    page.wait_for("document.querySelector('#add-fault [role=alert]').textContent.includes('JSON object')")
        .await;
}

#[tokio::test]
#[ignore = "needs chromium: cargo xtask external"]
async fn without_the_token_or_with_an_old_one_the_page_offers_no_change_and_says_why() {
    let scene = Scene::start().await;
    for (fragment, reason) in [
        ("", "Read-only. To change"),
        ("token=of-an-earlier-start", "of an earlier start"),
    ] {
        let mut page = Browser::open(&scene.page(fragment), 1200, 900).await;
        assert!(page.text("#access").await.contains(reason));
        let offered =
            "Array.from(document.querySelectorAll('button, form')).filter((it) => it.checkVisibility()).length";
        assert_eq!(page.evaluate(offered).await, 0);
    }
}

/// The page with its token, when it offers changes.
async fn opened(scene: &Scene) -> Browser {
    let mut page = Browser::open(&scene.page_with_token(), 1200, 900).await;
    page.wait_for("!document.getElementById('reset').hidden").await;
    page
}

async fn submit(page: &mut Browser, form: &str, field: &str, value: &str) {
    let form = format!("document.getElementById('{form}')");
    page.evaluate(&format!(
        "{form}.elements['{field}'].value = '{value}'; {form}.requestSubmit()"
    ))
    .await;
}

async fn click(page: &mut Browser, label: &str) {
    page.evaluate(&format!("document.querySelector('[aria-label=\"{label}\"]').click()"))
        .await;
}
