//! The words of errors: those of this project, not those of a library.

use provisioning_types::{TransportError, error_message};

/// Names that are written like this in English too.
const NAMES: [&str; 4] = ["ClientHello", "WebSocket", "OpenSSL", "OpenSSH"];

/// What libraries say of the same failures.
const OF_LIBRARIES: [&str; 6] = [
    "://docs",
    "fatal alert",
    "peer certificate",
    "handshake eof",
    "::",
    "Error",
];

/// Returns the message of an error with its causes, and checks that it is in words.
pub(crate) fn message(error: &TransportError) -> String {
    let message = error_message(error);
    let text = NAMES.iter().fold(message.clone(), |text, name| text.replace(name, ""));
    let letters: Vec<char> = text.chars().collect();
    let is_variant = letters
        .windows(2)
        .any(|pair| pair[0].is_lowercase() && pair[1].is_uppercase());
    let is_of_library = OF_LIBRARIES.iter().any(|words| message.contains(words));
    assert!(!is_variant && !is_of_library, "words of a library: {message}");
    message
}
