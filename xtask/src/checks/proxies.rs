//! `proxies`: `dps` registers through proxy programs that others wrote, over both transports, and tells their refusals.

mod stage;

use std::process::Output;

use serde_json::Value;

use self::stage::{Run, Stage};
use super::{
    Check, Context,
    cases::{self, lacks, not_run},
};
use crate::report::{Finding, Report};

pub(super) const CHECK: Check = Check {
    name: "proxies",
    about: "`dps` registers through Debian's tinyproxy and microsocks",
    can_fix: false,
    in_ci: false,
    run,
};

const INSTALL: &str = "apt-get update && apt-get install -y --no-install-recommends tinyproxy microsocks";

const USER: &str = "device";
const PASSWORD: &str = "s3cret-word";
/// In what HTTP's Basic scheme makes of them.
const BASIC: &str = "ZGV2aWNlOnMzY3JldC13b3Jk";

/// How a registration ends.
enum End {
    Assigned,
    /// With exit code 4, kind `connect`, and a message that holds these words.
    Refused(&'static str),
}

/// One registration, and how it must end.
struct Case {
    about: &'static str,
    run: Run,
    end: End,
}

fn run(context: &Context) -> Report {
    if let Some(report) = lacks(&["tinyproxy", "microsocks"], INSTALL) {
        return report;
    }
    match Stage::set(context) {
        Ok(stage) => play(&stage),
        Err(why) => not_run(Finding::general(why, "see above")),
    }
}

fn play(stage: &Stage) -> Report {
    let outcomes = cases(stage).into_iter().map(|case| {
        let outcome = stage.dps(&case.run).and_then(|output| judge(&output, &case.end));
        (case.about, outcome)
    });
    let report = cases::report(outcomes);
    if !report.findings.is_empty() {
        stage.show_logs();
    }
    report
}

fn cases(stage: &Stage) -> Vec<Case> {
    let login = format!("{USER}:{PASSWORD}@");
    let http = |login: &str| Run::through(&format!("http://{login}127.0.0.1:{}", stage.http_port));
    let socks = |login: &str| Run::through(&format!("socks5://{login}127.0.0.1:{}", stage.socks_port));
    let case = |about, run, end| Case { about, run, end };
    vec![
        case("HTTP CONNECT, MQTT", http(&login), End::Assigned),
        case("HTTP CONNECT, WebSocket", http(&login).over_websocket(), End::Assigned),
        case("SOCKS5, MQTT", socks(&login), End::Assigned),
        case("SOCKS5, WebSocket", socks(&login).over_websocket(), End::Assigned),
        case(
            "SOCKS5 from the environment, MQTT",
            socks(&login).named_by("all_proxy"),
            End::Assigned,
        ),
        case(
            "HTTP CONNECT from the environment, WebSocket",
            http(&login).over_websocket().named_by("HTTPS_PROXY"),
            End::Assigned,
        ),
        case(
            "HTTP CONNECT, no login",
            http(""),
            End::Refused("so it wants a user name and a password"),
        ),
        case(
            "HTTP CONNECT, wrong login",
            http("device:other@"),
            End::Refused("so it does not accept the user name and password"),
        ),
        case(
            "HTTP CONNECT, a port that it does not allow",
            http(&login).at_port(stage.closed_port),
            End::Refused("status 403 (Access violation)"),
        ),
        case(
            "SOCKS5, no login",
            socks(""),
            End::Refused("it wants a login, such as user name and password"),
        ),
        case(
            "SOCKS5, wrong login",
            socks("device:other@"),
            End::Refused("it does not accept the user name and password"),
        ),
        case(
            "SOCKS5, a port that nobody listens on",
            socks(&login).at_port(stage.closed_port),
            End::Refused("(SOCKS5 reply 5)"),
        ),
    ]
}

/// What is worth saying about a run that ended as it must; otherwise what is wrong with it.
fn judge(output: &Output, end: &End) -> Result<String, String> {
    let stdout = String::from_utf8_lossy(&output.stdout);
    let stderr = String::from_utf8_lossy(&output.stderr);
    if [PASSWORD, BASIC]
        .iter()
        .any(|secret| stdout.contains(secret) || stderr.contains(secret))
    {
        return Err("the output, in which everything is traced, holds the password".to_owned());
    }
    let answer: Value = serde_json::from_str(&stdout).map_err(|error| format!("{error} in {stdout:?}, {stderr}"))?;
    let message = answer["error"]["message"].as_str().unwrap_or_default();
    let is_as_expected = match end {
        End::Assigned => {
            output.status.code() == Some(0)
                && answer["status"] == "assigned"
                && stderr.contains("the proxy has connected")
        }
        End::Refused(words) => {
            output.status.code() == Some(4)
                && answer["error"]["kind"] == "connect"
                && message.contains("the proxy ")
                && message.contains(words)
        }
    };
    match (is_as_expected, end) {
        (false, _) => Err(format!("{}, {answer}", output.status)),
        (true, End::Assigned) => Ok(format!("assigned to {}", answer["assignedHub"])),
        (true, End::Refused(_)) => Ok(message.to_owned()),
    }
}
