//! The page without a mouse, and for a screen reader.

use serde_json::json;

use super::{browser::Browser, scene::Scene};

/// What has the focus.
const FOCUS: &str = "document.activeElement.id || document.activeElement.getAttribute('href') || document.activeElement.getAttribute('aria-label') || document.activeElement.getAttribute('aria-labelledby') || document.activeElement.textContent.slice(0, 20)";

#[tokio::test]
#[ignore = "needs chromium: cargo xtask external"]
async fn a_device_is_chosen_with_the_keyboard_and_keeps_the_focus_while_the_lists_change() {
    let scene = Scene::start().await;
    let mut page = Browser::open(&scene.page(""), 1200, 900).await;
    let mut visited = vec![];
    // Every control shows that it has the focus.
    while visited.len() < 60 {
        page.press("Tab").await;
        let focus = page.evaluate(FOCUS).await;
        let is_visible = "(() => { const style = getComputedStyle(document.activeElement); \
                          return style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2 })()";
        assert_eq!(page.evaluate(is_visible).await, true, "{focus}");
        visited.push(focus.as_str().expect("a name").to_owned());
        if focus == "#pump-1" {
            break;
        }
    }
    for stop in [
        "skip",
        "filter",
        "refusals-title",
        "#thermostat-3",
        "devices-title",
        "#pump-1",
    ] {
        assert!(visited.iter().any(|it| it == stop), "no {stop} in {visited:?}");
    }
    page.press("Enter").await;
    page.wait_for("document.getElementById('exchange-title').textContent === 'Exchange of pump-1'")
        .await;
    scene.register("pump-2", json!({})).await;
    page.wait_for("document.getElementById('devices').textContent.includes('pump-2')")
        .await;
    assert_eq!(page.evaluate(FOCUS).await, "#pump-1");
}

#[tokio::test]
#[ignore = "needs chromium: cargo xtask external"]
async fn the_first_key_leads_past_the_lists_to_the_exchange() {
    let scene = Scene::start().await;
    let mut page = Browser::open(&scene.page("pump-1"), 1200, 900).await;
    page.press("Tab").await;
    page.press("Enter").await;
    assert_eq!(page.evaluate("document.activeElement.id").await, "exchange-title");
    assert_eq!(page.evaluate("location.hash").await, "#pump-1");
}

#[tokio::test]
#[ignore = "needs chromium: cargo xtask external"]
async fn sections_have_headings_tables_captions_and_controls_names() {
    let scene = Scene::start().await;
    let mut page = Browser::open(&scene.page_with_token(), 1200, 900).await;
    page.wait_for("!document.getElementById('reset').hidden").await;
    let nameless = "[\
        ...Array.from(document.querySelectorAll('section')).filter((it) => !document.getElementById(it.getAttribute('aria-labelledby'))), \
        ...Array.from(document.querySelectorAll('table')).filter((it) => !it.caption?.textContent || !it.querySelector('th[scope=col]')), \
        ...Array.from(document.querySelectorAll('input, select, textarea')).filter((it) => !it.labels.length), \
        ...Array.from(document.querySelectorAll('button, a')).filter((it) => !it.textContent.trim()), \
        ...Array.from(document.querySelectorAll('button.row')).filter((it) => !it.getAttribute('aria-label'))].map((it) => it.outerHTML)";
    assert_eq!(page.evaluate(nameless).await, json!([]));
    let headings = page
        .evaluate("Array.from(document.querySelectorAll('h1, h2'), (it) => it.tagName)")
        .await;
    assert_eq!(headings, json!(["H1", "H2", "H2", "H2", "H2", "H2", "H2"]));
}
