//! The outcome of a run: what was drawn, what was checked, who is exposed, what was measured.
//!
//! Made once from the run, then shown on the screen, printed as JSON or written to a directory.

mod files;
pub use files::{FILES, WriteError, write};
mod screen;

use std::{collections::BTreeMap, time::Duration};

use reports::{
    record::{RunRecord, SpeedRecord},
    summary::Summary,
};
use serde::Serialize;

use crate::{
    check::{Case, Check, Judged, check_all, judge_all},
    crowd::Counts,
    history::{Flow, Record},
    plant::Plant,
    scenario::{ActorName, Drawn},
    windows::Windows,
    world::Run,
};

/// The outcome of a run.
pub struct Outcome {
    /// The scenario file.
    pub scenario: String,
    /// The seed.
    pub seed: u64,
    /// What was drawn.
    pub drawn: Drawn,
    /// What happened.
    pub run: Run,
    /// What was checked.
    pub checks: Vec<Check>,
    /// The verdicts.
    pub judged: Vec<Judged>,
    /// What it took here.
    pub wall: Duration,
    /// The overrides that made it, to be repeated by whoever replays.
    pub sets: Vec<String>,
    /// The bug that was planted in it, likewise.
    pub plant: Plant,
}

/// All of what was counted by time.
fn totals(counted: &BTreeMap<&'static str, Windows>) -> BTreeMap<&'static str, u64> {
    counted.iter().map(|(role, windows)| (*role, windows.total())).collect()
}

/// The object that `--json` prints.
#[derive(Serialize)]
pub struct Json<'a> {
    scenario: &'a str,
    seed: u64,
    held: bool,
    checks: &'a [Check],
    exposed: Vec<String>,
    suspected: Vec<String>,
    pairs: Vec<[String; 2]>,
    unserved: Vec<String>,
    admitted: Vec<String>,
    fingerprint: String,
    throughput_per_s: f64,
    receipt_us: Option<Summary>,
    delivery_us: Option<Summary>,
    bundles: Bundles,
    #[serde(skip_serializing_if = "Option::is_none")]
    crowd: Option<Counts>,
    faults_fired: &'a BTreeMap<&'static str, u64>,
    attacks_fired: BTreeMap<&'static str, u64>,
    coverage: &'a BTreeMap<&'static str, u64>,
    signatures: BTreeMap<&'static str, u64>,
    wire_bytes: BTreeMap<&'static str, u64>,
    virtual_s: f64,
    wall_s: f64,
}

/// How many bundles came how far.
#[derive(Clone, Copy, Serialize)]
pub struct Bundles {
    /// With a receipt.
    pub accepted: u64,
    /// Held by all recipients.
    pub delivered: u64,
}

impl Outcome {
    /// Judges and checks a run.
    pub fn of(scenario: String, seed: u64, drawn: Drawn, run: Run, wall: Duration) -> Self {
        let judged = judge_all(&run);
        Outcome::judged(scenario, seed, drawn, run, wall, judged)
    }

    /// Checks a run with these verdicts.
    pub fn judged(
        scenario: String,
        seed: u64,
        drawn: Drawn,
        run: Run,
        wall: Duration,
        judged: Vec<Judged>,
    ) -> Self {
        let mut outcome = Outcome {
            scenario,
            seed,
            drawn,
            run,
            checks: Vec::new(),
            judged,
            wall,
            sets: Vec::new(),
            plant: Plant::Nothing,
        };
        outcome.checks = check_all(&outcome.case());
        outcome
    }

