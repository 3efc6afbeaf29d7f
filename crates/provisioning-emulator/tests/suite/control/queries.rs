//! Queries, page by page.

use provisioning_emulator::Emulator;
use serde_json::json;

use super::{call, enrollment, put};
use crate::support::{
    Device, builder,
    http::{Answer, Call},
    in_memory, plain,
};

async fn query(emulator: &Emulator, path: &str, text: &str, headers: &[(&str, &str)]) -> Answer {
    let call = Call::new(emulator, "POST", path).json(&json!({ "query": text }));
    let call = headers
        .iter()
        .fold(call, |call, (name, value)| call.header(name, value));
    call.send(emulator).await
}

fn ids(answer: &Answer) -> Vec<String> {
    assert_eq!(answer.status, 200, "{answer:?}");
    let items = answer.json();
    let items = items.as_array().expect("an array").iter();
    items
        .map(|item| item["registrationId"].as_str().expect("an id").to_owned())
        .collect()
}

async fn with_enrollments(ids: &[&str]) -> Emulator {
    let emulator = in_memory();
    for id in ids {
        assert_eq!(
            put(&emulator, &format!("/enrollments/{id}"), &enrollment(id))
                .await
                .status,
            200
        );
    }
    emulator
}

#[tokio::test(start_paused = true)]
async fn the_pages_of_a_query_skip_no_item_when_items_are_deleted_in_the_meantime() {
    let emulator = with_enrollments(&["e", "B", "d", "c", "a"]).await;
    let page = async |token: Option<&str>| {
        let mut headers = vec![("x-ms-max-item-count", "2")];
        headers.extend(token.map(|token| ("x-ms-continuation", token)));
        query(&emulator, "/enrollments/query", "select * from enrollments", &headers).await
    };
    let first = page(None).await;
    assert_eq!(ids(&first), ["a", "B"]);
    assert_eq!(first.header("x-ms-item-type"), Some("Enrollment"));
    call(&emulator, "DELETE", "/enrollments/a").await;
    let second = page(first.header("x-ms-continuation")).await;
    assert_eq!(ids(&second), ["c", "d"]);
    let third = page(second.header("x-ms-continuation")).await;
    assert_eq!(ids(&third), ["e"]);
    assert_eq!(third.header("x-ms-continuation"), None, "it was the last");
}

