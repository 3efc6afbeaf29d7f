//! `dps register`: from its input to its outcome.

pub(crate) mod certificates;
mod credentials;
mod limits;
mod proxies;
mod refusals;
mod registering;
mod support_ids;
