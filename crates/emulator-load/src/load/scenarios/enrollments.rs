//! 10,000 enrollments: listing them all, and getting one.

use std::time::Duration;

use async_trait::async_trait;
use futures_util::{StreamExt, TryStreamExt, stream};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::load::{Result, ground::Ground, http::Control, scenario::Scenario, statistics::Durations, table::Rows};

const ENROLLMENTS: usize = 10_000;

/// The most that one call creates.
const IN_ONE_CALL: usize = 10;

/// How many are read by id, one after the other.
const CALLS: usize = 200;

pub(super) struct Enrollments;

#[async_trait]
impl Scenario for Enrollments {
    fn name(&self) -> &'static str {
        "enrollments"
    }

    fn about(&self) -> &'static str {
        "10,000 enrollments: all of them in pages of 100, and one by id"
    }

    async fn run(&self, ground: &mut Ground<'_>, rows: &mut Rows<'_>) -> Result<()> {
        let control = Control::new(&ground.service);
        let start = Instant::now();
        create(&control).await?;
        rows.show(
            "to create them, 10 in a call",
            format!("{:.1} s", start.elapsed().as_secs_f64()),
        );
        let (listed, took) = list(&control).await?;
        rows.all("enrollments in all pages", listed, ENROLLMENTS);
        rows.at_most("all pages", took.as_secs_f64(), 1.0, "s");
        let by_id = get(&control).await?;
        rows.show("one by id, median", format!("{:.1} ms", by_id.percentile(50)));
        rows.at_most("one by id, p99", by_id.percentile(99), 5.0, "ms");
        drop(control);
        ground.keep_memory().await
    }
}

fn id(number: usize) -> String {
    format!("meter-{number:05}")
}

async fn create(control: &Control) -> Result<()> {
    let calls = stream::iter((0..ENROLLMENTS).step_by(IN_ONE_CALL)).map(|first| async move {
        let enrollments: Vec<_> = (first..first + IN_ONE_CALL)
            .map(|number| json!({"registrationId": id(number), "attestation": {"type": "symmetricKey"}}))
            .collect();
        let body = json!({"mode": "create", "enrollments": enrollments});
        let answer = control.call("POST", "/enrollments", &[], body.to_string()).await?;
        let answer: Value = serde_json::from_slice(&answer.body)?;
        match answer["isSuccessful"] == true {
            true => Ok(()),
            false => Err(format!("the enrollments were not created: {answer}").into()),
        }
    });
    calls.buffer_unordered(8).try_collect().await
}

/// Follows the pages. Returns how many enrollments they have, and the time.
async fn list(control: &Control) -> Result<(usize, Duration)> {
    let start = Instant::now();
    let (mut count, mut continuation) = (0, String::new());
    loop {
        let body = json!({"query": "select * from enrollments"}).to_string();
        let headers = [("x-ms-continuation", continuation.as_str())];
        let answer = control.call("POST", "/enrollments/query", &headers, body).await?;
        let page: Vec<Value> = serde_json::from_slice(&answer.body)?;
        count += page.len();
        match answer.headers.get("x-ms-continuation") {
            Some(next) => next.to_str()?.clone_into(&mut continuation),
            None => return Ok((count, start.elapsed())),
        }
    }
}

async fn get(control: &Control) -> Result<Durations> {
    let mut times = vec![];
    for call in 0..CALLS {
        let start = Instant::now();
        control
            .get(&format!("/enrollments/{}", id(call * (ENROLLMENTS / CALLS))))
            .await?;
        times.push(start.elapsed());
    }
    Ok(times.into())
}
