//! `page`: the emulator's page, in a real browser: what it shows, that it grows, and that it runs nothing from outside.

mod relay;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::mpsc,
    time::Duration,
};

use self::relay::Relay;
use super::{
    Check, Context,
    cases::{self, not_run},
    local_dps::LocalDps,
    programs::{Running, first_of},
};
use crate::{
    console::say,
    report::{Finding, Report},
};

pub(super) const CHECK: Check = Check {
    name: "page",
    about: "the emulator's page works in a headless Chromium",
    can_fix: false,
    in_ci: false,
    run,
};

const BROWSERS: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];
const INSTALL: &str = "apt-get update && apt-get install -y --no-install-recommends chromium";

/// How long a browser may take, registrations that it waits for included.
const LIMIT: Duration = Duration::from_secs(120);

/// What a device sends that would be the page's master, were it markup.
const MARKUP: &str =
    r#""</td></table><script>document.title='owned'</script><img src=x onerror=document.title='owned'>""#;

/// What the browser made of the page.
struct Seen {
    dom: String,
    /// The same with a filter that nothing passes.
    filtered: String,
    /// The paths that it asked for, in order.
    asked: Vec<String>,
    picture: PathBuf,
}

fn run(context: &Context) -> Report {
    let Some(browser) = first_of(&BROWSERS) else {
        return not_run(Finding::general("not installed: chromium", INSTALL));
    };
    match see(context, browser) {
        Ok(seen) => cases::report(judge(&seen)),
        Err(why) => not_run(Finding::general(why, "see above")),
    }
}

/// Registers a device before the page is opened, and again while it is open.
fn see(context: &Context, browser: &'static str) -> Result<Seen, String> {
    let emulator = LocalDps::start(context, "page", &[])?;
    let (mqtt, page) = (emulator.port("mqttPort")?, emulator.port("pagePort")?);
    let folder = context.root.join("target/page");
    fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let picture = folder.join("page.png");
    let window = Window {
        browser,
        log: folder.join("browser.log"),
        profile: emulator.scratch.file("profile"),
    };

    register(emulator.register(mqtt))?;
    let mut again = Some(emulator.register(mqtt));
    let (registered, outcome) = mpsc::channel();
    let relay = Relay::to(page, move |path| {
        // The first poll has been answered: what happens from here on is news.
        if path.starts_with("/state.json")
            && !path.ends_with("since=0")
            && let Some(again) = again.take()
        {
            // Nobody listens when the browser has failed.
            let _ = registered.send(register(again));
        }
    })?;
    let address = format!("http://127.0.0.1:{}/", relay.port);
    say(&format!(
        "{browser} looks at {address}, which leads to the page on port {page}"
    ));
    let shot = format!("--screenshot={}", picture.display());
    let dom = window.open(&["--dump-dom", &shot, &address])?;
    outcome
        .try_recv()
        .map_err(|_| "the page did not ask for news".to_owned())??;
    let asked = relay.asked();
    let filtered = window.open(&["--dump-dom", &format!("{address}#nobody")])?;
    Ok(Seen {
        dom,
        filtered,
        asked,
        picture,
    })
}

fn register(mut command: Command) -> Result<(), String> {
    let output = command.args(["--payload", MARKUP]).output();
    let output = output.map_err(|error| format!("dps could not be started: {error}"))?;
    if output.status.success() {
        Ok(())
    } else {
        Err(format!(
            "dps: {}\n{}",
            output.status,
            String::from_utf8_lossy(&output.stdout)
        ))
    }
}

/// How the browser is started.
struct Window {
    browser: &'static str,
    log: PathBuf,
    profile: PathBuf,
}

impl Window {
    /// What it says about a page, in a time of its own that stands still while answers are under way.
    fn open(&self, words: &[&str]) -> Result<String, String> {
        let mut command = Command::new(self.browser);
        command.args([
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
        ]);
        command.arg(format!("--user-data-dir={}", self.profile.display()));
        Running::start(self.browser, command.args(words), &self.log, true)?.hear(LIMIT)
    }
}

