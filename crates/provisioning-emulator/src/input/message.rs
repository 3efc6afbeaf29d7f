//! Messages of deserializers, which repeat text that they do not expect. It may be a key.

/// `message` without the text that it repeats.
pub(crate) fn without_text(message: &str) -> String {
    for (start, shown) in [
        ("invalid type: string ", "invalid type: string"),
        ("invalid value: string ", "invalid value: string"),
        ("unknown variant ", "unknown value"),
    ] {
        if let Some(rest) = message.strip_prefix(start)
            && let Some((_, expected)) = rest.rsplit_once(", expected ")
        {
            return format!("{shown}, expected {expected}");
        }
    }
    message.to_owned()
}
