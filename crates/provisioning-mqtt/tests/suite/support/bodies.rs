//! Bodies of responses.

pub(crate) const ASSIGNING: &str = r#"{"operationId":"4.op","status":"assigning"}"#;

pub(crate) const ASSIGNED: &str = r#"{"operationId":"4.op","status":"assigned","registrationState":{"registrationId":"device-1","assignedHub":"hub.test","deviceId":"device-1","status":"assigned"}}"#;

pub(crate) const INVALID_CERTIFICATE: &str = r#"{"errorCode":401002,"trackingId":"8ad0463c","message":"Invalid certificate.","timestampUtc":"2020-04-10T05:24:22.4718526Z"}"#;
