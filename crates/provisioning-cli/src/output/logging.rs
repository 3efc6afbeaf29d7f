//! The log on standard error.

use std::{
    env,
    io::{IsTerminal, Write, stderr},
};

use tracing_subscriber::{filter::Targets, fmt, layer::SubscriberExt, util::SubscriberInitExt};

/// Writes a log if `RUST_LOG` or `-v`, given `verbose` times, asks for one. Returns whether it does.
pub(crate) fn start(verbose: u8) -> bool {
    let level = match verbose {
        0 => None,
        1 => Some("debug"),
        _ => Some("trace"),
    };
    let directives = match (env::var("RUST_LOG").ok(), level) {
        (Some(directives), _) if !directives.is_empty() => directives,
        (_, Some(level)) => level.to_owned(),
        (_, None) => return false,
    };
    let lines = fmt::layer().with_ansi(stderr().is_terminal()).with_writer(stderr);
    tracing_subscriber::registry()
        .with(targets(&directives))
        .with(lines)
        .init();
    true
}

/// The filter that the directives describe, such as `debug,provisioning_net=trace`. Warns of invalid ones.
fn targets(directives: &str) -> Targets {
    let is_valid = |directive: &&str| match directive.parse::<Targets>() {
        Ok(_) => true,
        Err(error) => {
            // The reader may have closed its end.
            let _ = writeln!(stderr(), "warning: RUST_LOG: ignoring {directive:?}: {error}");
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
