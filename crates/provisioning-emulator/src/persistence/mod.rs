//! Persistence: enrollments and registrations survive the end of the process, however it ends.
//!
//! Each change is a line that is appended to a file. A change is acknowledged once its line is on the disk. A thread
//! writes the file: all changes that wait with one write.

mod change;
mod image;
mod journal;
mod store;

pub(crate) use change::{Change, SavedEnrollment};
pub(crate) use image::Image;
pub(crate) use journal::Journal;
pub(crate) use store::Store;
