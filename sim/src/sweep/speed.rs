//! How fast a sweep went here: what must not stand in any result that is compared between machines.

use serde::Serialize;

use super::Swept;

/// How fast a sweep went.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Speed {
    /// Runs per second by this process on all its threads; of runs read from journals, as if one after the other.
    pub seeds_per_s: f64,
    /// Runs per minute on one thread.
    pub seeds_per_minute_and_core: f64,
    /// Simulated seconds per second on one thread: the median over the runs.
    pub virtual_s_per_wall_s: f64,
}

impl Speed {
    /// How fast this sweep went.
    pub fn of(swept: &Swept) -> Speed {
        let alone: f64 = swept.rows.values().map(|row| row.wall_s).sum();
        let per_s = |runs: usize, seconds: f64| if seconds > 0.0 { runs as f64 / seconds } else { 0.0 };
        let fresh = swept.fresh > 0;
        let runs = swept.rows.len();
        let ratios = swept.rows.values().filter(|row| row.wall_s > 0.0);
        Speed {
            seeds_per_s: if fresh { per_s(swept.fresh, swept.wall_s) } else { per_s(runs, alone) },
            seeds_per_minute_and_core: 60.0 * per_s(runs, alone),
            virtual_s_per_wall_s: median(ratios.map(|row| row.record.virtual_s / row.wall_s).collect()),
        }
    }

    /// In a line.
    pub fn line(&self) -> String {
        format!(
            "{:.1} seeds/s, {:.0} seeds a minute and core, {:.0} simulated seconds a second (median)",
            self.seeds_per_s, self.seeds_per_minute_and_core, self.virtual_s_per_wall_s
        )
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}
