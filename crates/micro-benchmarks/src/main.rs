//! Counts instructions and compares them with those that are kept for this toolchain.

fn main() {}
