//! The layout: at three widths nothing is cut, and no word is broken.

use serde_json::{Value, json};

use super::{
    browser::Browser,
    scene::{LONG_ID, Scene},
};

/// What does not fit: the document, elements whose content is wider than they are, and words in two lines.
///
/// A word is a run of letters and digits; one that is longer than a line (an id, a thumbprint) may be broken.
const MISFITS: &str = r"(() => {
  const misfits = [];
  const { scrollWidth } = document.scrollingElement;
  if (scrollWidth > innerWidth) misfits.push(`the document is ${scrollWidth} wide`);
  const name = (it) => `${it.tagName}#${it.id}.${it.className} in ${it.closest('section')?.id || it.closest('section')?.textContent.slice(0, 20)}`;
  for (const it of document.querySelectorAll('body *')) {
    if (!it.getClientRects().length || it.closest('.unseen, thead, script, option, select, .skip')) continue;
    const { left, right } = it.getBoundingClientRect();
    if (left < -1 || right > innerWidth + 1) misfits.push(`outside: ${name(it)} ${left} to ${right}`);
    const isBlock = !getComputedStyle(it).display.startsWith('inline');
    if (isBlock && it.scrollWidth > it.clientWidth + 2) misfits.push(`cut: ${name(it)} ${it.scrollWidth} in ${it.clientWidth}`);
  }
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const text = texts.currentNode;
    if (text.parentElement.closest('.unseen, script, option, .skip')) continue;
    const head = text.parentElement.closest('thead');
    // Where a table is a list of cards, its head is for screen readers.
    if (head && getComputedStyle(head).clipPath !== 'none') continue;
    for (const word of text.data.matchAll(/[A-Za-z0-9]{1,24}(?![A-Za-z0-9])/g)) {
      if (/[A-Za-z0-9]/.test(text.data[word.index - 1] ?? ' ')) continue;
      const range = document.createRange();
      range.setStart(text, word.index);
      range.setEnd(text, word.index + word[0].length);
      const lines = new Set(Array.from(range.getClientRects(), (it) => Math.round(it.top)));
      if (lines.size > 1) misfits.push(`broken: ${word[0]} in ${name(text.parentElement)}`);
    }
  }
  return misfits;
})()";

#[tokio::test]
#[ignore = "needs chromium: cargo xtask external"]
async fn nothing_is_cut_and_no_word_is_broken_at_380_1200_and_1600_pixels() {
    let scene = Scene::start().await;
    for fragment in ["thermostat-3", LONG_ID, "pump-1"] {
        let mut page = Browser::open(&scene.page(fragment), 380, 900).await;
        page.wait_for("document.querySelectorAll('#steps .step').length > 3")
            .await;
        for width in [380, 700, 1200, 1600] {
            page.resize(width, 900).await;
            let misfits = page.evaluate(MISFITS).await;
            assert_eq!(misfits, json!([]), "{fragment} at {width}");
        }
    }
}

#[tokio::test]
#[ignore = "needs chromium: cargo xtask external"]
async fn forms_and_payloads_fit_too_when_they_are_unfolded() {
    let scene = Scene::start().await;
    let mut page = Browser::open(&scene.page_with_token(), 380, 900).await;
    page.wait_for("!document.getElementById('reset').hidden").await;
    page.evaluate("location.hash = '#pump-1'").await;
    page.wait_for("document.querySelectorAll('#steps .step').length > 3")
        .await;
    page.evaluate("document.querySelectorAll('details').forEach((it) => { it.open = true })")
        .await;
    for width in [380, 700, 1200, 1600] {
        page.resize(width, 900).await;
        assert_eq!(page.evaluate(MISFITS).await, json!([]), "at {width}");
    }
}

#[tokio::test]
#[ignore = "needs chromium: cargo xtask external"]
async fn the_check_finds_what_is_cut_and_what_is_broken() {
    let scene = Scene::start().await;
    let mut page = Browser::open(&scene.page("thermostat-3"), 1200, 900).await;
    page.wait_for("document.querySelectorAll('#steps .step').length > 3")
        .await;
    page.evaluate("document.getElementById('devices-title').style.cssText = 'width: 30px; overflow-wrap: anywhere'")
        .await;
    page.evaluate("document.getElementById('scope').style.cssText = 'display: block; width: 9px; overflow: hidden; white-space: nowrap'").await;
    page.evaluate("document.querySelector('h1').style.cssText = 'min-width: 1300px'")
        .await;
    let misfits = page.evaluate(MISFITS).await;
    for kind in ["the document is", "outside: H1", "cut: STRONG#scope", "broken: Devices"] {
        let is_found = |it: &Value| it.as_str().is_some_and(|it| it.starts_with(kind));
        assert!(
            misfits.as_array().expect("a list").iter().any(is_found),
            "no {kind} in {misfits}"
        );
    }
}
