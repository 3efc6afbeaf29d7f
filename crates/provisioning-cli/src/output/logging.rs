//! The log on standard error.

use std::{
    env,
    io::{self, Write},
};

use tracing_subscriber::{filter::Targets, fmt, layer::SubscriberExt, util::SubscriberInitExt};

use super::console;

/// Writes a log if `RUST_LOG` or `-v`, given `verbose` times, asks for one.
pub(crate) fn start(verbose: u8) {
    let level = match verbose {
        0 => None,
        1 => Some("debug"),
        _ => Some("trace"),
    };
    let directives = match (env::var("RUST_LOG").ok(), level) {
        (Some(directives), _) if !directives.is_empty() => directives,
        (_, Some(level)) => level.to_owned(),
        (_, None) => return,
    };
    let lines = fmt::layer().with_ansi(false).with_writer(|| Lines);
    tracing_subscriber::registry()
        .with(targets(&directives))
        .with(lines)
        .init();
}

/// Prints each write at once. A write is one event.
struct Lines;

impl Write for Lines {
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        console::print_error(String::from_utf8_lossy(event).trim_end());
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The filter that the directives describe, such as `debug,provisioning_net=trace`. Warns of invalid ones.
fn targets(directives: &str) -> Targets {
    let is_valid = |directive: &&str| match directive.parse::<Targets>() {
        Ok(_) => true,
        Err(error) => {
            console::print_error(&format!("warning: RUST_LOG: ignoring {directive:?}: {error}"));
            false
        }
    };
    let valid: Vec<_> = directives.split(',').filter(is_valid).collect();
    valid.join(",").parse().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use tracing_subscriber::filter::LevelFilter;

    use super::*;

    #[test]
    fn a_filter_has_a_level_for_each_target_and_skips_invalid_directives() {
        let filter = targets("debug,nonsense=loud,provisioning_net=trace,tungstenite=off");
        assert_eq!(filter.default_level(), Some(LevelFilter::DEBUG));
        let mut levels: Vec<_> = filter.iter().collect();
        levels.sort();
        assert_eq!(
            levels,
            [
                ("provisioning_net", LevelFilter::TRACE),
                ("tungstenite", LevelFilter::OFF)
            ]
        );
    }
}