    /// What the checks see.
    pub fn case(&self) -> Case<'_> {
        let trust = self.run.trust.clone();
        let roster = Some((*trust.roster).clone());
        Case {
            drawn: &self.drawn,
            record: &self.run.record,
            judged: &self.judged,
            roster,
            trust: Some(trust),
        }
    }

    /// What happened.
    pub fn record(&self) -> &Record {
        &self.run.record
    }

    /// Whether everything held.
    pub fn held(&self) -> bool {
        self.checks.iter().all(|check| check.held)
    }

    /// The checks that did not hold, as one line that like failures share.
    pub fn signature(&self) -> String {
        let failed: Vec<&str> =
            self.checks.iter().filter(|check| !check.held).map(|check| check.name).collect();
        failed.join("+")
    }

    /// Who is exposed.
    pub fn exposed(&self) -> Vec<String> {
        let mut names: Vec<_> = self.judged.iter().filter_map(|judged| judged.exposed).collect();
        names.sort_unstable();
        names.dedup();
        names.iter().map(ToString::to_string).collect()
    }

    /// Who is suspected at the end.
    pub fn suspected(&self) -> Vec<String> {
        names(self.record().blame.suspected().keys())
    }

    fn pairs(&self) -> Vec<[String; 2]> {
        self.record().blame.pairs.keys().map(|[one, two]| [one.to_string(), two.to_string()]).collect()
    }

    /// The fingerprint in hexadecimal.
    pub fn fingerprint(&self) -> String {
        format!("{:016x}", self.run.fingerprint)
    }

    /// How many bundles came how far.
    pub fn bundles(&self) -> Bundles {
        let all = || self.record().submitted.values();
        let crowd = self.crowd().unwrap_or_default();
        Bundles {
            accepted: crowd.accepted + all().filter(|bundle| bundle.receipt.is_some()).count() as u64,
            delivered: crowd.completed + all().filter(|bundle| bundle.delivered_ns.is_some()).count() as u64,
        }
    }

    /// How much a crowd has sent and got, if there is one.
    pub fn crowd(&self) -> Option<Counts> {
        self.record().crowd.as_ref().map(|crowd| crowd.counts)
    }

    /// Bundles held by all their recipients a second, from the first one wanted that is measured to the last one delivered.
    pub fn throughput_per_s(&self) -> f64 {
        let flow = self.flow();
        match flow.whole_ns() {
            0 => 0.0,
            span => flow.served as f64 * 1e9 / span as f64,
        }
    }

    /// Whether somebody cheated.
    pub fn has_cheats(&self) -> bool {
        self.attacks().values().any(|times| *times > 0)
    }

    /// When bundles were wanted, accepted and delivered.
    pub fn flow(&self) -> Flow {
        let crowd = self.record().crowd.as_ref().map(|crowd| crowd.flow.clone()).unwrap_or_default();
        crowd.and(&self.record().flow)
    }

    /// By which part of the time that passes deliveries come later and later while bundles are sent: a server that has a
    /// tenth of what it is sent left over takes a tenth longer. Nothing, if it keeps up.
    pub fn rise(&self) -> f64 {
        // in a quarter of few epochs chance decides which part of one its median is of
        self.rise_beyond(self.drawn.topology.epoch_ns / 2)
    }

    /// The same without an epoch: deliveries come by the epoch, and of the medians of two quarters chance decides which is one later.
    pub fn lag(&self) -> f64 {
        self.rise_beyond(self.drawn.topology.epoch_ns)
    }

    fn rise_beyond(&self, chance_ns: u64) -> f64 {
        let quarters = self.record().trend.quarters();
        let rise_ns = quarters.map_or(0, |[second, last]| last.saturating_sub(second));
        // from the middle of the one quarter to that of the other
        let between_ns = self.flow().sending_ns() as f64 / 2.0;
        rise_ns.saturating_sub(chance_ns) as f64 / between_ns.max(1.0)
    }

    /// Bundles held by all their recipients a second, while bundles are sent that are measured. What comes when none are sent any more is due to how
    /// long a delivery takes, and so it is that none come at first.
    pub fn served_per_s(&self) -> Option<f64> {
        let sending_ns = self.flow().sending_ns();
        // of less than two epochs all may come in one, and nothing is said of how fast
        if sending_ns < 2 * self.drawn.topology.epoch_ns {
            return None;
        }
        let all = self.flow().served as f64 * 1e9 / sending_ns as f64;
        (sending_ns > 0).then(|| all / (1.0 + self.lag()))
    }

    /// Deliveries a second, while bundles are sent.
    pub fn deliveries_per_s(&self) -> Option<f64> {
        let (deliveries, bundles) = (self.record().delivery.count(), self.flow().served);
        Some(self.served_per_s()? * deliveries as f64 / bundles.max(1) as f64)
    }

    /// How often each attack was carried out.
    fn attacks(&self) -> BTreeMap<&'static str, u64> {
        let mut attacks = BTreeMap::new();
        for ((_, attack), cheats) in &self.record().attacks {
            *attacks.entry(*attack).or_default() += cheats.count;
        }
        attacks
    }

    /// The object that `--json` prints.
    pub fn json(&self) -> Json<'_> {
        Json {
            scenario: &self.scenario,
            seed: self.seed,
            held: self.held(),
            checks: &self.checks,
            exposed: self.exposed(),
            suspected: self.suspected(),
            pairs: self.pairs(),
            unserved: names(self.record().blame.unserved.keys()),
            admitted: names(self.record().retired.iter()),
            fingerprint: self.fingerprint(),
            throughput_per_s: self.throughput_per_s(),
            receipt_us: self.record().receipt.summary(),
            delivery_us: self.record().delivery.summary(),
            bundles: self.bundles(),
            crowd: self.crowd(),
            faults_fired: &self.record().faults,
            attacks_fired: self.attacks(),
            coverage: &self.record().coverage,
            signatures: totals(&self.record().signed),
            wire_bytes: totals(&self.run.wire_bytes),
            virtual_s: self.run.virtual_ns as f64 / 1e9,
            wall_s: self.wall.as_secs_f64(),
        }
    }

    /// The row of this run in `speed.csv`.
    pub fn speed(&self) -> SpeedRecord {
        SpeedRecord { scenario: self.scenario.clone(), seed: self.seed, wall_s: self.wall.as_secs_f64() }
    }

    /// The row of this run in `run.csv`.
    pub fn row(&self) -> RunRecord {
        let Bundles { accepted, delivered } = self.bundles();
        RunRecord {
            scenario: self.scenario.clone(),
            seed: self.seed,
            architecture: self.drawn.architecture.name().to_owned(),
            held: self.held(),
            fingerprint: self.fingerprint(),
            accepted,
            delivered,
            throughput_per_s: self.throughput_per_s(),
            exposed: self.exposed(),
            suspected: self.suspected(),
            faults_fired: self.record().faults.values().sum(),
            attacks_fired: self.attacks().values().sum(),
            virtual_s: self.run.virtual_ns as f64 / 1e9,
            ..RunRecord::default()
        }
        .with_receipt(self.record().receipt.summary())
        .with_delivery(self.record().delivery.summary())
    }
}

fn names<'a>(names: impl Iterator<Item = &'a ActorName>) -> Vec<String> {
    names.map(ToString::to_string).collect()
}
