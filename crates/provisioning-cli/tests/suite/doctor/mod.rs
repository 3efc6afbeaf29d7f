//! `dps doctor`: what it finds, and what it sends.

mod causes;
#[cfg(unix)]
mod codes;
mod data;
mod findings;
mod page;
mod servers;
mod situations;

use serde_json::Value;

use crate::support::Run;

/// The first finding of a check.
fn finding(run: &Run, check: &str) -> Value {
    let finding = findings_of(run, check).into_iter().next();
    finding.unwrap_or_else(|| panic!("{check} in {run:?}"))
}

/// The codes of a check's findings.
fn codes_of(run: &Run, check: &str) -> Vec<String> {
    let codes = findings_of(run, check).into_iter();
    codes
        .map(|finding| finding["code"].as_str().expect("a code").to_owned())
        .collect()
}

fn findings_of(run: &Run, check: &str) -> Vec<Value> {
    let json = run.json();
    let checks = json["checks"].as_array().expect("a list").iter();
    checks.filter(|finding| finding["check"] == check).cloned().collect()
}
