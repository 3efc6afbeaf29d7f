//! A script that uses an SDK: it reads a question as a line of JSON, and writes the answer as another.

use serde_json::Value;
use tokio::process::Command;

use crate::support::{LocalDps, Running};

/// Runs a script until it has answered, and kills it: after a refusal, an SDK may keep connecting.
///
/// Returns the answer and the script: a failed test shows the end of its output. Node trusts the emulator's CA; Python
/// reads the CA from the question.
pub(super) async fn ask(
    name: &'static str,
    mut command: Command,
    dps: &LocalDps,
    question: &Value,
) -> (Value, Running) {
    command.env("NODE_EXTRA_CA_CERTS", dps.file("ca.pem"));
    let mut script = Running::start_piped(name, &mut command);
    let line = script.ask(&format!("{question}\n")).await;
    let answer = serde_json::from_str(&line);
    (
        answer.unwrap_or_else(|error| panic!("{error} in {line:?}, the answer to {question}")),
        script,
    )
}
