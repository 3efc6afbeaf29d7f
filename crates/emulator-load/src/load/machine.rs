//! What else runs on the machine: it makes rates and times worse.

use std::fs;

use super::{Result, process::ticks};

/// The use of the CPUs from a moment on.
pub(super) struct Machine {
    begin: Usage,
}

/// In ticks since the system started.
#[derive(Debug, Clone, Copy)]
struct Usage {
    /// Of all CPUs together, idle or not.
    all: u64,
    idle: u64,
    /// Of this program, and of the emulators that have ended.
    own: u64,
}

impl Machine {
    pub(super) fn watch() -> Result<Self> {
        Ok(Self { begin: Usage::now()? })
    }

    /// How much of the CPUs other programs have used since, in percent.
    pub(super) fn others(&self) -> Result<u64> {
        Ok(Usage::now()?.others_since(self.begin))
    }
}

impl Usage {
    fn now() -> Result<Self> {
        let stat = fs::read_to_string("/proc/stat")?;
        let own = ticks(&fs::read_to_string("/proc/self/stat")?)?;
        // user, nice, system, idle, iowait, irq, softirq, steal; what follows is part of the first two.
        let fields = stat
            .lines()
            .next()
            .unwrap_or_default()
            .split_whitespace()
            .skip(1)
            .take(8);
        let fields: Vec<u64> = fields.filter_map(|ticks| ticks.parse().ok()).collect();
        Ok(Self {
            all: fields.iter().sum(),
            idle: fields.iter().skip(3).take(2).sum(),
            own: own.into_iter().map(u64::from).sum(),
        })
    }

    fn others_since(self, begin: Self) -> u64 {
        let all = self.all - begin.all;
        let used = (self.idle - begin.idle) + (self.own - begin.own);
        all.saturating_sub(used) * 100 / all.max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_neither_idle_nor_of_this_program_is_of_others() {
        let begin = Usage {
            all: 1000,
            idle: 500,
            own: 100,
        };
        let end = Usage {
            all: 1200,
            idle: 550,
            own: 200,
        };
        assert_eq!(end.others_since(begin), 25);
        assert_eq!(begin.others_since(begin), 0);
    }
}
