//! How fast a run went here and how much memory it took: what must not stand in any result that is compared between
//! machines.

use serde::Serialize;

use crate::outcome::Outcome;

/// What a run cost.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Speed {
    /// Seconds that it took, its checks included.
    pub wall_s: f64,
    /// Seconds that passed in its world.
    pub virtual_s: f64,
    /// Seconds here for each of those.
    pub wall_s_per_virtual_s: f64,
    /// The most memory that this process has had, since that was last forgotten, where the system tells.
    pub peak_bytes: Option<u64>,
}

impl Speed {
    /// What a run cost that has just ended.
    pub fn of(outcome: &Outcome) -> Speed {
        let (wall_s, virtual_s) = (outcome.wall.as_secs_f64(), outcome.run.virtual_ns as f64 / 1e9);
        let wall_s_per_virtual_s = if virtual_s > 0.0 { wall_s / virtual_s } else { 0.0 };
        Speed { wall_s, virtual_s, wall_s_per_virtual_s, peak_bytes: peak_bytes() }
    }
}

/// Forgets what memory this process has had: of several runs each is to be measured alone. Where the system cannot, the most of
/// all stays.
pub fn forget_peak() {
    // what stands in for a system that has no such file is the peak so far, and that is no error
    let _ = std::fs::write("/proc/self/clear_refs", "5");
}

/// The most memory that this process has had since that was forgotten; none where the system does not tell.
pub fn peak_bytes() -> Option<u64> {
    kilobytes_of(&std::fs::read_to_string("/proc/self/status").ok()?).map(|kilobytes| kilobytes * 1024)
}

fn kilobytes_of(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peak_is_forgotten() {
        let large = vec![1_u8; 64 << 20];
        let Some(with) = peak_bytes() else { return };
        assert!(with > large.len() as u64 && large.iter().all(|byte| *byte == 1));
        drop(large);
        forget_peak();
        assert!(peak_bytes().is_some_and(|without| without < with), "of {with}");
    }

    #[test]
    fn the_peak_is_read_from_what_the_system_says() {
        assert_eq!(kilobytes_of("Name:\tsim\nVmHWM:\t   18432 kB\nVmRSS:\t 1 kB\n"), Some(18_432));
        assert_eq!(kilobytes_of("Name:\tsim\n"), None);
    }
}
