//! What the command says once it listens: the addresses, the files, and how a first device registers.

use std::{fmt::Display, path::Path};

use crate::emulator::Emulator;

/// The sentences. `device` is a device that has a certificate in the folder.
pub(super) fn welcome(emulator: &Emulator, folder: &Path, device: Option<&str>) -> String {
    let (mqtt, websocket) = (emulator.mqtt_address(), emulator.websocket_address());
    let (control, page) = (emulator.control_address(), emulator.page_address());
    let id_scope = emulator.id_scope();
    let file = |name: &str| folder.join(name);
    let rows = [
        ("MQTT", mqtt.clone(), "devices: MQTT 3.1.1 over TLS"),
        (
            "WebSocket",
            websocket,
            "devices: MQTT at /$iothub/websocket, and the HTTPS device API",
        ),
        (
            "control",
            control,
            "service SDKs and tests: HTTPS, with the key in control.key",
        ),
        (
            "page",
            format!("http://{page}/"),
            "browsers: refusals, devices, enrollments, faults, log",
        ),
    ];
    let mut text = "The local DPS listens. Ctrl-C ends it.\n".to_owned();
    for (name, address, purpose) in rows {
        text += &format!("  {name:<10} {address:<24} {purpose}\n");
    }
    text += &format!(
        "  {:<10} {}: devices must trust ca.pem\n  {:<10} {id_scope}\n",
        "folder",
        folder.display(),
        "id scope"
    );
    text += &format!(
        "The page, with the token of this start, which allows changes:\n  {}\n",
        emulator.page_url()
    );
    text += &match device {
        Some(device) => format!(
            "A first device:\n  dps register --host {mqtt} --id-scope {id_scope} --ca {} --cert {} --key {}",
            quoted(file("ca.pem").display()),
            quoted(file(&format!("devices/{device}.pem")).display()),
            quoted(file(&format!("devices/{device}.key")).display()),
        ),
        None => format!(
            "A device of the configuration registers at {mqtt} with the id scope {id_scope}, and trusts {}.",
            file("ca.pem").display()
        ),
    };
    text
}

/// A word for a shell.
fn quoted(word: impl Display) -> String {
    let word = word.to_string();
    let is_plain = |char: char| char.is_alphanumeric() || "/._-".contains(char);
    match word.chars().all(is_plain) {
        true => word,
        false => format!("'{}'", word.replace('\'', r"'\''")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_one_word_of_a_shell() {
        assert_eq!(quoted("/a/b-1.pem"), "/a/b-1.pem");
        assert_eq!(quoted("/it's here"), r"'/it'\''s here'");
    }
}
