//! The outcome as a person reads it.

use std::collections::BTreeMap;

use reports::{
    summary::Summary,
    text::{duration, lines, microseconds, rate},
};

use super::Outcome;
use crate::{
    check::Check,
    command,
    crowd::Counts,
    history::{Cheats, Reply},
    scenario::ActorName,
};

impl Outcome {
    /// All of it.
    pub fn screen(&self) -> String {
        let mut out = format!("{} with seed {}\n  {}\n", self.scenario, self.seed, self.drawn.claim);
        section(&mut out, "drawn", &lines(&self.drawn.parameters()));
        section(&mut out, "checks", &self.checks_table());
        section(&mut out, "verdicts", &self.verdicts());
        section(&mut out, "measured", &lines(&self.measured()));
        if !self.held() {
            out.push_str(&format!("\nviolated: {}\nreplay:   {}\n", self.signature(), self.replay()));
        }
        out
    }

    /// The command that shows this run again.
    pub fn replay(&self) -> String {
        command::replay(&self.scenario, self.seed, &self.sets, self.plant)
    }

    fn checks_table(&self) -> String {
        let line = |check: &Check| {
            let word = if check.held { "held    " } else { "VIOLATED" };
            (format!("{word}  {}", check.name), check.why.clone())
        };
        lines(&self.checks.iter().map(line).collect::<Vec<_>>())
    }

    fn verdicts(&self) -> String {
        let mut by_actor: BTreeMap<ActorName, Vec<usize>> = BTreeMap::new();
        for (index, judged) in self.judged.iter().enumerate() {
            if let Some(name) = judged.exposed {
                by_actor.entry(name).or_default().push(index);
            }
        }
        let mut out: String =
            by_actor.into_iter().map(|(name, verdicts)| self.verdict(name, &verdicts)).collect();
        if out.is_empty() {
            out.push_str("nobody is exposed\n");
        }
        let blame = &self.record().blame;
        for (name, since) in blame.suspected() {
            out.push_str(&format!("{name} is suspected since epoch {}: {}\n", since.epoch, self.owed(name)));
        }
        for ([one, two], since) in &blame.pairs {
            out.push_str(&format!("{one} and {two} are a pair since epoch {}\n", since.epoch));
        }
        for (client, since) in &blame.unserved {
            out.push_str(&format!("{client} finds itself unserved since epoch {}\n", since.epoch));
        }
        for name in &self.record().retired {
            out.push_str(&format!("{name} admits that it lost state, and signs nothing more\n"));
        }
        for (name, why) in &self.record().halted {
            out.push_str(&format!("{name} stopped: {why}\n"));
        }
        for name in &self.record().dead {
            out.push_str(&format!("{name} is dead\n"));
        }
        for ((client, _), exchange) in &blame.exchanges {
            let reply = match exchange.reply {
                None => "is not answered",
                Some(Reply::Admission) => "is admitted",
                Some(Reply::Defence) => "is answered by a defence",
            };
            out.push_str(&format!("the complaint of {client} about {} {reply}\n", exchange.against));
        }
        out
    }

    fn owed(&self, name: ActorName) -> String {
        let standing = self.record().blame.of(name).filter(|suspicion| suspicion.stands());
        let mut demands: Vec<&str> = standing.map(|suspicion| suspicion.demand.as_str()).collect();
        demands.sort_unstable();
        demands.dedup();
        format!("it owes {}", demands.join(", "))
    }

    fn verdict(&self, name: ActorName, verdicts: &[usize]) -> String {
        let judged = &self.judged[verdicts[0]];
        let caught = &self.record().caught[judged.evidence];
        let cheats = self.record().attacks.iter().find(|((who, _), _)| *who == name);
        let since = cheats.map_or(String::new(), |((_, attack), Cheats { epoch, count, .. })| {
            format!("; it did {attack} {count} times from epoch {epoch} on")
        });
        format!(
            "{name} is exposed by {} ({}) {} into the run, in epoch {}{since}\n  {}\n  pieces of evidence: {}\n",
            caught.by,
            caught.evidence.predicate(),
            duration(caught.at_ns),
            caught.epoch,
            judged.text.trim_start_matches("exposed: "),
            verdicts.len(),
        )
    }

    fn measured(&self) -> Vec<(String, String)> {
        let bundles = self.bundles();
        let record = self.record();
        let simulated = self.run.virtual_ns as f64 / 1e9;
        let crowd = self.crowd().map(|crowd| {
            let Counts { sent, delivered, again, put_off, lost_connections, .. } = crowd;
            let how = format!("{sent} sent, {delivered} deliveries, {again} sent again, {put_off} put off");
            ("crowd".to_owned(), format!("{how}, {lost_connections} connections lost"))
        });
        let mut measured = vec![
            (
                "throughput".to_owned(),
                format!("{}, bundles that all their recipients have", rate(self.throughput_per_s())),
            ),
            ("receipt latency".to_owned(), latency(record.receipt.summary())),
            ("delivery latency".to_owned(), latency(record.delivery.summary())),
            ("bundles".to_owned(), format!("{} accepted, {} delivered", bundles.accepted, bundles.delivered)),
            ("faults".to_owned(), counts(&record.faults)),
            ("attacks".to_owned(), counts(&self.attacks())),
            ("points reached".to_owned(), record.coverage.len().to_string()),
            ("time".to_owned(), format!("{simulated:.3} s simulated in {:.3} s", self.wall.as_secs_f64())),
            ("fingerprint".to_owned(), self.fingerprint()),
        ];
        measured.extend(crowd);
        measured
    }
}

fn section(out: &mut String, title: &str, body: &str) {
    out.push_str(&format!("\n{title}\n"));
    for line in body.lines() {
        out.push_str(&format!("  {line}\n"));
    }
}

fn latency(summary: Option<Summary>) -> String {
    summary.map_or("nothing measured".to_owned(), |Summary { p50, p90, p99, max }| {
        let [p50, p90, p99, max] = [p50, p90, p99, max].map(microseconds);
        format!("p50 {p50}, p90 {p90}, p99 {p99}, max {max}")
    })
}

fn counts(counts: &BTreeMap<&'static str, u64>) -> String {
    if counts.is_empty() {
        return "none".to_owned();
    }
    counts.iter().map(|(kind, count)| format!("{kind} {count}")).collect::<Vec<_>>().join(", ")
}
