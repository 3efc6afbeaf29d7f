//! Operations: registrations in progress, and their outcomes.

use std::sync::Arc;

use super::{
    allocation::{Assigned, Selection},
    request::Request,
    state::State,
};
use crate::enrollment::Allocation;

/// One registration of a device.
pub(super) struct Operation {
    pub(super) id: String,
    /// Later operations have higher numbers.
    pub(super) number: u64,
    /// The registration id as the device wrote it.
    pub(super) registration_id: Arc<str>,
    /// The bytes of the request, and after the end those of the outcome, that count towards a limit.
    pub(super) size: usize,
    pub(super) progress: Progress,
}

/// How far an operation is.
pub(super) enum Progress {
    Running(Box<Running>),
    /// The outcome is being determined: certificates are signed while nothing is locked.
    Completing,
    /// Later queries get the same outcome. What the request had is freed.
    Ended(Arc<State>),
}

/// A registration in progress.
pub(super) struct Running {
    /// The registration id as the device wrote it.
    pub(super) registration_id: Arc<str>,
    /// The number of the MQTT connection that the request came from.
    pub(super) connection: Option<u64>,
    pub(super) request: Request,
    pub(super) allocation: Arc<Allocation>,
    pub(super) selection: Selection,
    /// How many more queries complete it; `u32::MAX` is never.
    pub(super) polls_left: u32,
    pub(super) created: String,
}

/// What follows from a request or a query.
pub(super) enum Next {
    /// It is not completed. The registration id is as the device wrote it.
    Assigning(Arc<str>),
    /// The caller determines the outcome; the device was assigned as this says.
    Complete(Box<Running>, Option<Assigned>),
    Ended(Arc<State>),
}

impl Running {
    /// Whether the outcome can be determined.
    pub(super) fn is_complete(&self) -> bool {
        self.polls_left == 0 && !matches!(self.selection, Selection::Pending)
    }

    /// Counts a query.
    pub(super) fn count_query(&mut self) {
        if self.polls_left != u32::MAX {
            self.polls_left = self.polls_left.saturating_sub(1);
        }
    }
}

impl Operation {
    /// The registration state as it is now.
    pub(super) fn state(&self) -> Arc<State> {
        match &self.progress {
            Progress::Ended(state) => Arc::clone(state),
            Progress::Running(_) | Progress::Completing => Arc::new(State::assigning(&self.registration_id)),
        }
    }

    /// Whether its outcome is known.
    pub(super) fn has_ended(&self) -> bool {
        matches!(self.progress, Progress::Ended(_))
    }

    /// What comes next, if nothing changes.
    pub(super) fn next(&mut self, assigned: Option<&Assigned>) -> Next {
        match std::mem::replace(&mut self.progress, Progress::Completing) {
            Progress::Running(running) if running.is_complete() => Next::Complete(running, assigned.cloned()),
            Progress::Ended(state) => {
                self.progress = Progress::Ended(Arc::clone(&state));
                Next::Ended(state)
            }
            unchanged => {
                self.progress = unchanged;
                Next::Assigning(Arc::clone(&self.registration_id))
            }
        }
    }
}
