//! The emulator's page in a headless Chromium: what it shows, that it is updated, and that it runs no code of a device.

mod browser;
mod relay;

use std::fs;

use self::browser::{View, element, view};

#[tokio::test]
#[ignore = "needs chromium: cargo xtask external"]
async fn the_page_is_live() {
    assert_shows(element(&view().await.dom, "live"), &[">live"]);
}

#[tokio::test]
#[ignore = "needs chromium: cargo xtask external"]
async fn a_device_is_shown_with_its_registration() {
    let words = ["device-1", "assigned", ".azure-devices.net"];
    assert_shows(element(&view().await.dom, "devices"), &words);
}

#[tokio::test]
#[ignore = "needs chromium: cargo xtask external"]
async fn the_enrollments_are_shown() {
    assert_shows(element(&view().await.dom, "enrollments"), &["group", "enabled"]);
}

/// Both registrations are in the log. The second happened after the first answer with the emulator's state.
#[tokio::test]
#[ignore = "needs chromium: cargo xtask external"]
async fn the_log_grows_while_the_page_is_open() {
    let View { dom, requested, .. } = view().await;
    let connects = element(dom, "entries").matches("→ CONNECT<").count();
    assert_eq!(connects, 2, "after requests for {requested:?}");
}

#[tokio::test]
#[ignore = "needs chromium: cargo xtask external"]
async fn markup_that_a_device_sends_is_shown_as_text() {
    let dom = &view().await.dom;
    assert!(dom.contains("&lt;script&gt;document.title"), "the payload is not shown");
    assert_eq!(dom.matches("<script").count(), 1, "the page has one script");
    assert!(!dom.contains("<img"), "the page has no image");
    assert!(
        dom.contains("<title>DPS emulator</title>"),
        "the payload has changed the title"
    );
}

#[tokio::test]
#[ignore = "needs chromium: cargo xtask external"]
async fn a_filter_without_matches_hides_all_entries() {
    assert_shows(element(&view().await.filtered_dom, "log-count"), &[">0 of "]);
}

#[tokio::test]
#[ignore = "needs chromium: cargo xtask external"]
async fn the_browser_requests_only_the_page_and_its_state() {
    let requested = &view().await.requested;
    let is_expected = |path: &String| path == "/" || path.starts_with("/state.json?after=");
    assert!(
        requested.len() > 2 && requested.iter().all(is_expected),
        "{requested:?}"
    );
}

#[tokio::test]
#[ignore = "needs chromium: cargo xtask external"]
async fn a_picture_of_the_page_is_kept() {
    let picture = &view().await.picture;
    let bytes = fs::read(picture).expect("a picture");
    let is_page = bytes.starts_with(b"\x89PNG") && bytes.len() > 10_000;
    assert!(is_page, "{} does not show a page", picture.display());
}

#[track_caller]
fn assert_shows(element: &str, words: &[&str]) {
    for word in words {
        assert!(element.contains(word), "no {word:?} in {element:?}");
    }
}
