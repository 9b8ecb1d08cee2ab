//! `cargo sim merge`: shards of a sweep put together, as one run of all of it would have put it.

use std::path::PathBuf;

use sim::{
    place,
    sweep::{Merged, merge},
};

use super::{Failed, sweep::Report};

/// What the command line says.
#[derive(clap::Args)]
pub struct Arguments {
    /// The directories that the shards were written to.
    #[arg(required = true, value_name = "DIR")]
    shards: Vec<PathBuf>,
    /// Put together what there is, though shards or runs are missing.
    #[arg(long)]
    partial: bool,
    #[command(flatten)]
    report: Report,
}

/// Does it.
pub fn act(Arguments { shards, partial, report }: Arguments) -> Result<bool, Failed> {
    report.out.as_deref().map_or(Ok(()), place::of_merge)?;
    report.has_place()?;
    let Merged { swept, missing } = merge(&shards)?;
    if !missing.is_empty() && !partial {
        return Err(Failed::Missing(missing.join("\n")));
    }
    missing.iter().for_each(|what| eprintln!("{what}"));
    report.make(&swept)
}
