//! `cargo sim scale`: experiments.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::atomic::Ordering,
};

use indicatif::ProgressBar;
use reports::{
    blame::write_blame,
    gallery,
    page::{self, Page},
};
use sim::{
    journal::{Journal, JournalError, Limits, Planned},
    scale::{
        Experiment, Kind, SEEDS_MAX,
        blame::{self, Matrix},
        curve::{self, Curve},
        reproduce,
    },
};

use super::{Failed, cores, interrupt, progress_bar, say, say_json_line};

/// What the command line says.
#[derive(clap::Args)]
pub struct Arguments {
    /// Experiment files, such as scenarios/questions/scaling.toml; of a directory, all that are in it.
    #[arg(required = true)]
    experiments: Vec<PathBuf>,
    /// Seeds of each point or scenario, instead of what the file says.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=SEEDS_MAX))]
    seeds: Option<u64>,
    /// Threads; all cores if not given.
    #[arg(long, value_parser = super::jobs)]
    jobs: Option<usize>,
    /// Override a value of every scenario, such as topology.crypto=modelled.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    sets: Vec<String>,
    /// Write the page with its plots and tables to this directory; an experiment keeps its journal there, and goes on
    /// with one that is there.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// The same for each of several experiments, in a directory of its own below this one, and a page over all of them.
    #[arg(long, value_name = "DIR", conflicts_with = "out")]
    gallery: Option<PathBuf>,
    /// Begin anew where the journal or the page there is of another build, experiment or number of seeds, instead of refusing it.
    #[arg(long)]
    fresh: bool,
    /// Print one JSON object for each experiment instead, on a line of its own.
    #[arg(long)]
    json: bool,
}

/// Runs experiments: whether nothing was violated in any of them.
pub fn act(arguments: Arguments) -> Result<bool, Failed> {
    let mut experiments = Experiment::read_all(&arguments.experiments)?;
    if let Some(seeds) = arguments.seeds {
        experiments.iter_mut().for_each(|experiment| experiment.set_seeds(seeds));
    }
    if let (Some(_), [_, _, ..]) = (&arguments.out, &experiments[..]) {
        return Err(Failed::Arguments("--out takes one experiment; several go to --gallery DIR".to_owned()));
    }
    if arguments.gallery.is_some() {
        are_told_apart(&experiments)?;
    }
    let mut held = true;
    for experiment in &experiments {
        let directory = match &arguments.gallery {
            Some(gallery) => Some(gallery.join(experiment.name())),
            None => arguments.out.clone(),
        };
        if let Some(directory) = directory.as_deref().filter(|_| !arguments.fresh) {
            keeps(directory, command(experiment, &arguments.sets))?;
        }
        let Some(made) = one(experiment, &arguments, directory.as_deref())? else { return Ok(false) };
        held &= made.held;
        if let Some(directory) = &directory {
            page::write(directory, &made.page)?;
        }
    }
    if let Some(directory) = &arguments.gallery {
        gallery::write(directory, &gallery::entries(directory)?)?;
    }
    Ok(held)
}

/// Refuses to replace the page of another command.
fn keeps(directory: &Path, command: String) -> Result<(), Failed> {
    if page::is_of_others(directory, std::slice::from_ref(&command)) {
        let directory = directory.display();
        let why =
            format!("{directory} has a page that another command made than `{command}`: --fresh replaces it");
        return Err(Failed::Arguments(why));
    }
    Ok(())
}

/// Refuses experiments whose pages would have one directory in a gallery.
fn are_told_apart(experiments: &[Experiment]) -> Result<(), Failed> {
    let mut seen = BTreeMap::new();
    for experiment in experiments {
        if let Some(before) = seen.insert(experiment.name(), &experiment.path) {
            let (one, two, name) = (before.display(), experiment.path.display(), experiment.name());
            let why = format!("{one} and {two} would both be {name} in the gallery: rename one of them");
            return Err(Failed::Arguments(why));
        }
    }
    Ok(())
}

/// What came of an experiment.
struct Made {
    page: Page,
    held: bool,
}

/// Runs an experiment and prints what came of it; none if it was interrupted.
fn one(
    experiment: &Experiment,
    arguments: &Arguments,
    directory: Option<&Path>,
) -> Result<Option<Made>, Failed> {
    match &experiment.kind {
        Kind::Blame(matrix) => the_matrix(experiment, matrix, arguments, directory),
        Kind::Curve(curve) => the_curve(experiment, curve, arguments, directory),
    }
}

/// The journal of an experiment: begun, or gone on with; in memory alone where nothing is written.
fn journal<P: Planned>(directory: Option<&Path>, plan: &P, fresh: bool) -> Result<Journal<P>, JournalError> {
    match directory {
        Some(directory) if fresh => Journal::open_anew(directory, plan),
        Some(directory) => Journal::open(directory, plan),
        None => Ok(Journal::unwritten()),
    }
}

