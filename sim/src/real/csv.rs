//! What the load generator measured: the row of its CSV file.

use serde::{Deserialize, Serialize};

use super::{Load, RealError, threads::Threads};
use crate::history::Commits;

/// What a server did under a load.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Measured {
    /// Requests answered in all, with those before it was measured.
    pub requests: f64,
    /// Requests answered a second.
    pub requests_per_s: f64,
    /// Deliveries a second.
    pub deliveries_per_s: f64,
    /// From a request to its receipt, in microseconds: median and 99th percentile.
    pub receipt_us: [f64; 2],
    /// From a request to its delivery, in microseconds: median and 99th percentile. Zero without readers.
    pub delivery_us: [f64; 2],
    /// Transactions of all actors.
    pub commits: Commits,
    /// Nanoseconds of processors that the server used, in all.
    pub server_ns: u64,
    /// What its actors' threads did.
    pub threads: Threads,
    /// Nanoseconds of processors that the load generator used, in all.
    pub generator_ns: u64,
    /// Nanoseconds that the yardstick took meanwhile ([`crate::calibrate::pace`]).
    pub pace_ns: f64,
}

/// The columns that are read.
#[derive(Deserialize)]
struct Row {
    requests: f64,
    requests_per_s: f64,
    deliveries_per_s: f64,
    receipt_us_p50: f64,
    receipt_us_p99: f64,
    delivery_us_p50: Option<f64>,
    delivery_us_p99: Option<f64>,
    missing: u64,
    duplicates: u64,
    disordered: u64,
}

impl Measured {
    /// Of several runs of one load, in each quantity the median.
    pub fn median(runs: &[Measured]) -> Measured {
        let of = |quantity: &dyn Fn(&Measured) -> f64| {
            let mut values: Vec<f64> = runs.iter().map(quantity).collect();
            values.sort_by(f64::total_cmp);
            values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
        };
        Measured {
            requests: of(&|run| run.requests),
            requests_per_s: of(&|run| run.requests_per_s),
            deliveries_per_s: of(&|run| run.deliveries_per_s),
            receipt_us: [0, 1].map(|at| of(&|run| run.receipt_us[at])),
            delivery_us: [0, 1].map(|at| of(&|run| run.delivery_us[at])),
            commits: Commits {
                count: of(&|run| run.commits.count),
                seconds: of(&|run| run.commits.mean_us()) * of(&|run| run.commits.count) / 1e6,
            },
            server_ns: of(&|run| run.server_ns as f64) as u64,
            threads: Threads::each(&|quantity| of(&|run| quantity(&run.threads))),
            generator_ns: of(&|run| run.generator_ns as f64) as u64,
            pace_ns: of(&|run| run.pace_ns),
        }
    }

    /// Bundles in all.
    pub fn bundles(&self, load: &Load) -> f64 {
        self.requests * f64::from(load.bundles)
    }

    /// Whether anything was measured: all is told of a request, at a pace.
    pub fn is_sound(&self) -> bool {
        [self.requests, self.requests_per_s, self.pace_ns].into_iter().all(|value| value > 0.0)
    }

    /// The same with the processor time that it would have taken at another pace.
    #[must_use]
    pub fn at_pace(self, pace_ns: f64) -> Measured {
        let at = |ns: u64| (ns as f64 * pace_ns / self.pace_ns) as u64;
        let threads = self.threads.times(pace_ns / self.pace_ns);
        Measured {
            server_ns: at(self.server_ns),
            generator_ns: at(self.generator_ns),
            threads,
            pace_ns,
            ..self
        }
    }

    pub(super) fn read(
        text: &str,
        (server_ns, generator_ns): (u64, u64),
        pace_ns: f64,
    ) -> Result<Measured, RealError> {
        let mut rows = ::csv::Reader::from_reader(text.as_bytes()).into_deserialize::<Row>();
        let row = rows.next().ok_or_else(|| RealError::Row("there is none".to_owned()))?;
        let row = row.map_err(|error| RealError::Row(error.to_string()))?;
        if row.missing + row.duplicates + row.disordered > 0 {
            let Row { missing, duplicates, disordered, .. } = row;
            let said = format!("{missing} deliveries missing, {duplicates} twice, {disordered} out of order");
            return Err(RealError::Failed { program: "the server", said });
        }
        Ok(Measured {
            requests: row.requests,
            requests_per_s: row.requests_per_s,
            deliveries_per_s: row.deliveries_per_s,
            receipt_us: [row.receipt_us_p50, row.receipt_us_p99],
            delivery_us: [row.delivery_us_p50, row.delivery_us_p99].map(Option::unwrap_or_default),
            commits: Commits::default(),
            threads: Threads::default(),
            server_ns,
            generator_ns,
            pace_ns,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str = "connections,requests_per_s,deliveries_per_s,receipt_us_p50,receipt_us_p99,delivery_us_p50,\
                          delivery_us_p99,missing,duplicates,disordered,requests\n";

    #[test]
    fn a_row_is_read_by_its_columns() {
        let measured =
            Measured::read(&format!("{HEADER}8,1000,990,300,900,7000,9000,0,0,0,3500\n"), (5, 6), 7.0)
                .unwrap();
        assert_eq!((measured.requests, measured.requests_per_s), (3500.0, 1000.0));
        assert_eq!(measured.delivery_us, [7000.0, 9000.0]);
    }

    #[test]
    fn of_several_runs_the_median_counts_in_each_quantity() {
        let rows = [
            "8,1000,990,300,900,7000,9000,0,0,0,3500\n",
            "8,10,995,1,5000,1,1,0,0,0,40\n",
            "8,900,1,310,1,8000,2,0,0,0,3000\n",
        ];
        let runs = rows.map(|row| Measured::read(&format!("{HEADER}{row}"), (5, 6), 7.0).unwrap());
        let median = Measured::median(&runs);
        assert_eq!((median.requests_per_s, median.deliveries_per_s), (900.0, 990.0));
        assert_eq!(median.requests, 3000.0);
        assert_eq!((median.receipt_us, median.delivery_us), ([300.0, 900.0], [7000.0, 2.0]));
    }

    #[test]
    fn a_server_that_loses_something_is_not_measured() {
        for row in ["8,1,1,1,1,1,1,2,0,0,3\n", "", "8,x\n"] {
            assert!(Measured::read(&format!("{HEADER}{row}"), (5, 6), 7.0).is_err(), "{row}");
        }
    }
}
