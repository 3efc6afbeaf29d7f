//! What `/proc/PID/status` says of a process. Linux only.

use std::{io, str::FromStr};

/// The status of a process: of this one, without an id.
///
/// # Errors
/// The process has ended, or the system has no `/proc`.
pub fn read(process: Option<u32>) -> io::Result<String> {
    let process = process.map_or_else(|| "self".to_owned(), |id| id.to_string());
    std::fs::read_to_string(format!("/proc/{process}/status"))
}

/// The resident memory in bytes.
///
/// # Errors
/// The status has no `VmRSS`.
pub fn resident(status: &str) -> io::Result<u64> {
    Ok(field::<u64>(status, "VmRSS:")? * 1024)
}

/// The number in the line that begins with `name`.
///
/// # Errors
/// No line begins so, or it has no number.
pub fn field<N: FromStr>(status: &str, name: &str) -> io::Result<N> {
    let mut values = status
        .lines()
        .filter_map(|line| line.strip_prefix(name)?.split_whitespace().next());
    let number = values.next().and_then(|value| value.parse().ok());
    number.ok_or_else(|| io::Error::other(format!("/proc has no {name}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_read_from_its_own_line() {
        let status = "VmHWM:\t  90000 kB\nVmRSS:\t   2048 kB\nRssAnon:\t 1 kB\nThreads:\t3\n";
        assert_eq!(resident(status).expect("a number"), 2048 * 1024);
        assert_eq!(field::<usize>(status, "Threads:").expect("a number"), 3);
        assert!(resident("VmHWM: 7 kB\n").is_err());
    }
}