fn judge(seen: &Seen) -> Vec<(&'static str, Result<String, String>)> {
    let dom = seen.dom.as_str();
    vec![
        ("the page is live", holds(element(dom, "live"), &[">live"])),
        (
            "the device and its registration",
            holds(element(dom, "devices"), &["device-1", "assigned", ".azure-devices.net"]),
        ),
        (
            "the enrollments",
            holds(element(dom, "enrollments"), &["group", "enabled"]),
        ),
        ("the log, grown while the page was open", grown(dom, &seen.asked)),
        ("what a device sends is text", is_text(dom)),
        (
            "a filter that nothing passes",
            holds(element(&seen.filtered, "log-count"), &[">0 of "]),
        ),
        ("nothing but the page and its state is asked for", asked(&seen.asked)),
        ("the picture", picture(&seen.picture)),
    ]
}

/// The element with this id, up to the end of the first element of its kind.
fn element<'a>(dom: &'a str, id: &str) -> &'a str {
    let Some(start) = dom.find(&format!(" id=\"{id}\"")) else {
        return "";
    };
    let tag = dom[..start].rsplit('<').next().unwrap_or_default();
    let rest = &dom[start..];
    let end = rest.find(&format!("</{}>", tag.split(' ').next().unwrap_or_default()));
    &rest[..end.unwrap_or(rest.len())]
}

fn holds(text: &str, words: &[&str]) -> Result<String, String> {
    match words.iter().find(|word| !text.contains(*word)) {
        None => Ok(words.join(", ")),
        Some(word) => Err(format!("there is no {word:?} in {text:?}")),
    }
}

/// Both registrations are in the log, the second in what was asked for after the first answer.
fn grown(dom: &str, asked: &[String]) -> Result<String, String> {
    let connects = element(dom, "entries").matches("→ CONNECT<").count();
    if connects == 2 {
        Ok(format!("two registrations in {} answers", asked.len() - 1))
    } else {
        Err(format!("{connects} registrations are shown, after {asked:?}"))
    }
}

fn is_text(dom: &str) -> Result<String, String> {
    let shown = dom.matches("&lt;script&gt;document.title").count();
    let scripts = dom.matches("<script").count();
    if shown > 0 && scripts == 1 && !dom.contains("<img") && dom.contains("<title>DPS emulator</title>") {
        Ok(format!("shown {shown} times, run never"))
    } else {
        Err(format!("shown {shown} times, and there are {scripts} scripts"))
    }
}

fn asked(paths: &[String]) -> Result<String, String> {
    match paths
        .iter()
        .find(|path| *path != "/" && !path.starts_with("/state.json?since="))
    {
        None => Ok(paths.join(" ")),
        Some(other) => Err(format!("{other} was asked for")),
    }
}

fn picture(path: &Path) -> Result<String, String> {
    let bytes = fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
    if bytes.starts_with(b"\x89PNG") && bytes.len() > 10_000 {
        Ok(format!("{} bytes in {}", bytes.len(), path.display()))
    } else {
        Err(format!("{} is no picture of a page", path.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOM: &str = r#"<p><b class="x" id="a">one</b><b id="c">two</b></p>"#;

    #[test]
    fn an_element_is_found_by_its_id() {
        assert_eq!(element(DOM, "a"), r#" id="a">one"#);
        assert_eq!(element(DOM, "c"), r#" id="c">two"#);
        assert_eq!(element(DOM, "d"), "");
    }

    #[test]
    fn what_is_missing_is_told() {
        assert_eq!(holds("one two", &["two", "one"]), Ok("two, one".to_owned()));
        assert_eq!(holds("one", &["two"]), Err(r#"there is no "two" in "one""#.to_owned()));
        assert!(asked(&["/".to_owned(), "/state.json?since=0".to_owned()]).is_ok());
        assert!(asked(&["/favicon.ico".to_owned()]).is_err());
    }

    #[test]
    fn markup_that_became_an_element_is_told() {
        let page = "<title>DPS emulator</title><script>1</script>";
        assert!(is_text(&format!("{page}&lt;script&gt;document.title='owned'")).is_ok());
        assert!(is_text(page).is_err(), "it is not shown at all");
        assert!(is_text(&format!("{page}&lt;script&gt;document.title<script>2</script>")).is_err());
    }
}