#[tokio::test(start_paused = true)]
async fn a_full_page_is_the_last_if_there_are_no_further_items() {
    let emulator = with_enrollments(&["a", "b"]).await;
    for size in ["2", "0", "-1", "99999999999"] {
        let answer = query(&emulator, "/enrollments/query", "*", &[("x-ms-max-item-count", size)]).await;
        assert_eq!(
            (ids(&answer).len(), answer.header("x-ms-continuation")),
            (2, None),
            "{size}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_page_of_large_items_ends_after_about_a_mebibyte() {
    let emulator = in_memory();
    for number in 10..30 {
        let mut large = enrollment(&number.to_string());
        large["initialTwin"] = json!({"properties": {"desired": {"text": "x".repeat(120_000)}}});
        assert_eq!(
            put(&emulator, &format!("/enrollments/{number}"), &large).await.status,
            200
        );
    }
    let (mut found, mut token) = (vec![], None);
    loop {
        let mut headers = vec![("x-ms-max-item-count", "1000")];
        headers.extend(token.as_deref().map(|token| ("x-ms-continuation", token)));
        let page = query(&emulator, "/enrollments/query", "*", &headers).await;
        assert!(page.body.len() < 1_200_000, "{}", page.body.len());
        found.extend(ids(&page));
        token = page.header("x-ms-continuation").map(str::to_owned);
        if token.is_none() {
            break;
        }
    }
    let all: Vec<_> = (10..30).map(|number: u8| number.to_string()).collect();
    assert_eq!(found, all);
}

#[tokio::test(start_paused = true)]
async fn the_text_of_a_query_is_evaluated_only_if_asked() {
    let emulator = with_enrollments(&["a", "b"]).await;
    for text in [
        "",
        "SELECT *",
        "SELECT * FROM enrollments WHERE registrationId = 'b'",
        "select count(*) from enrollments",
        "slect",
    ] {
        assert_eq!(
            ids(&query(&emulator, "/enrollments/query", text, &[]).await),
            ["a", "b"],
            "{text:?}"
        );
    }
    let emulator = builder().evaluate_queries(true).start_in_memory().expect("an emulator");
    for id in ["a", "b"] {
        put(&emulator, &format!("/enrollments/{id}"), &enrollment(id)).await;
    }
    let text = "SELECT * FROM enrollments WHERE registrationId = 'b'";
    assert_eq!(ids(&query(&emulator, "/enrollments/query", text, &[]).await), ["b"]);
}

#[tokio::test(start_paused = true)]
async fn groups_have_queries_of_their_own() {
    let emulator = with_enrollments(&["a"]).await;
    let answer = query(&emulator, "/enrollmentGroups/query", "*", &[]).await;
    assert!(!answer.body.contains("registrationId"), "{answer:?}");
    assert_eq!(answer.header("x-ms-item-type"), Some("EnrollmentGroup"));
}

#[tokio::test(start_paused = true)]
async fn an_unsupported_query_is_refused_with_the_supported_form() {
    let emulator = builder().evaluate_queries(true).start_in_memory().expect("an emulator");
    let answer = query(&emulator, "/enrollments/query", "select count(*) from enrollments", &[]).await;
    assert_eq!(answer.refusal(400), 400_004);
    assert!(answer.body.contains("`select * from <name>` is"), "{answer:?}");
    for headers in [("x-ms-max-item-count", "many"), ("x-ms-continuation", "*")] {
        let answer = query(&emulator, "/enrollments/query", "*", &[headers]).await;
        assert_eq!(answer.refusal(400), 400_004, "{headers:?}");
        assert!(answer.body.contains(headers.0), "{answer:?}");
    }
    let answer = Call::new(&emulator, "POST", "/enrollments/query")
        .json(&json!({"query": 1}))
        .send(&emulator)
        .await;
    assert_eq!(answer.refusal(400), 400_004);
}

#[tokio::test(start_paused = true)]
async fn a_query_without_a_body_is_for_all_items() {
    let emulator = with_enrollments(&["a"]).await;
    assert_eq!(ids(&call(&emulator, "POST", "/enrollments/query").await), ["a"]);
    for path in ["/enrollmentGroups/query", "/registrations/g/query"] {
        assert_eq!(call(&emulator, "POST", path).await.status, 200, "{path}");
    }
    let empty = Call::new(&emulator, "POST", "/enrollments/query").json(&json!({}));
    assert_eq!(ids(&empty.send(&emulator).await), ["a"]);
}

#[tokio::test(start_paused = true)]
async fn all_registrations_and_those_of_a_group_come_in_pages() {
    let emulator = in_memory();
    let devices = ["e", "B", "d", "c", "a"];
    for id in devices {
        Device::ready(plain(&emulator), id).await.register(id).await;
    }
    for (method, path) in [
        ("GET", "/emulator/registrations"),
        ("POST", "/registrations/LOCAL-devices/query"),
    ] {
        let (mut found, mut token) = (vec![], String::new());
        loop {
            let call = Call::new(&emulator, method, path).header("x-ms-max-item-count", "2");
            let page = call.header("x-ms-continuation", &token).send(&emulator).await;
            assert!((1..=2).contains(&ids(&page).len()), "{page:?}");
            found.extend(ids(&page));
            match page.header("x-ms-continuation") {
                Some(next) => next.clone_into(&mut token),
                None => break,
            }
        }
        assert_eq!(found, ["a", "B", "c", "d", "e"], "{path}");
    }
}
