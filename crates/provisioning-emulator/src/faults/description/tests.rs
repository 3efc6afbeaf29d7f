//! Reading and writing faults.

use serde_json::json;

use super::*;

fn error(json: Value) -> String {
    serde_json::from_value::<Fault>(json).expect_err("no fault").to_string()
}

#[test]
fn every_name_is_read_and_written_alike() {
    for json in [
        json!({"name": "refuse", "step": "answer", "code": 429, "retryAfter": 7, "count": "always"}),
        json!({"name": "delay", "step": "tls", "seconds": 1.5, "count": 2}),
        json!({"name": "withhold", "step": "suback", "count": 1, "device": "d"}),
        json!({"name": "close", "step": "tcp", "afterReceived": 9, "count": 1}),
        json!({"name": "reset", "step": "puback", "afterSent": 0, "count": 1}),
        json!({"name": "garbage", "step": "upgrade", "count": 1}),
        json!({"name": "split", "step": "unsuback", "size": 3, "seconds": 0.25, "count": 1}),
        json!({"name": "join", "step": "puback", "count": 1}),
        json!({"name": "reorder", "step": "puback", "count": 1}),
        json!({"name": "duplicate", "step": "pingresp", "count": 1}),
        json!({"name": "wrongRequestId", "step": "answer", "requestId": "x", "beside": true, "count": 1}),
        json!({"name": "foreignRequestId", "step": "answer", "beside": false, "count": 1}),
        json!({"name": "assigning", "step": "answer", "count": 1}),
        json!({"name": "body", "step": "answer", "body": "", "count": 1}),
        json!({"name": "truncatedBody", "step": "answer", "count": 1}),
        json!({"name": "oversizedBody", "step": "answer", "size": 5, "count": 1}),
        json!({"name": "error", "step": "request", "code": 401, "errorCode": 401_002, "message": "no", "retryAfter": "soon", "count": 1}),
        json!({"name": "polls", "step": "polling", "polls": 0, "count": 1}),
        json!({"name": "fail", "step": "outcome", "errorCode": 400_209, "message": "no hub", "count": 1}),
        json!({"name": "disable", "step": "outcome", "count": 1}),
        json!({"name": "issue", "step": "certificate", "chain": null, "count": 1}),
        json!({"name": "issue", "step": "certificate", "count": 1}),
    ] {
        let fault: Fault = serde_json::from_value(json.clone()).expect("a fault");
        assert_eq!(serde_json::to_value(fault).expect("JSON"), json);
    }
}

#[test]
fn what_is_left_out_has_its_default() {
    let read = |json| serde_json::from_value::<Fault>(json).expect("a fault");
    let fault = |effect, step| Fault::new(effect, step).expect("a fault");
    assert_eq!(
        read(json!({"name": "close", "step": "connack"})),
        fault(Effect::Close(Cut::Now), Step::Connack)
    );
    assert_eq!(
        read(json!({"name": "split", "step": "tcp"})),
        fault(Effect::Split { size: 1, pause: PAUSE }, Step::Tcp)
    );
    assert_eq!(
        read(json!({"name": "oversizedBody"})),
        fault(Effect::OversizedBody { size: OVERSIZE }, Step::Answer)
    );
}

#[test]
fn what_does_not_belong_together_is_named() {
    for (json, message) in [
        (
            json!({"name": "explode", "step": "tcp"}),
            "no fault is called `explode`; the names are refuse, delay, ",
        ),
        (
            json!({"name": "join", "step": "tcp"}),
            "the fault `join` cannot happen at the step `tcp`",
        ),
        (
            json!({"name": "body", "body": "", "step": "suback"}),
            "the fault `body` cannot happen at the step `suback`",
        ),
        (
            json!({"name": "polls", "step": "answer", "polls": 1}),
            "the fault `polls` cannot happen at the step `answer`",
        ),
        (
            json!({"name": "delay", "step": "outcome", "seconds": 1}),
            "the fault `delay` cannot happen at the step `outcome`",
        ),
        (
            json!({"name": "refuse", "step": "answer", "retryAfter": "soon"}),
            "`retryAfter` is \"soon\"; at this step it is a number",
        ),
        (
            json!({"name": "refuse", "step": "puback"}),
            "the fault `refuse` cannot happen at the step `puback`",
        ),
        (json!({"name": "close"}), "the fault `close` needs `step`"),
        (
            json!({"name": "delay", "step": "tcp"}),
            "the fault `delay` needs `seconds`",
        ),
        (
            json!({"name": "delay", "step": "tcp", "seconds": -1}),
            "`seconds` is -1; a time is 0 or more seconds",
        ),
        (
            json!({"name": "delay", "step": "tcp", "seconds": 1, "size": 1}),
            "`size` has no meaning for",
        ),
        (
            json!({"name": "refuse", "step": "connack", "code": 6}),
            "`code` is 6; at this step it is 1 to 5",
        ),
        (
            json!({"name": "refuse", "step": "tls", "code": 6}),
            "`code` has no meaning for the fault or step `tls`",
        ),
        (
            json!({"name": "refuse", "step": "connack", "retryAfter": 6}),
            "`retryAfter` has no meaning for",
        ),
        (
            json!({"name": "close", "step": "answer", "afterReceived": 6}),
            "`afterReceived` has no meaning for",
        ),
        (
            json!({"name": "close", "step": "tcp", "afterReceived": 6, "afterSent": 1}),
            "`afterSent` and",
        ),
        (
            json!({"name": "split", "step": "tcp", "size": 0}),
            "`size` is 0; here it is 1 to ",
        ),
        (
            json!({"name": "oversizedBody", "size": 100_000_000}),
            "`size` is 100000000; here it is 0 to 16777216",
        ),
        (
            json!({"name": "join", "step": "puback", "count": 0}),
            "expected a count of 1 or more, or `always`",
        ),
        (
            json!({"name": "join", "step": "puback", "count": -1}),
            "expected a count of 1 or more, or `always`",
        ),
        (
            json!({"name": "join", "step": "puback", "count": "ever"}),
            "expected a count of 1 or more, or `always`",
        ),
        (
            json!({"name": "join", "step": "pubak"}),
            "unknown variant `pubak`, expected one of `tcp`, `tls`",
        ),
        (
            json!({"name": "join", "step": "puback", "times": 1}),
            "unknown field `times`",
        ),
    ] {
        let error = error(json);
        assert!(error.contains(message), "{error}");
    }
}
