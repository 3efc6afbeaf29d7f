//! Who may call.

use provisioning_emulator::Emulator;

use super::call;
use crate::support::{
    http::{Answer, Call, Token},
    in_memory,
};

async fn called_with(emulator: &Emulator, token: &str) -> Answer {
    let call = Call::with_token("GET", "/enrollments/d?api-version=2021-10-01", token);
    call.send(emulator).await
}

#[tokio::test(start_paused = true)]
async fn a_call_signed_with_the_key_is_accepted_however_its_host_is_written() {
    let emulator = in_memory();
    for resource in ["localhost", "LocalHost", "localhost:8443", "localhost%3a8443"] {
        let token = Token {
            resource: resource.into(),
            ..Token::of(&emulator)
        };
        assert_eq!(called_with(&emulator, &token.sign()).await.status, 404, "{resource}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_with_an_invalid_token_is_refused_with_401_and_the_reason() {
    let emulator = in_memory();
    let token = || Token::of(&emulator);
    let other = in_memory();
    for (token, reason) in [
        (String::new(), "the Authorization header holds no SharedAccessSignature"),
        (
            "Bearer abc".into(),
            "the Authorization header holds no SharedAccessSignature",
        ),
        (Token::of(&other).sign(), "the token is signed with another key"),
        (
            Token {
                expires_in: -5,
                ..token()
            }
            .sign(),
            "the token has expired",
        ),
        (
            Token {
                resource: "example.org".into(),
                ..token()
            }
            .sign(),
            "the token is for another host",
        ),
        (
            Token {
                policy: "registration".into(),
                ..token()
            }
            .sign(),
            "the token is not for provisioningserviceowner",
        ),
    ] {
        let answer = called_with(&emulator, &token).await;
        assert_eq!(answer.refusal(401), 401_002);
        assert_eq!(answer.json()["message"], format!("Unauthorized: {reason}."));
        assert_eq!(answer.header("www-authenticate"), Some("SharedAccessSignature"));
    }
}

#[tokio::test(start_paused = true)]
async fn without_authorization_every_path_gets_the_same_answer() {
    let emulator = in_memory();
    for path in ["/enrollments/d?api-version=2021-10-01", "/emulator/log", "/nothing"] {
        let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        let answer = crate::support::http::send(crate::support::http::control(&emulator), &request).await;
        assert_eq!(answer.refusal(401), 401_002);
        assert!(
            answer.body.contains("the Authorization header is missing"),
            "{answer:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn an_api_version_is_needed_and_any_since_the_first_is_taken() {
    let emulator = in_memory();
    for taken in [
        "2018-04-01",
        "2018-09-01",
        "2019-03-31",
        "2021-10-01",
        "2025-07-01-preview",
        "2030-01-01",
    ] {
        let path = format!("/enrollments/d?api-version={taken}");
        assert_eq!(call(&emulator, "GET", &path).await.status, 404, "{taken}");
    }
    for refused in [
        "?other=1",
        "?api-version=",
        "?api-version=2017-11-15",
        "?api-version=2021-10-01x",
        "?api-version=1",
        "?api-version=banana",
        "?api-version=2031-13-77",
    ] {
        let answer = call(&emulator, "GET", &format!("/enrollments/d{refused}")).await;
        assert_eq!(answer.refusal(400), 400_004, "{refused}");
        assert!(answer.body.contains("api-version"), "{answer:?}");
    }
}
