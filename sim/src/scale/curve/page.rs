//! The page of a curve: its plots and its table.

use std::collections::BTreeMap;

use reports::{
    chart::{
        self, Bar, ChartError, Dimension, Distribution, Heading, HeatPlot, LinesPlot, Point, Scale, Series,
        StackedPlot, Style,
    },
    page::{Cell, Column, Page, Plot, Reproduce, Section, Table},
    stats,
};

use super::{
    Curve, Key, Line, Row,
    answer::{answer, busiest, estimate, keeps_up, refused},
    fixed::Fixed,
};
use crate::scale::{
    METRICS,
    metric::{Metric, PEAK},
    words,
};

/// What every latency has to bear in mind,
const LATENCIES: &str = "The simulator predicts latencies too low, the more so the nearer to saturation: the page on validation says by how much.";
/// and every peak.
const PEAKS: &str =
    "So a real server leaves the bound at a lower rate. Peaks compare what is simulated alike.";

/// What is to be said of points at which a server falls behind.
const BEYOND: &str = "; where marks are empty most seeds are sent more than they can serve, and the longer a run the later it all comes";
/// With less between the lowest point and the highest than this factor, an axis is linear.
const DECADE: f64 = 10.0;

impl Curve {
    /// What is plotted: the peak first, if it was looked for.
    pub(super) fn shown(&self) -> impl Iterator<Item = &'static Metric> {
        let peak = METRICS.iter().filter(|metric| self.search.is_some() && metric.name == PEAK);
        peak.chain(self.show.iter().copied().filter(|metric| metric.name != PEAK))
    }

    fn dimension(&self) -> Dimension {
        let chosen = self.points.iter().map(|point| point.at).collect();
        Dimension { scale: self.scale, ..Dimension::linear(self.name.clone()) }.ticked_at(chosen)
    }
}

/// Makes the page of a question from the rows that there are.
///
/// # Errors
/// The drawing library refuses.
pub fn page(
    question: &str,
    curve: &Curve,
    rows: &BTreeMap<Key, Row>,
    fixed: Fixed,
    reproduce: Reproduce,
) -> Result<Page, ChartError> {
    let seeds = if curve.seeds == 1 { "one seed".to_owned() } else { format!("{} seeds", curve.seeds) };
    let draft = Draft { curve, rows, caption: format!("based on {}, {seeds} a point", curve.base.display()) };
    let mut sections = vec![draft.over_parameter()?];
    if let Some(search) = curve.search {
        sections.push(draft.over_load(search)?);
    }
    sections.extend(draft.stack()?);
    sections.push(draft.distributions()?);
    sections.extend([draft.table(), fixed.section(), words::section()]);
    let mut limits = curve.limits.clone();
    limits.push(match curve.search {
        Some(_) => format!("{LATENCIES} {PEAKS}"),
        None => LATENCIES.to_owned(),
    });
    limits.push(format!("Costs are those of the profile {}.", reproduce.machine));
    limits.extend(draft.violations());
    let of_point = |series, point| draft.of_point(series, point);
    Ok(Page { question: question.to_owned(), answer: answer(curve, &of_point), sections, reproduce, limits })
}

/// A page that is being made.
pub(super) struct Draft<'a> {
    pub(super) curve: &'a Curve,
    rows: &'a BTreeMap<Key, Row>,
    caption: String,
}

