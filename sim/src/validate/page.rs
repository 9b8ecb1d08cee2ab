//! The page of a validation.

use reports::{
    chart::{self, ChartError, Dimension, Heading, LinesPlot, Point, Series, Style},
    gallery::ENTRY_FILE,
    page::{Cell, Column, HTML_FILE, MARKDOWN_FILE, Page, Plot, Reproduce, Section, Table},
    text::number,
};

use super::{ARCHITECTURES, AtShare, CONNECTIONS, Compared, KEEPS_UP, MEASURED_FILE, PROFILE_FILE, Pair};
use crate::scale::words;

/// How much a prediction may be off, in per cent: of the peak and medians, and of 99th percentiles at three quarters.
const BARS: [f64; 2] = [15.0, 30.0];
const SHARE_OF_TAIL: u32 = 75;
/// Of what latencies are plotted.
const KINDS: [&str; 2] = ["delivery", "receipt"];
/// The tables.
const TABLES: [&str; 4] = ["peaks", "latencies", "commits", "processors"];

/// All that a validation writes to its directory: its page, and what that was made from.
pub fn files() -> Vec<String> {
    let plots = ARCHITECTURES.iter().flat_map(|one| KINDS.map(|kind| plot_file(one.name(), kind)));
    let plots = plots.flat_map(|plot| [format!("{plot}.svg"), format!("{plot}.png")]);
    let tables = TABLES.map(|table| format!("{table}.csv"));
    let others = [HTML_FILE, MARKDOWN_FILE, ENTRY_FILE, PROFILE_FILE, MEASURED_FILE];
    others.map(str::to_owned).into_iter().chain(plots).chain(tables).collect()
}

/// Name of the files of a plot.
fn plot_file(architecture: &str, kind: &str) -> String {
    format!("{architecture}-{kind}")
}

/// Makes the page.
///
/// # Errors
/// The drawing library refuses.
pub fn page(all: &[Compared], reproduce: Reproduce) -> Result<Page, ChartError> {
    let plots = all.iter().map(|one| plot(one, &reproduce.machine)).collect::<Result<Vec<_>, _>>()?;
    let section = Section {
        title: "Latency of delivery over load".to_owned(),
        text: format!(
            "The real server, with the load generator beside it, at shares of the peak that it reaches in a closed loop of \
             {CONNECTIONS} connections; and its twin in the simulator under the same load."
        ),
        plots: plots.into_iter().flatten().collect(),
        tables: vec![peaks(all), latencies(all), commits(all), processors(all)],
    };
    Ok(Page {
        question: "How well does the simulator predict the real server?".to_owned(),
        answer: answer(all),
        sections: vec![section, why(all), words::section()],
        reproduce,
        limits: vec![
            "The costs of the twins are calibrated beside these loads; other pages use those of the default profile.".to_owned(),
            "The cost of a request is calibrated on the central server, at its peak among other loads: that point is hardly a prediction."
                .to_owned(),
            "Requests come as a Poisson process on both sides; the load generator deals them to its connections in turn, one at a time each."
                .to_owned(),
            "Server and load generator share the cores of one machine, and so do their twins.".to_owned(),
            "Each share is of the peak that was measured just before it, so its rate is another each time: the median is told.".to_owned(),
            "Of each quantity the median of several servers, and of as many seeds, is compared: one epoch more or less, which a delivery waits \
             for, is chance on both sides. How often cores were withheld and the disk stood still is what was seen in some seconds of \
             calibration; whether it happens in the seconds of a load is chance, too."
                .to_owned(),
        ],
    })
}

