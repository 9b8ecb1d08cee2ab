//! `cargo server verify`: the offline judge.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::Args;
use server::protocol::{
    agency,
    evidence::Evidence,
    file::FileError,
    judge::{Verdict, judge},
    predicate::agent::Represented,
    roster_file,
    statement::Citation,
};

use super::say;

/// Judge a piece of evidence offline. Exit status: 0 proven, 1 not proven, 2 malformed.
#[derive(Args)]
pub struct Verify {
    /// The evidence file.
    pub evidence: PathBuf,
    /// The roster file of the deployment.
    #[arg(long)]
    pub roster: PathBuf,
    /// An agency file (`GET /v1/agents/{device}`): a request handler's word that it signs for the accused client. The handler is judged
    /// then, for what its client did.
    #[arg(long)]
    pub agency: Option<PathBuf>,
}

impl Verify {
    /// Judges.
    pub fn execute(&self) -> ExitCode {
        match self.verify() {
            Ok((evidence, verdict)) => {
                say(report(&evidence, &verdict).trim_end());
                ExitCode::from(u8::from(matches!(verdict, Verdict::NotProven(_))))
            }
            Err(error) => {
                eprintln!("malformed: {error}");
                ExitCode::from(2)
            }
        }
    }

    fn verify(&self) -> Result<(Evidence, Verdict), String> {
        let trust = read(&self.roster, roster_file::from_json)?;
        let mut evidence = read(&self.evidence, |text| Evidence::from_json(text, trust.deployment))?;
        if let Some(agency) = &self.agency {
            let agency = read(agency, |text| agency::from_json(text, &trust))?;
            evidence = Represented { agency, evidence: Box::new(evidence) }.into();
        }
        let verdict = judge(&evidence, &trust);
        Ok((evidence, verdict))
    }
}

/// Reads a file of some format.
fn read<T>(path: &Path, parse: impl FnOnce(&str) -> Result<T, FileError>) -> Result<T, String> {
    let text =
        std::fs::read_to_string(path).map_err(|error| format!("{}: cannot read: {error}", path.display()))?;
    parse(&text).map_err(|error| format!("{}: {error}", path.display()))
}

/// What was proven, by which rule and statements; or why nothing was.
fn report(evidence: &Evidence, verdict: &Verdict) -> String {
    let shown = match verdict {
        Verdict::Exposed { .. } => "proven by",
        Verdict::NotProven(_) => "not proven by",
    };
    let mut text = format!("{verdict}\n{} {shown}\n", evidence.predicate());
    for Citation { kind, actor, slot, digest, .. } in evidence.statements() {
        let (kind, digest) = (kind.name(), &digest.to_string()[..12]);
        text += &format!("  {kind:<12}{slot:>8}  {digest}  {actor}\n");
    }
    text
}
