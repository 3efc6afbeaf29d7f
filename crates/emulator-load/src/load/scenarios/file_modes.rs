//! Files with keys and payloads are for their owner only.

use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt,
    path::Path,
};

use async_trait::async_trait;

use crate::load::{
    Result,
    ground::Ground,
    process::{Emulator, Options},
    scenario::Scenario,
    table::Rows,
};

/// For the owner only.
const PRIVATE: u32 = 0o600;

/// Of the folder.
const KEYS: [&str; 4] = ["ca.key", "server.key", "control.key", "group.key"];

pub(super) struct FileModes;

#[async_trait]
impl Scenario for FileModes {
    fn name(&self) -> &'static str {
        "file-modes"
    }

    fn about(&self) -> &'static str {
        "the modes of the ready file, the log file and the key files"
    }

    fn options(&self) -> Options {
        Options {
            log_file: true,
            ..Options::default()
        }
    }

    async fn run(&self, ground: &mut Ground<'_>, rows: &mut Rows<'_>) -> Result<()> {
        for name in ["ready.json", "log.jsonl"].into_iter().chain(KEYS) {
            check(rows, name, &ground.emulator.path(name))?;
        }
        let first = Emulator::start(&ground.setup.emulator, Options::default()).await?;
        let folder = first.stop().await?;
        for name in KEYS {
            fs::set_permissions(folder.path().join(name), Permissions::from_mode(0o644))?;
        }
        let second = Emulator::start_in(folder, &ground.setup.emulator, Options::default()).await?;
        for name in KEYS {
            check(rows, &format!("{name}, which was 644"), &second.path(name))?;
        }
        Ok(())
    }
}

fn check(rows: &mut Rows<'_>, what: &str, path: &Path) -> Result<()> {
    let mode = fs::metadata(path)?.permissions().mode() & 0o777;
    rows.add(what, format!("{mode:o}"), format!("{PRIVATE:o}"), mode == PRIVATE);
    Ok(())
}