/// Why predictions are off that are: what was found by traces and time stamps of the same servers, beside what this measurement says.
fn why(all: &[Compared]) -> Section {
    let shares = || all.iter().flat_map(|one| &one.shares);
    let (loads, overloaded) = (
        shares().map(|at| at.served_percent.len()).sum::<usize>(),
        shares().map(AtShare::overloaded).sum::<usize>(),
    );
    let transactions = shares().map(|at| at.commits[0].error_percent());
    let (low, high) =
        transactions.fold((f64::MAX, f64::MIN), |(low, high), off| (low.min(off), high.max(off)));
    let text = format!(
        "Overload: in {overloaded} of {loads} loads the real server served less than {} % of what it was offered (in the table of latencies), so what \
         waited grew for as long as the load lasted, and its latency is of that. \
         Batches: the number of transactions that a simulated server makes for a request is off by {low:+.0} to {high:+.0} %; one with more makes each \
         request wait for less. The rest was found in other experiments with the same server, whose numbers stand in sim/VALIDATION.md. \
         Queues: a request waits at a worker of the runtime for other tasks, and in the model for a core alone; groups of threads with \
         slices and costs of waking were built, fitted and measured, and left out, for they gave nothing that stood in another hour. \
         Tails: beside two processes that compute all the time a thread that wakes waits for 4 to 8 ms, one time in forty, for the system \
         takes a core away from nobody but at its ticks; in the model what goes on is done within a millisecond. \
         The machine: an hour later the same load had half or twice the median near the peak.",
        number(KEEPS_UP),
    );
    Section { title: "Why the worse ones are off".to_owned(), text, plots: Vec::new(), tables: Vec::new() }
}

fn answer(all: &[Compared]) -> String {
    let peaks = all.iter().map(|one| {
        let Pair { predicted, .. } = one.peak_per_s;
        let (measured, off) = (one.peak_per_s.median(), one.peak_per_s.error_percent());
        let [predicted, measured] = [predicted, measured].map(number);
        format!("{} {predicted} predicted, {measured} measured ({off:+.0} %)", one.architecture)
    });
    let shares = || all.iter().flat_map(|one| &one.shares);
    let medians: Vec<&Pair> = shares().flat_map(|at| [&at.delivery_us[0], &at.receipt_us[0]]).collect();
    let tails = shares().filter(|at| at.share_percent == SHARE_OF_TAIL);
    let tails: Vec<&Pair> = tails.flat_map(|at| [&at.delivery_us[1], &at.receipt_us[1]]).collect();
    let [bar, bar_of_tails] = BARS;
    let kept: Vec<&AtShare> = shares().filter(|at| at.is_sustained()).collect();
    let of_kept: Vec<&Pair> = kept.iter().flat_map(|at| [&at.delivery_us[0], &at.receipt_us[0]]).collect();
    let sustained = format!(
        " With {} of {} loads the real server kept up in the median; of their medians {} are within {bar} %.",
        kept.len(),
        shares().count(),
        within(&of_kept, bar)
    );
    format!(
        "Peak throughput in requests a second: {}. {} medians of latency are within {bar} %, and {} 99th percentiles at {SHARE_OF_TAIL} % \
         of the peak within {bar_of_tails} %.{sustained}{}",
        peaks.collect::<Vec<_>>().join("; "),
        within(&medians, bar),
        within(&tails, bar_of_tails),
        itself(&medians, bar).zip(itself(&tails, bar_of_tails)).map_or(String::new(), |(medians, tails)| format!(
            " The real server itself is no nearer: one measurement is within the same bounds of the median of its others in {medians} and {tails} of cases."
        )),
    )
}

/// How many predictions are off by no more than that.
fn within(pairs: &[&Pair], bar: f64) -> String {
    let held = pairs.iter().filter(|pair| pair.error_percent().abs() <= bar).count();
    format!("{held} of {}", pairs.len())
}

/// What share of measurements is off the median of the others by no more than that.
fn itself(pairs: &[&Pair], bar: f64) -> Option<String> {
    let apart = pairs.iter().flat_map(|pair| pair.apart_percent());
    // who was measured once has no others
    let apart: Vec<f64> = apart.filter(|apart| !apart.is_nan()).collect();
    let held = apart.iter().filter(|apart| **apart <= bar).count();
    (!apart.is_empty()).then(|| format!("{:.0} %", 100.0 * held as f64 / apart.len() as f64))
}

/// Picks a quantity of a load: median and 99th percentile.
type Quantity = fn(&AtShare) -> &[Pair; 2];

/// So many microseconds at a load: the least, the one in the middle, the most.
fn point(x: f64, [low, y, high]: [f64; 3]) -> Point {
    Point { x, y: y / 1e3, low: low / 1e3, high: high / 1e3 }
}

