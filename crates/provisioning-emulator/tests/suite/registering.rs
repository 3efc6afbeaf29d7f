//! A registration from the request to its outcome: topics, bodies, retry-after and refusals.

use std::time::Duration;

use provisioning_emulator::{Builder, Device as Treated, Emulator, Link, Port, RetryAfter, Security};
use rumqttc::{Packet, PubAck, Publish, QoS, Subscribe, SubscribeFilter, SubscribeReasonCode, Unsubscribe};
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::support::{
    ANSWERS, Device, ID_SCOPE, builder, http::send, in_memory, notes, plain, query_topic, refusals, register_topic,
};

async fn started(builder: Builder) -> (Emulator, Device<Link>) {
    let emulator = builder.start_in_memory().expect("an emulator");
    let device = Device::ready(plain(&emulator), "Dev-1").await;
    (emulator, device)
}

fn id_of(body: &Value) -> &str {
    body["operationId"].as_str().expect("an operation id")
}

#[tokio::test(start_paused = true)]
async fn a_registration_is_assigning_and_then_assigned() {
    let (_emulator, mut device) = started(builder().assigned_hub("hub.example")).await;
    let first = device.register("dev-1").await;
    assert_eq!((first.status, &first.body["status"]), (202, &json!("assigning")));
    assert_eq!(first.topic, "$dps/registrations/res/202/?$rid=r&retry-after=3");
    assert!(first.body.get("registrationState").is_none(), "{first:?}");
    let id = id_of(&first.body);

    let done = device.query(id).await;
    assert_eq!(done.topic, "$dps/registrations/res/200/?$rid=q");
    assert_eq!((&done.body["status"], id_of(&done.body)), (&json!("assigned"), id));
    let state = &done.body["registrationState"];
    assert_eq!(
        state["registrationId"], "Dev-1",
        "the id that the device connected with"
    );
    assert_eq!(
        (&state["deviceId"], &state["assignedHub"]),
        (&json!("Dev-1"), &json!("hub.example"))
    );
    assert_eq!(
        (&state["status"], &state["substatus"]),
        (&json!("assigned"), &json!("initialAssignment"))
    );
    assert!(state["x509"].is_object() && state["etag"].is_string(), "{state}");
    assert!(state.get("payload").is_none(), "no payload was sent: {state}");
    for name in ["createdDateTimeUtc", "lastUpdatedDateTimeUtc"] {
        let time = state[name].as_str().expect("a time");
        assert_eq!(
            (time.len(), &time[10..11], &time[19..20], &time[27..]),
            (28, "T", ".", "Z"),
            "{name}: {time}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn with_no_polls_the_request_itself_is_answered_with_the_assignment() {
    let (_emulator, mut device) = started(builder().polls_before_assigning(0)).await;
    let answer = device.register("Dev-1").await;
    assert_eq!((answer.status, &answer.body["status"]), (200, &json!("assigned")));
}

#[tokio::test(start_paused = true)]
async fn the_answer_to_an_early_poll_has_a_registration_state() {
    let (_emulator, mut device) = started(builder().polls_before_assigning(5)).await;
    let first = device.register("Dev-1").await;
    let poll = device.query(id_of(&first.body)).await;
    assert_eq!(poll.status, 202);
    assert_eq!(id_of(&poll.body), id_of(&first.body));
    assert_eq!(
        poll.body["registrationState"],
        json!({ "registrationId": "Dev-1", "status": "assigning" })
    );
}

#[tokio::test(start_paused = true)]
async fn a_device_can_have_its_own_number_of_polls_or_never_be_assigned() {
    let own = Treated::new("DEV-1").polls_before_outcome(0);
    let (_emulator, mut device) = started(builder().polls_before_assigning(9).device(own)).await;
    assert_eq!(device.register("Dev-1").await.status, 200);

    let (_emulator, mut device) = started(builder().device(Treated::new("dev-1").never_assigned())).await;
    let first = device.register("Dev-1").await;
    for _ in 0..50 {
        assert_eq!(device.query(id_of(&first.body)).await.status, 202);
    }
}

#[tokio::test(start_paused = true)]
async fn any_payload_comes_back() {
    let (_emulator, mut device) = started(builder().polls_before_assigning(1)).await;
    for payload in [
        json!(null),
        json!(""),
        json!([1, "ü", { "a": 1.5 }]),
        json!({ "deep": [[[]]] }),
    ] {
        let body = json!({ "registrationId": "dev-1", "payload": payload }).to_string();
        let first = device.request(&register_topic("1"), &body).await;
        let done = device.query(id_of(&first.body)).await;
        assert_eq!(done.body["registrationState"].get("payload"), Some(&payload));
    }
}

#[tokio::test(start_paused = true)]
async fn retry_after_is_written_as_given() {
    for (retry_after, expected) in [
        (RetryAfter::Absent, ""),
        (RetryAfter::Seconds(0), "&retry-after=0"),
        (RetryAfter::Seconds(7200), "&retry-after=7200"),
        (RetryAfter::Verbatim("soon".to_owned()), "&retry-after=soon"),
        (RetryAfter::Verbatim("-1".to_owned()), "&retry-after=-1"),
        (RetryAfter::Verbatim("1e12".to_owned()), "&retry-after=1e12"),
    ] {
        let (_emulator, mut device) = started(builder().polls_before_assigning(3).retry_after(retry_after)).await;
        let first = device.register("Dev-1").await;
        assert_eq!(first.topic, format!("$dps/registrations/res/202/?$rid=r{expected}"));
        let poll = device.query(id_of(&first.body)).await;
        assert_eq!(poll.topic, format!("$dps/registrations/res/202/?$rid=q{expected}"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_refusal_has_its_status_and_the_service_s_error_body() {
    let refused = Treated::new("dev-1").refused(401, 401_002, "Invalid certificate.");
    let (_emulator, mut device) = started(builder().device(refused)).await;
    let (one, two) = (device.register("Dev-1").await, device.register("Dev-1").await);
    assert_eq!(one.topic, "$dps/registrations/res/401/?$rid=r", "no retry-after");
    assert_eq!(
        (&one.body["errorCode"], &one.body["message"]),
        (&json!(401_002), &json!("Invalid certificate."))
    );
    assert!(one.body["timestampUtc"].is_string(), "{one:?}");
    assert_eq!(one.body["trackingId"].as_str().expect("an id").len(), 36);
    assert_ne!(one.body["trackingId"], two.body["trackingId"]);
    device.ping().await;
}

#[tokio::test(start_paused = true)]
async fn failed_and_disabled_are_outcomes_in_the_body() {
    let failed = Treated::new("dev-1").failed(400_209, "no hub");
    let (_emulator, mut device) = started(builder().device(failed)).await;
    let first = device.register("Dev-1").await;
    assert_eq!((first.status, &first.body["status"]), (202, &json!("assigning")));
    let done = device.query(id_of(&first.body)).await;
    assert_eq!((done.status, &done.body["status"]), (200, &json!("failed")));
    let state = &done.body["registrationState"];
    assert_eq!(
        (&state["errorCode"], &state["errorMessage"]),
        (&json!(400_209), &json!("no hub"))
    );
    assert!(
        state.get("assignedHub").is_none() && state.get("deviceId").is_none(),
        "{state}"
    );

    let disabled = Treated::new("dev-1").disabled().polls_before_outcome(0);
    let (_emulator, mut device) = started(builder().device(disabled)).await;
    let done = device.register("Dev-1").await;
    assert_eq!((done.status, &done.body["status"]), (200, &json!("disabled")));
    assert!(done.body["registrationState"].get("assignedHub").is_none());
}

#[tokio::test(start_paused = true)]
async fn a_throttled_device_is_served_after_its_times_and_others_at_once() {
    let throttled = Treated::new("dev-1")
        .throttled(429, 2, RetryAfter::Seconds(9))
        .polls_before_outcome(0);
    let (emulator, mut device) = started(builder().polls_before_assigning(0).device(throttled)).await;
    for _ in 0..2 {
        let answer = device.register("Dev-1").await;
        assert_eq!(answer.topic, "$dps/registrations/res/429/?$rid=r&retry-after=9");
        assert_eq!(answer.body["errorCode"], 429_001);
    }
    let mut other = Device::ready(plain(&emulator), "other").await;
    assert_eq!(other.register("other").await.status, 200);
    assert_eq!(device.register("Dev-1").await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn throttling_reaches_polls_too_and_can_come_without_retry_after() {
    let throttled = Treated::new("dev-1").throttled(503, 1, RetryAfter::Absent);
    let (_emulator, mut device) = started(builder().device(throttled)).await;
    let answer = device.query("4.unknown").await;
    assert_eq!(answer.topic, "$dps/registrations/res/503/?$rid=q");
    assert_eq!(device.query("4.unknown").await.status, 404);
}

#[tokio::test(start_paused = true)]
async fn a_request_that_is_not_a_registration_is_a_bad_request() {
    let (_emulator, mut device) = started(builder()).await;
    for body in [
        " ",
        "{",
        "[]",
        "null",
        "{}",
        r#"{"registrationId":7}"#,
        r#"{"registrationId":"other"}"#,
    ] {
        let answer = device.request(&register_topic("1"), body).await;
        assert_eq!(answer.status, 400, "{body}");
        let code = answer.body["errorCode"].as_u64().expect("a code");
        assert!(
            (400_000..401_000).contains(&code) && answer.body["message"].is_string(),
            "{answer:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn registrations_over_the_quota_of_a_minute_are_throttled_for_all_devices() {
    let quota = builder().registrations_per_minute(2);
    let (emulator, mut device) = started(quota).await;
    let first = device.register("dev-1").await;
    sleep(Duration::from_millis(12_500)).await;
    let mut other = Device::ready(plain(&emulator), "other").await;
    assert_eq!(other.register("other").await.status, 202);
    let throttled = device.register("dev-1").await;
    assert_eq!((throttled.status, &throttled.body["errorCode"]), (429, &json!(429_001)));
    assert_eq!(
        throttled.topic, "$dps/registrations/res/429/?$rid=r&retry-after=48",
        "rounded up"
    );
    assert_eq!(
        device.query(id_of(&first.body)).await.status,
        200,
        "queries have a quota of their own"
    );
    sleep(Duration::from_secs(48)).await;
    assert_eq!(device.register("dev-1").await.status, 202);
    assert_eq!(other.register("other").await.status, 429, "it is used again");
}

#[tokio::test(start_paused = true)]
async fn queries_over_the_quota_of_a_device_are_throttled_with_or_without_retry_after() {
    for (retry_after, expected) in [
        (None, "&retry-after=10"),
        (Some(RetryAfter::Absent), ""),
        (Some(RetryAfter::Seconds(7)), "&retry-after=7"),
    ] {
        let mut quota = builder().queries_per_10_s(2).polls_before_assigning(9);
        if let Some(retry_after) = retry_after {
            quota = quota.quota_retry_after(retry_after);
        }
        let (emulator, mut device) = started(quota).await;
        let first = device.register("dev-1").await;
        let mut other = Device::ready(plain(&emulator), "other").await;
        let others = other.register("other").await;
        for _ in 0..2 {
            assert_eq!(device.query(id_of(&first.body)).await.status, 202);
        }
        let throttled = device.query(id_of(&first.body)).await;
        assert_eq!(throttled.topic, format!("$dps/registrations/res/429/?$rid=q{expected}"));
        assert_eq!(other.query(id_of(&others.body)).await.status, 202, "it has its own");
        sleep(Duration::from_secs(10)).await;
        assert_eq!(device.query(id_of(&first.body)).await.status, 202);
    }
}

#[tokio::test(start_paused = true)]
async fn an_empty_body_registers_the_device_that_is_connected() {
    let (_emulator, mut device) = started(builder()).await;
    let first = device.request(&register_topic("1"), "").await;
    assert_eq!(first.status, 202, "{first:?}");
    let done = device.query(id_of(&first.body)).await;
    assert_eq!(done.body["registrationState"]["deviceId"], "Dev-1");
}

#[tokio::test(start_paused = true)]
async fn a_member_that_the_service_does_not_know_is_a_deserialization_error() {
    let (emulator, mut device) = started(builder()).await;
    for body in [
        r#"{"registrationId":"dev-1","modelId":"dtmi:a;1"}"#,
        r#"{"registrationId":"dev-1","Payload":1}"#,
        r#"{"registrationId":"dev-1""#,
        r#"["dev-1"]"#,
    ] {
        let answer = device.request(&register_topic("1"), body).await;
        assert_eq!(
            (answer.status, &answer.body["errorCode"]),
            (400, &json!(400_012)),
            "{body}"
        );
        assert!(
            answer.body["message"]
                .as_str()
                .is_some_and(|text| text.starts_with("Deserialization error."))
        );
    }
    assert!(emulator.registrations().is_empty());
    let tpm = r#"{"registrationId":"dev-1","tpm":{"endorsementKey":"YQ=="},"payload":null}"#;
    assert_eq!(device.request(&register_topic("1"), tpm).await.status, 202);
}

#[tokio::test(start_paused = true)]
async fn a_device_that_is_registering_on_another_open_connection_is_a_conflict_until_that_connection_ends() {
    let conflicts = builder().refuse_simultaneous_registrations(true);
    let emulator = conflicts.start_in_memory().expect("an emulator");
    let mut older = Device::ready(plain(&emulator), "Dev-1").await;
    let unfinished = older.register("dev-1").await;
    assert_eq!(older.register("dev-1").await.status, 202, "on the same connection");

    let mut newer = Device::ready(plain(&emulator), "dev-1").await;
    let answer = newer.register("dev-1").await;
    assert_eq!(
        (answer.status, &answer.body["errorCode"], &answer.body["message"]),
        (409, &json!(409_203), &json!("Precondition failed."))
    );
    let path = format!("/{ID_SCOPE}/registrations/dev-1/register?api-version=2021-06-01");
    let call = format!("PUT {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
    let over_https = send(emulator.connect(Port::WebSocket, Security::Plain, 4096), &call).await;
    assert_eq!(over_https.refusal(409), 409_203);
    let mut bystander = Device::ready(plain(&emulator), "other").await;
    assert_eq!(bystander.register("other").await.status, 202);

    older.send(Packet::Disconnect).await;
    older.is_closed().await;
    assert_eq!(newer.register("dev-1").await.status, 202);
    assert_eq!(
        newer.query(id_of(&unfinished.body)).await.status,
        200,
        "an operation outlives its connection"
    );
}

#[tokio::test(start_paused = true)]
async fn a_completed_registration_is_no_conflict_and_its_connection_is_replaced() {
    let conflicts = builder().refuse_simultaneous_registrations(true);
    let emulator = conflicts.start_in_memory().expect("an emulator");
    let mut older = Device::ready(plain(&emulator), "dev-1").await;
    let first = older.register("dev-1").await;
    older.query(id_of(&first.body)).await;
    let mut newer = Device::ready(plain(&emulator), "dev-1").await;
    older.is_closed().await;
    assert_eq!(newer.register("dev-1").await.status, 202);
}

#[tokio::test(start_paused = true)]
async fn by_default_a_new_connection_replaces_the_one_that_is_registering() {
    let (emulator, mut older) = started(builder()).await;
    older.register("dev-1").await;
    let mut newer = Device::ready(plain(&emulator), "dev-1").await;
    older.is_closed().await;
    assert_eq!(newer.register("dev-1").await.status, 202);
}

#[tokio::test(start_paused = true)]
async fn an_operation_that_is_unknown_or_another_device_s_is_not_found() {
    let (emulator, mut device) = started(builder()).await;
    let first = device.register("Dev-1").await;
    let mut other = Device::ready(plain(&emulator), "other").await;
    for operation in [id_of(&first.body), "4.0000000000000000.none"] {
        let answer = other.query(operation).await;
        assert_eq!(
            (answer.status, &answer.body["errorCode"]),
            (404, &json!(404_203)),
            "{operation}"
        );
    }
    assert_eq!(
        device.query(id_of(&first.body)).await.status,
        200,
        "its own is still there"
    );
}

#[tokio::test(start_paused = true)]
async fn request_keys_come_in_any_order_and_case_and_a_missing_id_is_an_empty_one() {
    let (_emulator, mut device) = started(builder()).await;
    let body = r#"{"registrationId":"dev-1"}"#;
    let topic = |query: &str| format!("$dps/registrations/PUT/iotdps-register/?{query}");
    let answer = device.request(&topic("other=1&$RID=abc"), body).await;
    assert_eq!(answer.topic, "$dps/registrations/res/202/?$rid=abc&retry-after=3");
    assert_eq!(
        device.request(&topic(""), body).await.topic,
        "$dps/registrations/res/202/?$rid=&retry-after=3"
    );
    let query = format!("OPERATIONID={}&x=1&$rid=z", id_of(&answer.body));
    let topic = format!("$dps/registrations/GET/iotdps-get-operationstatus/?{query}");
    assert_eq!(
        device.request(&topic, "").await.topic,
        "$dps/registrations/res/200/?$rid=z"
    );
}

#[tokio::test(start_paused = true)]
async fn a_topic_that_is_not_the_service_s_ends_the_connection() {
    for topic in [
        "a",
        "$dps/registrations/res/202/?$rid=1",
        "$dps/registrations/PUT/iotdps-register",
    ] {
        let (emulator, mut device) = started(builder()).await;
        device.publish(topic, "{}").await;
        device.is_closed().await;
        assert_eq!(refusals(&emulator).len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_of_qos_0_is_answered_but_not_acknowledged() {
    let (_emulator, mut device) = started(builder()).await;
    let body = r#"{"registrationId":"dev-1"}"#;
    device
        .send(Packet::Publish(Publish::new(
            register_topic("0"),
            QoS::AtMostOnce,
            body,
        )))
        .await;
    assert_eq!(device.answer().await.status, 202);
}

#[tokio::test(start_paused = true)]
async fn no_answer_is_delivered_before_subscribe_and_after_unsubscribe() {
    let emulator = in_memory();
    let mut device = Device::accepted(plain(&emulator), "d").await;
    let pkid = device.publish(&register_topic("1"), r#"{"registrationId":"d"}"#).await;
    assert_eq!(device.receive().await, Packet::PubAck(PubAck::new(pkid)));
    device.ping().await;
    let reason = "the request is not answered: the device is not subscribed to $dps/registrations/res/#";
    assert_eq!(notes(&emulator, "refused"), [reason]);

    device.subscribe().await;
    assert_eq!(device.register("d").await.status, 202);
    let mut unsubscribe = Unsubscribe::new(ANSWERS);
    unsubscribe.pkid = 77;
    device.send(Packet::Unsubscribe(unsubscribe)).await;
    assert!(matches!(device.receive().await, Packet::UnsubAck(ack) if ack.pkid == 77));
    let pkid = device.publish(&query_topic("2", "4.x"), "").await;
    assert_eq!(device.receive().await, Packet::PubAck(PubAck::new(pkid)));
    device.ping().await;
}

#[tokio::test(start_paused = true)]
async fn only_the_answers_can_be_subscribed_to_and_qos_2_is_granted_as_1() {
    let emulator = in_memory();
    let mut device = Device::accepted(plain(&emulator), "d").await;
    let filter = |path: &str, qos| SubscribeFilter::new(path.to_owned(), qos);
    let filters = [
        "#",
        "$dps/registrations/res/+",
        "$dps/#",
        "$dps/registrations/res/200/#",
    ]
    .map(|path| filter(path, QoS::AtLeastOnce));
    let mut subscribe = Subscribe::new_many(filters.into_iter().chain([filter(ANSWERS, QoS::ExactlyOnce)]));
    subscribe.pkid = 5;
    device.send(Packet::Subscribe(subscribe)).await;
    let Packet::SubAck(ack) = device.receive().await else {
        panic!("not SUBACK")
    };
    let mut expected = vec![SubscribeReasonCode::Failure; 4];
    expected.push(SubscribeReasonCode::Success(QoS::AtLeastOnce));
    assert_eq!((ack.pkid, ack.return_codes), (5, expected));
    assert_eq!(device.register("d").await.status, 202, "and it is subscribed");
}

#[tokio::test(start_paused = true)]
async fn answers_have_packet_ids_of_their_own_that_are_not_used_again_before_they_are_acknowledged() {
    let (emulator, mut device) = started(builder()).await;
    let mut ids = Vec::new();
    for _ in 0..3 {
        let pkid = device.publish(&query_topic("1", "4.x"), "").await;
        assert_eq!(device.receive().await, Packet::PubAck(PubAck::new(pkid)));
        ids.push(device.answer().await.packet_id);
    }
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 3, "{ids:?}");
    assert!(!ids.contains(&0));
    for id in [ids[0], ids[0]] {
        device.send(Packet::PubAck(PubAck::new(id))).await;
    }
    device.ping().await;
    assert_eq!(
        notes(&emulator, "ignored").len(),
        1,
        "the second acknowledgement is one too many"
    );
}