impl<'a> Draft<'a> {
    pub(super) fn of_point(&self, series: usize, point: usize) -> Vec<&'a Row> {
        self.rows.range((series, point, 0)..=(series, point, u64::MAX)).map(|(_, row)| row).collect()
    }

    fn heading(&self, title: &str) -> Heading {
        Heading { title: title.to_owned(), caption: self.caption.clone() }
    }

    /// Of what is shown of one run each.
    pub(super) fn heading_of_first_seed(&self, title: &str) -> Heading {
        Heading {
            title: title.to_owned(),
            caption: format!("based on {}, the first seed", self.curve.base.display()),
        }
    }

    /// What is measured of a peak is measured at another load at each point.
    fn at_the_peak(&self, metric: &Metric) -> &'static str {
        if self.curve.search.is_some() && metric.name != PEAK { ", at the peak of each point" } else { "" }
    }

    /// A plot a metric.
    fn over_parameter(&self) -> Result<Section, ChartError> {
        if self.curve.keys().count() == 1 {
            let text = "There is one point: what was measured of it stands in the table below.".to_owned();
            return Ok(Section {
                title: format!("Over {}", self.curve.name),
                text,
                plots: Vec::new(),
                tables: Vec::new(),
            });
        }
        let (none, shown): (Vec<_>, Vec<_>) = self.curve.shown().partition(|metric| self.is_nothing(metric));
        let text = none.iter().map(|metric| format!("{}: none anywhere. ", metric.caption())).collect();
        let plots = shown.into_iter().map(|metric| {
            let lines = self.curve.series.iter().enumerate();
            let series = lines.flat_map(|(index, line)| self.lines(metric, index, line));
            // of an architecture that has no such part there is nothing to show
            let series: Vec<Series> = series.filter(|series| !series.points.is_empty()).collect();
            let y = dimension(metric, &series);
            let is_beyond =
                |series: &Series| matches!(series.style, Style::Overloaded | Style::OverloadedAlone);
            let beyond = if series.iter().any(is_beyond) { BEYOND } else { "" };
            let plot = LinesPlot { x: self.curve.dimension(), y, series, marks: Vec::new() };
            let when = self.at_the_peak(metric);
            Ok(Plot {
                file: metric.name.to_owned(),
                caption: format!("{}{when}; {}{beyond}.", metric.caption(), self.ends(metric)),
                svg: chart::lines(&self.heading(&format!("{}{when}", metric.title)), &plot)?,
            })
        });
        let maps = self.curve.heat.iter().map(|metric| self.heat(metric));
        let plots = plots.chain(maps).collect::<Result<_, ChartError>>()?;
        let title = format!("Over {}", self.curve.name);
        Ok(Section { title, text, plots, tables: Vec::new() })
    }

    /// What the ends of an interval are of.
    fn ends(&self, metric: &Metric) -> String {
        match metric.name == PEAK {
            true => {
                "the ends are the lowest rate that was sustained with a seed, and the highest that was not"
                    .to_owned()
            }
            false => format!("{}{}", stats::ends_over_seeds(self.curve.seeds), self.fewer(metric)),
        }
    }

    /// Points of which not all seeds say something: what came late nobody knows where it did not come at all.
    fn fewer(&self, metric: &Metric) -> String {
        let fewer = self.curve.keys().filter_map(|(series, point)| {
            let rows = self.of_point(series, point);
            let samples = estimate(metric, &rows)?.samples;
            let at = reports::text::shortest(self.curve.points[point].at);
            let said = format!("{} at {at} ({samples} of {})", self.curve.series[series].name, rows.len());
            (samples < rows.len() as u64).then_some(said)
        });
        let fewer: Vec<String> = fewer.collect();
        match fewer.is_empty() {
            true => String::new(),
            false => format!("; of the seeds in which everything arrived: {}", fewer.join(", ")),
        }
    }

    /// Whether a metric is zero at every point: a plot of it would be an empty one.
    fn is_nothing(&self, metric: &Metric) -> bool {
        let mut values = self.rows.values().filter_map(|row| row.metrics.get(metric.name)).peekable();
        values.peek().is_some() && values.all(|value| *value == 0.0)
    }

    /// A metric over the parameter and the series.
    fn heat(&self, metric: &Metric) -> Result<Plot, ChartError> {
        let points = || 0..self.curve.points.len();
        let value = |series, point| Some(estimate(metric, &self.of_point(series, point))?.value);
        let rows = 0..self.curve.series.len();
        let plot = HeatPlot {
            x: self.curve.name.clone(),
            y: "series".to_owned(),
            columns: self.curve.points.iter().map(|point| reports::text::shortest(point.at)).collect(),
            rows: self.curve.series.iter().map(|line| line.name.clone()).collect(),
            value: Dimension::linear(metric.unit),
            values: rows.map(|series| points().map(|point| value(series, point)).collect()).collect(),
        };
        Ok(Plot {
            file: format!("{}-map", metric.name),
            caption: format!("{}{}, the mean over seeds.", metric.caption(), self.at_the_peak(metric)),
            svg: chart::heat(&self.heading(metric.title), &plot)?,
        })
    }

    /// What each point comes to, in its parts.
    fn stack(&self) -> Result<Option<Section>, ChartError> {
        let Some(first) = self.curve.stack.first() else { return Ok(None) };
        let bars = self.curve.keys().map(|(series, point)| {
            let rows = self.of_point(series, point);
            let parts = self.curve.stack.iter().map(|metric| estimate(metric, &rows));
            let parts: Vec<_> = parts.map(|part| part.map(|estimate| estimate.value)).collect();
            // an architecture has no part in roles that it lacks; where nothing was measured there is no sum, either
            let none = if parts.iter().any(Option::is_some) { 0.0 } else { f64::NAN };
            let at = reports::text::shortest(self.curve.points[point].at);
            Bar {
                label: format!("{}, {at}", self.curve.series[series].name),
                parts: parts.into_iter().map(|part| part.unwrap_or(none)).collect(),
            }
        });
        let plot = StackedPlot {
            title: format!("processor time ({})", first.unit),
            categories: self.curve.stack.iter().map(|metric| metric.title.to_owned()).collect(),
            bars: bars.collect(),
        };
        let plot = Plot {
            file: "parts".to_owned(),
            caption: format!("Each series, over {}; the mean over seeds.", self.curve.name),
            svg: chart::stacked(&self.heading("What a bundle costs"), &plot)?,
        };
        let (title, text) = ("What a bundle costs".to_owned(), String::new());
        Ok(Some(Section { title, text, plots: vec![plot], tables: Vec::new() }))
    }

    fn lines(&self, metric: &Metric, series: usize, line: &Line) -> Vec<Series> {
        let of_points = |served: bool| {
            let points = line.points.iter().filter_map(|point| {
                let rows = self.of_point(series, *point);
                let estimate = estimate(metric, &rows).filter(|_| keeps_up(&rows) == served)?;
                Some(Point::estimate(self.curve.points[*point].at, estimate))
            });
            points.collect::<Vec<Point>>()
        };
        let (points, beyond) = (of_points(true), of_points(false));
        let ideal = points.first().filter(|_| line.ideal && metric.name == PEAK).map(|first| {
            let proportional = points.iter().map(|point| Point::exact(point.x, first.y * point.x / first.x));
            let points = proportional.collect();
            Series { name: format!("{} in proportion", line.name), points, style: Style::Ideal }
        });
        let name = format!("{}, sent more than it can serve", line.name);
        let style = if points.is_empty() { Style::OverloadedAlone } else { Style::Overloaded };
        let beyond = Series { name, points: beyond, style };
        let measured = Series { name: line.name.clone(), points, style: Style::Measured };
        [Some(measured), Some(beyond), ideal].into_iter().flatten().collect()
    }

    /// Latencies at the last point of each series, of the first seed.
    fn distributions(&self) -> Result<Section, ChartError> {
        let ends = self.curve.series.iter().enumerate();
        let distributions = ends.filter_map(|(series, line)| {
            let last = line.points.last()?;
            let row = self.of_point(series, *last).into_iter().next()?;
            let beyond = if row.keeps_up() { "" } else { ", sent more than it can serve" };
            let name =
                format!("{} at {}{beyond}", line.name, reports::text::shortest(self.curve.points[*last].at));
            Some(Distribution { name, points: row.latency.clone() })
        });
        let distributions: Vec<Distribution> = distributions.collect();
        let when = if self.curve.search.is_some() { " at the peak" } else { "" };
        let plot = Plot {
            file: "latency".to_owned(),
            caption: format!(
                "Time from when a bundle is wanted to when a recipient has it{when}; of the first seed alone."
            ),
            svg: chart::cdf(&self.heading_of_first_seed(&format!("Delivery latency{when}")), &distributions)?,
        };
        Ok(Section {
            title: "Latency".to_owned(),
            text: String::new(),
            plots: vec![plot],
            tables: Vec::new(),
        })
    }

    /// Every point.
    fn table(&self) -> Section {
        let measured = METRICS
            .iter()
            .filter(|metric| self.rows.values().any(|row| row.metrics.contains_key(metric.name)));
        let measured: Vec<&Metric> = measured.collect();
        let mut columns = vec![
            Column::new("series", ""),
            Column::new(self.curve.name.clone(), ""),
            Column::new("seeds", ""),
        ];
        columns.extend(measured.iter().map(|metric| Column::new(metric.title, metric.unit)));
        match self.curve.search {
            Some(_) => columns
                .extend([Column::new("lowest rate not sustained", "bundles/s"), Column::new("where", "")]),
            None => columns.push(Column::new("seeds that keep up", "")),
        }
        columns.extend([Column::new("busiest", ""), Column::new("busy", "%")]);
        let rows = self.curve.keys().map(|(series, point)| {
            let rows = self.of_point(series, point);
            let (name, at) = (&self.curve.series[series].name, self.curve.points[point].at);
            let mut cells = vec![Cell::Text(name.clone()), Cell::Chosen(at), Cell::Count(rows.len() as u64)];
            cells.extend(
                measured.iter().map(|metric| estimate(metric, &rows).map_or(Cell::Missing, Cell::Estimate)),
            );
            match self.curve.search {
                Some(_) => {
                    let lowest: Vec<f64> = rows.iter().filter_map(|row| row.refused_per_s).collect();
                    cells.push(stats::over_seeds(&lowest).map_or(Cell::Missing, Cell::Estimate));
                    cells.push(refused(&rows).map_or(Cell::Missing, |why| Cell::Text(why.to_owned())));
                }
                None => cells.push(Cell::Count(rows.iter().filter(|row| row.keeps_up()).count() as u64)),
            }
            match busiest(&rows) {
                Some((busiest, share)) => cells.extend([Cell::Text(busiest), Cell::Number(share * 100.0)]),
                None => cells.extend([Cell::Missing, Cell::Missing]),
            }
            cells
        });
        let table = Table {
            file: "points".to_owned(),
            caption: format!(
                "Every point: the mean over seeds, but of what was busiest, which is of the seed in which it was busiest of all; {}{}.",
                stats::ends_over_seeds(self.curve.seeds),
                if self.curve.search.is_some() {
                    "; of the peak the upper end is the highest rate that was not sustained"
                } else {
                    ""
                }
            ),
            columns,
            rows: rows.collect(),
        };
        Section {
            title: "All points".to_owned(),
            text: String::new(),
            plots: Vec::new(),
            tables: vec![table],
        }
    }

    /// Points in whose runs something was violated.
    fn violations(&self) -> Vec<String> {
        let of_row = |((series, point, seed), row): (&Key, &Row)| {
            let (name, at) = (&self.curve.series[*series].name, self.curve.points[*point].at);
            let broken = row.broken().map(|(trial, what)| {
                let rate = reports::text::number(trial.offered_per_s);
                format!(
                    "The run of {name} at {at} with seed {} and {rate} bundles/s violated {what}.",
                    trial.seed
                )
            });
            let none = format!("Of {name} at {at} no rate is sustained with seed {seed}.");
            let nothing = (self.curve.search.is_some() && !row.keeps_up()).then_some(none);
            broken.chain(nothing).collect::<Vec<String>>()
        };
        self.rows.iter().flat_map(of_row).collect()
    }
}

/// The axis of a metric: one of ratios is linear where these points leave it hardly a power of ten to mark.
fn dimension(metric: &Metric, series: &[Series]) -> Dimension {
    let dimension = metric.dimension();
    let values = || series.iter().flat_map(|series| &series.points).map(|point| point.y);
    let (low, high) = (values().fold(f64::INFINITY, f64::min), values().fold(0.0, f64::max));
    match dimension.scale {
        Scale::Log10 if high < DECADE * low => Dimension { scale: Scale::Linear, ..dimension },
        _ => dimension,
    }
}