fn plot(one: &Compared, machine: &str) -> Result<Vec<Plot>, ChartError> {
    let line = |name: &str, of: &dyn Fn(&AtShare) -> [f64; 3], style| Series {
        name: name.to_owned(),
        points: one.shares.iter().map(|at| point(f64::from(at.offered_per_s), of(at))).collect(),
        style,
    };
    let quantities: [Quantity; 2] = [|at| &at.delivery_us, |at| &at.receipt_us];
    let plots = KINDS.into_iter().zip(quantities).map(|(kind, of)| {
        let series = [("median", 0), ("99th percentile", 1)].into_iter().flat_map(|(name, which)| {
            [
                line(&format!("{name}, measured"), &|at| of(at)[which].range(), Style::Measured),
                line(&format!("{name}, predicted"), &|at| [of(at)[which].predicted; 3], Style::Predicted),
            ]
        });
        let plot = LinesPlot {
            x: Dimension::linear("offered load (requests/s)"),
            y: Dimension::log10(format!("{kind} latency (ms)")),
            series: series.collect(),
            marks: Vec::new(),
        };
        let title = format!("{}: {kind} latency", one.architecture);
        let heading = Heading { title: title.clone(), caption: machine.to_owned() };
        Ok(Plot {
            file: plot_file(one.architecture, kind),
            caption: format!(
                "{title}: what was measured, the median of all servers with the least and the most; and what is predicted of it."
            ),
            svg: chart::lines(&heading, &plot)?,
        })
    });
    plots.collect()
}

fn peaks(all: &[Compared]) -> Table {
    let rows = all.iter().map(|one| {
        let mut cells = vec![Cell::Text(one.architecture.to_owned())];
        cells.extend(three(&one.peak_per_s));
        cells.push(Cell::Number(one.peak_per_s.spread_percent()));
        cells
    });
    Table {
        file: "peaks".to_owned(),
        caption: format!(
            "Peak throughput in a closed loop of {CONNECTIONS} connections. Spread: how far a measurement of the real server is from the \
             median of the others, in the median."
        ),
        columns: vec![
            Column::new("architecture", ""),
            Column::new("predicted", "requests/s"),
            Column::new("measured", "requests/s"),
            Column::new("error", "%"),
            Column::new("spread", "%"),
        ],
        rows: rows.collect(),
    }
}

/// How long a transaction takes, of which every latency has several.
fn commits(all: &[Compared]) -> Table {
    let rows = all.iter().flat_map(|one| {
        one.shares.iter().map(|at| {
            let mut cells =
                vec![Cell::Text(one.architecture.to_owned()), Cell::Count(u64::from(at.share_percent))];
            cells.extend(at.commits.iter().flat_map(three));
            cells
        })
    });
    Table {
        file: "commits".to_owned(),
        caption: "Transactions for a request, over all actors, and how long one takes until it is durable, on average."
            .to_owned(),
        columns: vec![
            Column::new("architecture", ""),
            Column::new("load", "% of peak"),
            Column::new("a request, predicted", ""),
            Column::new("a request, measured", ""),
            Column::new("a request, error", "%"),
            Column::new("one takes, predicted", "µs"),
            Column::new("one takes, measured", "µs"),
            Column::new("one takes, error", "%"),
        ],
        rows: rows.collect(),
    }
}

/// What a request takes of processors, and how fast these were.
fn processors(all: &[Compared]) -> Table {
    let row = |one: &Compared, load: String, processor_us: &[Pair; 2], pace_ns: f64| {
        let mut cells = vec![Cell::Text(one.architecture.to_owned()), Cell::Text(load)];
        cells.push(Cell::Number(pace_ns / 1e3));
        cells.extend(processor_us.iter().flat_map(three));
        cells
    };
    let rows = all.iter().flat_map(|one| {
        let at_peak = row(one, "peak".to_owned(), &one.processor_us, one.pace_ns);
        let below = one.shares.iter();
        let below =
            below.map(move |at| row(one, format!("{} %", at.share_percent), &at.processor_us, at.pace_ns));
        std::iter::once(at_peak).chain(below)
    });
    Table {
        file: "processors".to_owned(),
        caption: "Processor time of a request, server and load generator together and of it the actors, and how long one check of a signature took \
                  meanwhile, by which the twin is as fast as the machine was."
            .to_owned(),
        columns: vec![
            Column::new("architecture", ""),
            Column::new("load", ""),
            Column::new("yardstick", "µs"),
            Column::new("predicted", "µs"),
            Column::new("measured", "µs"),
            Column::new("error", "%"),
            Column::new("actors, predicted", "µs"),
            Column::new("actors, measured", "µs"),
            Column::new("actors, error", "%"),
        ],
        rows: rows.collect(),
    }
}

