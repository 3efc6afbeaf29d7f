//! What `dps` prints and writes: the object of every command, text that is safe for a terminal, and what is lost.

#[cfg(target_os = "linux")]
mod files;
mod json;
#[cfg(target_os = "linux")]
mod streams;
#[cfg(unix)]
mod terminal;
mod untrusted_text;

/// What `dps register --store` writes.
#[cfg(target_os = "linux")]
fn stored(device: &str) -> String {
    format!(
        r#"{{"format":1,"host":"h","idScope":"0ne1","registrationId":"{device}","assignment":
        {{"registrationState":{{"assignedHub":"hub.example","deviceId":"{device}"}}}}}}"#
    )
}
