//! A sweep as JUnit XML, which systems for continuous integration show: a suite a scenario, a case a seed.
//!
//! It has no times, so that it is the same wherever the sweep ran.

use std::io;

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use super::{Row, Swept};
use crate::command;

/// Writes it.
///
/// # Errors
/// What `out` says.
pub fn junit(swept: &Swept, out: impl io::Write) -> io::Result<()> {
    let mut report = Report::new("cargo sim sweep");
    for (index, pinned) in swept.plan.scenarios.iter().enumerate() {
        let mut suite = TestSuite::new(pinned.path.as_str());
        let rows = swept.rows.range((index, 0)..=(index, u64::MAX));
        suite.add_test_cases(rows.map(|(_, row)| case(swept, row)));
        report.add_test_suite(suite);
    }
    report.serialize(out).map_err(io::Error::other)
}

fn case(swept: &Swept, row: &Row) -> TestCase {
    let status = match &row.broken {
        None => TestCaseStatus::success(),
        Some(broken) => {
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
            let (path, seed) = (&row.record.scenario, row.record.seed);
            let replay = command::replay(path, seed, &swept.plan.sets, swept.plan.plant());
            status.set_type(broken.signature.as_str()).set_message(broken.why.as_str());
            status.set_description(replay);
            status
        }
    };
    let mut case = TestCase::new(format!("seed {}", row.record.seed), status);
    case.set_classname(row.record.scenario.as_str());
    case
}
