//! A fault: an effect at a step, for a device, a number of times.

use serde::{Deserialize, Serialize};

use super::{description::FaultDescription, effect::Effect, error::FaultError, step::Step};

/// A deviation from the service's behaviour.
///
/// It triggers at its [`Step`], for every device unless [`device`](Self::device) names one, once unless
/// [`times`](Self::times) or [`always`](Self::always) says otherwise. At each step only the first fault that matches
/// triggers: two faults for the same step trigger one after the other.
///
/// In a configuration and over HTTP it has the same names:
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use provisioning_emulator::{Cut, Effect, Fault, Step};
///
/// let json = r#"{"name": "close", "step": "connack", "afterSent": 2, "device": "device-1", "count": 3}"#;
/// let fault: Fault = serde_json::from_str(json)?;
/// let same = Fault::new(Effect::Close(Cut::AfterSent(2)), Step::Connack)?.device("device-1").times(3);
/// assert_eq!(fault, same);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "FaultDescription", into = "FaultDescription")]
pub struct Fault {
    pub(super) effect: Effect,
    pub(super) step: Step,
    pub(super) device: Option<String>,
    /// How often it still triggers; `None` is always.
    pub(super) left: Option<u32>,
}

impl Fault {
    /// This effect at this step, once, for every device.
    ///
    /// # Errors
    /// [`FaultError`] if the effect does not exist at the step, or has an invalid value.
    pub fn new(effect: Effect, step: Step) -> Result<Self, FaultError> {
        effect.check(step)?;
        Ok(Self {
            effect,
            step,
            device: None,
            left: Some(1),
        })
    }

    /// Triggers only for the device with this registration id, compared without case.
    #[must_use]
    pub fn device(mut self, registration_id: impl Into<String>) -> Self {
        self.device = Some(registration_id.into());
        self
    }

    pub(crate) fn named_device(&self) -> Option<&str> {
        self.device.as_deref()
    }

    /// It as a configuration has it: an inline table of TOML.
    pub(crate) fn inline_table(&self) -> String {
        let value = serde_json::to_value(self).unwrap_or_default();
        let members = value.as_object().into_iter().flatten();
        // Text and numbers are written as in JSON.
        let members: Vec<_> = members.map(|(name, value)| format!("{name} = {value}")).collect();
        format!("{{ {} }}", members.join(", "))
    }

    /// Triggers this number of times.
    #[must_use]
    pub fn times(mut self, count: u32) -> Self {
        self.left = Some(count);
        self
    }

    /// Triggers every time.
    #[must_use]
    pub fn always(mut self) -> Self {
        self.left = None;
        self
    }
}
