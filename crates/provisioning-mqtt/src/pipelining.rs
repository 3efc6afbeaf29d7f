//! Which packets are sent before those in front of them were answered.

use std::{fmt, str::FromStr};

use provisioning_types::InvalidInput;

/// Which packets of a new connection are sent before those in front of them were answered. Each mode saves a round trip
/// over the one before it; a refusal is the same error in every mode.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Pipelining {
    /// None: SUBSCRIBE follows CONNACK, and the request follows SUBACK.
    #[default]
    Off,
    /// SUBSCRIBE and the request follow CONNACK together.
    AfterConnack,
    /// CONNECT, SUBSCRIBE and the request are sent together
    /// ([MQTT 3.1.1, section 3.1.4](https://docs.oasis-open.org/mqtt/mqtt/v3.1.1/os/mqtt-v3.1.1-os.html#_Toc398718033)). A
    /// service that refuses CONNECT has received the request.
    Full,
}

impl Pipelining {
    /// Every mode, the default first.
    pub const ALL: [Self; 3] = [Self::Off, Self::AfterConnack, Self::Full];

    /// The name: `off`, `after-connack` or `full`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::AfterConnack => "after-connack",
            Self::Full => "full",
        }
    }
}

impl FromStr for Pipelining {
    type Err = InvalidInput;

    /// Parses a name.
    fn from_str(name: &str) -> Result<Self, InvalidInput> {
        let found = Self::ALL.into_iter().find(|mode| mode.as_str() == name);
        found.ok_or_else(|| InvalidInput::new("pipelining", "`off`, `after-connack` or `full`").with_given(name))
    }
}

impl fmt::Display for Pipelining {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_mode_is_parsed_from_its_name() {
        for mode in Pipelining::ALL {
            assert_eq!(mode.to_string().parse(), Ok(mode));
        }
        let error = "on".parse::<Pipelining>().expect_err("no mode");
        assert_eq!(error.input(), "pipelining");
        assert_eq!(Pipelining::ALL[0], Pipelining::default());
    }
}