fn three(pair: &Pair) -> [Cell; 3] {
    [pair.predicted, pair.median(), pair.error_percent()].map(Cell::Number)
}

fn latencies(all: &[Compared]) -> Table {
    let mut columns = vec![
        Column::new("architecture", ""),
        Column::new("load", "% of peak"),
        Column::new("offered", "requests/s"),
        Column::new("served, the least", "% of offered"),
        Column::new("servers that fell behind", ""),
    ];
    for what in ["receipt p50", "receipt p99", "delivery p50", "delivery p99"] {
        columns.push(Column::new(format!("{what}, predicted"), "µs"));
        columns.push(Column::new(format!("{what}, measured"), "µs"));
        columns.push(Column::new(format!("{what}, error"), "%"));
        columns.push(Column::new(format!("{what}, spread"), "%"));
    }
    let rows = all.iter().flat_map(|one| {
        one.shares.iter().map(|at| {
            let mut cells = vec![
                Cell::Text(one.architecture.to_owned()),
                Cell::Count(u64::from(at.share_percent)),
                Cell::Count(u64::from(at.offered_per_s)),
                Cell::Number(at.served_percent.iter().copied().fold(f64::INFINITY, f64::min)),
                Cell::Count(at.overloaded() as u64),
            ];
            for pair in at.receipt_us.iter().chain(&at.delivery_us) {
                cells.extend(three(pair));
                cells.push(Cell::Number(pair.spread_percent()));
            }
            cells
        })
    });
    let caption = format!(
        "Every point. Who serves less than {} % of what is offered falls behind. Spread: how far a measurement of the real server is from \
         the median of the others, in the median.",
        number(KEEPS_UP)
    );
    Table { file: "latencies".to_owned(), caption, columns, rows: rows.collect() }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::place;

    fn compared(architecture: &'static str) -> Compared {
        let pair = || Pair { predicted: 900.0, measured: vec![800.0, 1000.0, 1100.0] };
        let pairs = || [pair(), pair()];
        let at = |share_percent: u32| AtShare {
            share_percent,
            offered_per_s: 40 * share_percent,
            served_percent: vec![100.0, 96.9, 97.0],
            processor_us: pairs(),
            pace_ns: 40_000.0,
            receipt_us: pairs(),
            commits: pairs(),
            delivery_us: pairs(),
        };
        let shares = [25, 75].map(at).to_vec();
        Compared { architecture, peak_per_s: pair(), processor_us: pairs(), pace_ns: 40_000.0, shares }
    }

    #[test]
    fn servers_that_fall_behind_are_counted_and_told() {
        let all = [compared("central")];
        assert_eq!(all[0].shares[0].overloaded(), 1);
        let page = page(&all, Reproduce::default()).unwrap();
        let why = page.sections.iter().find(|section| section.title.starts_with("Why")).unwrap();
        assert!(why.text.contains("in 2 of 6 loads the real server served less than 97.0 %"), "{}", why.text);
    }

    #[test]
    fn a_validation_is_written_over_an_earlier_one_and_over_nothing_else() {
        let directory = tempfile::tempdir().unwrap();
        let commands = vec![format!("{} --out DIR", super::super::COMMAND)];
        let reproduce = Reproduce { commands, ..Reproduce::default() };
        let all = ARCHITECTURES.map(|one| compared(one.name()));
        reports::page::write(directory.path(), &page(&all, reproduce).unwrap()).unwrap();
        let refused = place::of_validation(directory.path()).unwrap_err().to_string();
        assert!(refused.contains("a validation would replace this"), "{refused}");
        for name in [PROFILE_FILE, MEASURED_FILE] {
            std::fs::write(directory.path().join(name), "").unwrap();
        }
        place::of_validation(directory.path()).unwrap();
        let written = std::fs::read_dir(directory.path()).unwrap();
        let written = written.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let written: BTreeSet<String> = written.collect();
        assert_eq!(written, BTreeSet::from_iter(files()));

        // the page of something else, which two files of these names stand beside
        std::fs::write(directory.path().join(MARKDOWN_FILE), "cargo sim scale x.toml").unwrap();
        assert!(place::of_validation(directory.path()).is_err());
        for name in files() {
            let directory = tempfile::tempdir().unwrap();
            place::of_validation(directory.path()).unwrap();
            std::fs::write(directory.path().join(&name), "precious").unwrap();
            assert!(place::of_validation(directory.path()).is_err(), "{name}");
        }
    }
}
