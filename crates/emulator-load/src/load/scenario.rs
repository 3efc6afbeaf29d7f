//! What each scenario is.

use async_trait::async_trait;

use super::{Result, ground::Ground, process::Options, table::Rows};

/// What is measured on an emulator of its own.
#[async_trait]
pub(super) trait Scenario: Send + Sync {
    /// For `--only`.
    fn name(&self) -> &'static str;

    /// One line for `--list`.
    fn about(&self) -> &'static str;

    /// How the emulator is started.
    fn options(&self) -> Options {
        Options::default()
    }

    /// Measures, and adds rows. The idle devices are connected, and the beginning is taken.
    async fn run(&self, ground: &mut Ground<'_>, rows: &mut Rows<'_>) -> Result<()>;
}