/// A progress bar of so many runs, some of which are done.
fn bar(done: usize, runs: u64) -> ProgressBar {
    let bar = progress_bar(runs);
    bar.set_position(done as u64);
    bar.reset_eta();
    bar
}

/// Whether an experiment was interrupted before all was done, and says how far it came.
fn is_cut_short(done: usize, runs: u64, limits: Limits<'_>, directory: Option<&Path>) -> bool {
    let is_cut_short = limits.stop.load(Ordering::Relaxed) && (done as u64) < runs;
    if is_cut_short {
        let further =
            if directory.is_some() { "the same command goes on" } else { "--out DIR would have kept them" };
        eprintln!("stopped after {done} of {runs} points; {further}");
    }
    is_cut_short
}

/// The command that makes a page again.
fn command(experiment: &Experiment, sets: &[String]) -> String {
    let sets: String = sets.iter().map(|set| format!(" --set '{set}'")).collect();
    format!("cargo sim scale {} --seeds {}{sets} --out DIR", experiment.path.display(), experiment.seeds())
}

/// The blame matrix: whether every attack that took place ended as the catalogue says.
fn the_matrix(
    experiment: &Experiment,
    matrix: &Matrix,
    arguments: &Arguments,
    directory: Option<&Path>,
) -> Result<Option<Made>, Failed> {
    let attacks = matrix.attacks(&arguments.sets)?;
    if attacks.is_empty() {
        return Err(experiment.shows_nothing().into());
    }
    let mut journal = journal(directory, &matrix.plan(&attacks), arguments.fresh)?;
    let runs = attacks.len() as u64 * matrix.seeds;
    let bar = bar(journal.rows().len(), runs);
    let limits = Limits { time: None, stop: interrupt::stop() };
    let jobs = arguments.jobs.unwrap_or_else(cores);
    blame::run(matrix, &attacks, &mut journal, jobs, limits, &|_| bar.inc(1))?;
    bar.finish_and_clear();
    if is_cut_short(journal.rows().len(), runs, limits, directory) {
        return Ok(None);
    }
    let rows = blame::rows(&attacks, journal.rows());
    let profile = attacks.first().map_or_else(|| Ok(String::new()), blame::Attack::profile)?;
    let reproduce = reproduce(command(experiment, &arguments.sets), matrix.seeds, &profile);
    let page = blame::page(&experiment.question, &experiment.path, &rows, reproduce)?;
    if arguments.json {
        say_json_line(
            &serde_json::json!({ "question": experiment.question, "seeds": matrix.seeds, "rows": rows }),
        );
    } else {
        show(&page);
    }
    if let Some(directory) = directory {
        write_blame(directory, &rows)?;
    }
    let held = rows.iter().all(|row| row.fired > 0 && row.right == row.fired);
    Ok(Some(Made { page, held }))
}

/// Runs over a parameter: whether none of them violated anything.
fn the_curve(
    experiment: &Experiment,
    curve: &Curve,
    arguments: &Arguments,
    directory: Option<&Path>,
) -> Result<Option<Made>, Failed> {
    let plan = curve.plan(&arguments.sets).map_err(|error| experiment.explain(error, &arguments.sets))?;
    let mut journal = journal(directory, &plan, arguments.fresh)?;
    let runs = curve.keys().count() as u64 * curve.seeds;
    let bar = bar(journal.rows().len(), runs);
    let limits = Limits { time: None, stop: interrupt::stop() };
    let alone = curve.is_of_this_machine();
    let jobs = arguments.jobs.unwrap_or_else(|| if alone { 1 } else { cores() });
    curve::run(curve, &arguments.sets, &mut journal, jobs, limits, &|_| bar.inc(1))?;
    bar.finish_and_clear();
    if is_cut_short(journal.rows().len(), runs, limits, directory) {
        return Ok(None);
    }
    let reproduce =
        reproduce(command(experiment, &arguments.sets), curve.seeds, &curve.profile(&arguments.sets)?);
    let fixed = curve.fixed(&arguments.sets)?;
    let mut page = curve::page(&experiment.question, curve, journal.rows(), fixed, reproduce)?;
    page.limits.extend(curve.models(&arguments.sets)?);
    if arguments.json {
        say_json_line(&curve.json(&experiment.question, &page.answer, journal.rows()));
    } else {
        show(&page);
    }
    if let Some(directory) = directory {
        curve::write_trials(directory, curve, journal.rows())?;
    }
    Ok(Some(Made { page, held: curve::held(curve, journal.rows()) }))
}

/// Question, answer and tables.
pub fn show(page: &Page) {
    say(&format!("{}\n{}\n", page.question, page.answer));
    for table in page.sections.iter().flat_map(|section| &section.tables) {
        say(&format!("\n{}\n", table.text()));
    }
    for limit in &page.limits {
        say(&format!("{limit}\n"));
    }
}
