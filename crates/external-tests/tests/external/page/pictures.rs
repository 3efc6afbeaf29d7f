//! The pictures of the manual and the README. The test keeps them in `target/page`.

use std::fs;

use super::{browser::Browser, scene::Scene};

#[tokio::test]
#[ignore = "needs chromium: cargo xtask external"]
async fn pictures_of_the_page_are_kept() {
    let scene = Scene::start().await;
    let mut page = Browser::open(&scene.page_with_token_of("thermostat-3"), 1200, 880).await;
    page.wait_for("document.querySelectorAll('#steps .step').length > 3")
        .await;
    let refused = page.keep_picture("page-refused.png").await;
    page.evaluate("location.hash = '#pump-1'").await;
    page.wait_for("document.getElementById('exchange-title').textContent === 'Exchange of pump-1'")
        .await;
    page.darken().await;
    page.resize(1200, 1000).await;
    let assigned = page.keep_picture("page-assigned.png").await;
    page.resize(380, 800).await;
    let narrow = page.keep_picture("page-narrow.png").await;
    for path in [refused, assigned, narrow] {
        let bytes = fs::read(&path).expect("a picture");
        let is_page = bytes.starts_with(b"\x89PNG") && bytes.len() > 10_000;
        assert!(is_page, "{} does not show a page", path.display());
    }
}
