//! `cargo sim validate`: the simulator against the real server.

use std::path::PathBuf;

use reports::{gallery, page};
use sim::{
    model::costs::Profile,
    outcome::write,
    place,
    scale::reproduce,
    validate::{self, COMMAND, MEASURED_FILE, Measurements, PROFILE_FILE, ValidateError},
};

use super::{Failed, say_json, scale::show, writable};

/// Its directory in a gallery.
const NAME: &str = "validation";
/// What a profile is called that no file holds yet.
const CALIBRATED: &str = "calibrated in between";

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
    /// Requests of each load in the simulator, at most: no more than the real server was sent.
    #[arg(long, default_value_t = 50_000, value_parser = clap::value_parser!(u64).range(100..=100_000))]
    requests: u64,
    /// Measure nothing: compare with what was measured before, `measured.json` of what `--out` wrote then.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["seconds", "repeats", "disk"])]
    measured: Option<PathBuf>,
    /// A directory on the disk that the server stores on; what is written there is deleted again.
    #[arg(long, value_name = "DIR", default_value = ".")]
    disk: PathBuf,
    /// Write the page with its plots and tables to this directory, the profile that the twins had, and what was measured.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// The same in a directory of its own below this one, and a page over all that stand there, as `cargo sim scale --gallery` does.
    #[arg(long, value_name = "DIR", conflicts_with = "out")]
    gallery: Option<PathBuf>,
    /// Print one JSON object instead.
    #[arg(long)]
    json: bool,
}

/// Compares. How good a prediction is depends on the machine and its neighbours, and is no failure.
pub fn act(arguments: Arguments) -> Result<bool, Failed> {
    let Arguments { costs, seconds, repeats, requests, measured, disk, out, gallery, json } = arguments;
    let out = gallery.as_ref().map(|gallery| gallery.join(NAME)).or(out);
    out.as_deref().map_or(Ok(()), place::of_validation)?;
    writable(out.as_deref())?;
    let known = costs.as_deref().map(Profile::read).transpose()?;
    let told = |what: &str| eprintln!("{what}");
    let measurements = match (&measured, known) {
        (None, known) => Measurements::take(known, &disk, (repeats, seconds), &told)?,
        (Some(path), None) => Measurements::read(path).map_err(ValidateError::from)?,
        (Some(path), Some(known)) => Measurements::read(path).map_err(ValidateError::from)?.with_costs(known),
    };
    let (compared, profile) = validate::compare(&measurements, requests, &told)?;
    let option = |name: &str, path: &Option<PathBuf>| {
        path.as_ref().map_or_else(String::new, |path| format!(" --{name} {}", path.display()))
    };
    let loads = match measured {
        Some(_) => option("measured", &measured),
        None => format!(" --seconds {seconds} --repeats {repeats}"),
    };
    let command = format!("{COMMAND}{}{loads} --requests {requests} --out DIR", option("costs", &costs));
    let name = costs.as_ref().map_or(CALIBRATED.to_owned(), |path| path.display().to_string());
    let called = profile.called(&name);
    let page = validate::page(&compared, reproduce(command, measurements.repeats() as u64, &called))?;
    if json {
        say_json(&serde_json::json!({ "answer": page.answer, "architectures": compared }));
    } else {
        show(&page);
    }
    if let Some(directory) = out {
        page::write(&directory, &page)?;
        write(directory.join(PROFILE_FILE), &profile.to_toml())?;
        write(directory.join(MEASURED_FILE), &measurements.to_json())?;
    }
    if let Some(directory) = gallery {
        gallery::write(&directory, &gallery::entries(&directory)?)?;
    }
    Ok(true)
}
