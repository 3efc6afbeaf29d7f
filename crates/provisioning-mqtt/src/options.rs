//! MQTT connection options.

use std::{borrow::Cow, time::Duration};

use provisioning_types::InvalidInput;

use crate::pipelining::Pipelining;

/// MQTT connection options. All defaults are in the table of `docs/architecture.md`.
#[derive(Debug, Clone)]
pub struct MqttOptions {
    pub(crate) keep_alive: Duration,
    pub(crate) max_packet_size: usize,
    pub(crate) user_agent: Cow<'static, str>,
    pub(crate) pipelining: Pipelining,
}

impl Default for MqttOptions {
    fn default() -> Self {
        Self {
            keep_alive: Duration::from_secs(180),
            max_packet_size: 1024 * 1024,
            user_agent: concat!("provisioning-device-rust/", env!("CARGO_PKG_VERSION")).into(),
            pipelining: Pipelining::default(),
        }
    }
}

impl MqttOptions {
    /// Sets the MQTT keep-alive. 180 s by default; zero for none; rounded up to whole seconds.
    ///
    /// # Errors
    /// [`InvalidInput`] above 65,535 s, the maximum of MQTT.
    pub fn with_keep_alive(mut self, keep_alive: Duration) -> Result<Self, InvalidInput> {
        let whole = keep_alive
            .as_secs()
            .saturating_add(u64::from(keep_alive.subsec_nanos() > 0));
        if whole > u64::from(u16::MAX) {
            return Err(InvalidInput::new("keep-alive", "at most 65535 s").with_given(&format!("{whole} s")));
        }
        self.keep_alive = Duration::from_secs(whole);
        Ok(self)
    }

    /// Sets the largest packet that is accepted from the service, in bytes. 1 MiB by default.
    #[must_use]
    pub fn with_max_packet_size(mut self, bytes: usize) -> Self {
        self.max_packet_size = bytes;
        self
    }

    /// Sets which packets of a new connection are sent before those in front of them were answered. None by default.
    #[must_use]
    pub fn with_pipelining(mut self, pipelining: Pipelining) -> Self {
        self.pipelining = pipelining;
        self
    }

    /// Appends `suffix` to the user agent that the service receives, after a blank.
    ///
    /// # Errors
    /// [`InvalidInput`] above 1,024 bytes.
    pub fn with_user_agent_suffix(mut self, suffix: &str) -> Result<Self, InvalidInput> {
        if suffix.len() > 1024 {
            return Err(InvalidInput::new("user agent suffix", "at most 1024 bytes").with_given(suffix));
        }
        self.user_agent = format!("{} {suffix}", self.user_agent).into();
        Ok(self)
    }
}

impl MqttOptions {
    /// The MQTT keep-alive.
    pub fn keep_alive(&self) -> Duration {
        self.keep_alive
    }

    /// The largest packet that is accepted from the service, in bytes.
    pub fn max_packet_size(&self) -> usize {
        self.max_packet_size
    }

    /// Which packets of a new connection are sent before those in front of them were answered.
    pub fn pipelining(&self) -> Pipelining {
        self.pipelining
    }

    /// The user agent that the service receives.
    pub fn user_agent(&self) -> &str {
        &self.user_agent
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_keep_alive_is_whole_seconds_within_what_mqtt_allows() {
        let keep_alive = |duration| MqttOptions::default().with_keep_alive(duration).map(|s| s.keep_alive);
        assert_eq!(keep_alive(Duration::from_millis(1500)), Ok(Duration::from_secs(2)));
        assert_eq!(keep_alive(Duration::ZERO), Ok(Duration::ZERO));
        assert!(keep_alive(Duration::from_secs(65_536)).is_err());
        assert!(keep_alive(Duration::MAX).is_err());
    }

    #[test]
    fn what_is_set_can_be_asked() {
        let options = MqttOptions::default()
            .with_max_packet_size(2048)
            .with_keep_alive(Duration::from_secs(77))
            .and_then(|options| options.with_user_agent_suffix("meter/2.1"))
            .expect("valid");
        assert_eq!(options.max_packet_size(), 2048);
        assert_eq!(options.keep_alive(), Duration::from_secs(77));
        assert!(options.user_agent().ends_with(" meter/2.1"), "{}", options.user_agent());
    }
}
