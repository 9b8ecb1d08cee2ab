//! `cargo sim validate`: the simulator against the real server.

use std::path::PathBuf;

use reports::page;
use sim::{
    model::costs::Profile,
    outcome::write,
    scale::reproduce,
    validate::{self, Patience},
};

use super::{Failed, say_json, scale::show};

/// What the command line says.
#[derive(clap::Args)]
pub struct Arguments {
    /// The cost profile of this machine, made by `cargo sim calibrate -o FILE`; it is calibrated in between if none is given.
    #[arg(long, value_name = "FILE")]
    costs: Option<PathBuf>,
    /// Seconds of each load on the real server.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=600))]
    seconds: u32,
    /// How often each load is measured on the real server; the median counts.
    #[arg(long, default_value_t = 9, value_parser = clap::value_parser!(u32).range(1..=99))]
    repeats: u32,
    /// Requests of each load in the simulator.
    #[arg(long, default_value_t = 12_000, value_parser = clap::value_parser!(u64).range(100..=20_000))]
    requests: u64,
    /// A directory on the disk that the server stores on; what is written there is deleted again.
    #[arg(long, value_name = "DIR", default_value = ".")]
    disk: PathBuf,
    /// Write the page with its plots and tables to this directory, and the profile that the twins had.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Print one JSON object instead.
    #[arg(long)]
    json: bool,
}

/// Compares. How good a prediction is depends on the machine and its neighbours, and is no failure.
pub fn act(arguments: Arguments) -> Result<bool, Failed> {
    let Arguments { costs, seconds, repeats, requests, disk, out, json } = arguments;
    let known = costs.as_deref().map(Profile::read).transpose()?;
    let told = |what: &str| eprintln!("{what}");
    let (compared, profile) =
        validate::validate(known, &disk, Patience { seconds, repeats, requests }, &told)?;
    let costs = costs.map_or_else(String::new, |path| format!(" --costs {}", path.display()));
    let command = format!(
        "cargo sim validate{costs} --seconds {seconds} --repeats {repeats} --requests {requests} --out DIR"
    );
    let page = validate::page(&compared, reproduce(command, repeats.into(), &profile.machine))?;
    if json {
        say_json(&serde_json::json!({ "answer": page.answer, "architectures": compared }));
    } else {
        show(&page);
    }
    if let Some(directory) = out {
        page::write(&directory, &page)?;
        write(directory.join("profile.toml"), &profile.to_toml())?;
    }
    Ok(true)
}
