//! Devices with an SDK of another language, against an emulator of their own.

use super::{
    super::Context,
    Outcomes,
    cell::{CELLS, Sdk},
    install::Installed,
    service,
    stage::Stage,
};

/// Plays the cells of this SDK, one after the other.
pub(super) fn play(context: &Context, installed: &Installed, sdk: Sdk) -> Result<Outcomes, String> {
    let mut stage = Stage::set(context, installed, sdk)?;
    let cells = CELLS.into_iter().filter(|cell| cell.sdk == sdk);
    let mut outcomes: Outcomes = cells.map(|cell| (cell.to_string(), stage.play(cell))).collect();
    if sdk == Sdk::Node {
        outcomes.extend(service::play(&mut stage));
    }
    Ok(outcomes)
}
