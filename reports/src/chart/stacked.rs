//! Stacked bars: what one message costs, bar by bar (component) and part by part (category).
//!
//! The bars lie, so that their names can be as long as they are; the sum stands at the end of each, the share of
//! each part within it where there is room.
//!
//! *Invariants*: parts that are not finite or negative are left out, and how many is said below the plot; from the
//! eighth category on, the rest is put together, and the legend says so; a bar without parts says so.

use super::axis::Axis;
use super::canvas::{self, Anchor, Canvas, Drawn, GRID, INK, TEXT, WIDTH, cut, text_width};
use super::frame::{RIGHT, between, draw_heading};
use super::legend::{Entry, Legend, Swatch};
use super::patch::{PATCHES, Patch};
use super::{ChartError, Heading};
use crate::text::number;

const LEFT: i32 = 16;
/// Upper end of the bars, below a legend of one row.
const TOP: i32 = 104;
/// From one bar to the next.
const ROW: i32 = 40;
/// Height of a bar.
const BAR: i32 = 26;
/// No name of a bar is wider.
const NAME_MAX: i32 = 250;
/// Room for the ticks and the title of the axis.
const FOOT: i32 = 70;
/// Room for what was left out.
const FOOTNOTE: i32 = 24;

/// Bars of parts.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StackedPlot {
    /// What is added up, with its unit: `cost per message (µs)`.
    pub title: String,
    /// What the parts are called, in the order of the legend.
    pub categories: Vec<String>,
    /// The bars, from top to bottom.
    pub bars: Vec<Bar>,
}

/// One bar.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Bar {
    /// What it is.
    pub label: String,
    /// Its parts, in the order of the categories. Missing ones are zero, those beyond the categories left out.
    pub parts: Vec<f64>,
}

/// Draws the bars.
///
/// # Errors
/// [`ChartError::Draw`], which no input is known to cause.
pub fn stacked(heading: &Heading, plot: &StackedPlot) -> Result<String, ChartError> {
    let (categories, bars) = together(plot);
    let legend =
        Legend::from(LEFT, categories.into_iter().enumerate().map(|(index, name)| entry(index, name)));
    let names = plot.bars.iter().map(|bar| text_width(&cut(&bar.label, TEXT, NAME_MAX), TEXT)).max();
    let totals = bars.iter().map(|parts| parts.iter().sum());
    let sums = bars.iter().map(|parts| text_width(&number(parts.iter().sum()), TEXT)).max();
    let layout = Layout {
        left: LEFT + names.unwrap_or(0) + 12,
        right: RIGHT - sums.unwrap_or(0),
        top: TOP + legend.more_room(),
        rows: plot.bars.len().max(2) as i32,
        axis: Axis::from_zero(&plot.title, totals.fold(0.0, f64::max)),
    };
    let footnote = footnote(plot);
    let height = layout.bottom() + FOOT + if footnote.is_empty() { 0 } else { FOOTNOTE };
    Ok(canvas::svg_of(heading, height, |canvas| {
        draw_heading(canvas, heading, LEFT)?;
        legend.draw(canvas)?;
        layout.draw_axis(canvas)?;
        canvas.text(&footnote, (LEFT, layout.bottom() + FOOT + 8), Anchor::Left)?;
        if plot.bars.is_empty() {
            let middle = ((layout.left + layout.right) / 2, (layout.top + layout.bottom()) / 2);
            return canvas.text("no data", middle, Anchor::Middle);
        }
        let mut rows = plot.bars.iter().zip(&bars).enumerate();
        rows.try_for_each(|(row, (bar, parts))| layout.draw_bar(canvas, row, bar, parts))
    })?)
}

fn entry(index: usize, name: String) -> Entry {
    Entry { name, swatch: Swatch::Patch(Patch::of(index)) }
}

fn usable(part: f64) -> bool {
    part.is_finite() && part >= 0.0
}

/// The categories and the parts of each bar, with what there are too many of put together.
fn together(plot: &StackedPlot) -> (Vec<String>, Vec<Vec<f64>>) {
    let count = plot.categories.len();
    let shown = if count > PATCHES { PATCHES - 1 } else { count };
    let mut names = plot.categories[..shown].to_vec();
    names.extend((count > shown).then(|| format!("{} others", count - shown)));
    let part =
        |bar: &Bar, index: usize| bar.parts.get(index).copied().filter(|&part| usable(part)).unwrap_or(0.0);
    let parts = |bar: &Bar| -> Vec<f64> {
        let others: f64 = (shown..count).map(|index| part(bar, index)).sum();
        (0..shown).map(|index| part(bar, index)).chain((count > shown).then_some(others)).collect()
    };
    (names, plot.bars.iter().map(parts).collect())
}

fn footnote(plot: &StackedPlot) -> String {
    let parts = plot.bars.iter().flat_map(|bar| bar.parts.iter().take(plot.categories.len()));
    match parts.filter(|&&part| !usable(part)).count() {
        0 => String::new(),
        count => format!("parts that are no amount, left out: {count}"),
    }
}

/// Where everything stands.
struct Layout {
    left: i32,
    right: i32,
    top: i32,
    rows: i32,
    axis: Axis,
}

impl Layout {
    fn bottom(&self) -> i32 {
        self.top + ROW * self.rows + 6
    }

    fn x(&self, value: f64) -> i32 {
        between(self.left, self.right, self.axis.share(value))
    }

    fn draw_axis(&self, canvas: &Canvas<'_>) -> Drawn {
        for tick in &self.axis.ticks {
            let x = between(self.left, self.right, tick.share);
            canvas.line(vec![(x, self.top), (x, self.bottom() + 5)], GRID, 1)?;
            canvas.text(&tick.label, (x, self.bottom() + 18), Anchor::Middle)?;
        }
        let title = cut(&self.axis.title, TEXT, WIDTH - 2 * LEFT);
        let half = text_width(&title, TEXT) / 2;
        let middle =
            ((self.left + self.right) / 2).clamp(LEFT + half, (WIDTH - LEFT - half).max(LEFT + half));
        canvas.text(&title, (middle, self.bottom() + 46), Anchor::Middle)?;
        canvas.line(
            vec![(self.left, self.top), (self.left, self.bottom()), (self.right, self.bottom())],
            INK,
            1,
        )
    }

    fn draw_bar(&self, canvas: &Canvas<'_>, row: usize, bar: &Bar, parts: &[f64]) -> Drawn {
        let middle = self.top + ROW * row as i32 + ROW / 2;
        canvas.text(&cut(&bar.label, TEXT, NAME_MAX), (self.left - 12, middle), Anchor::Right)?;
        let mut sum = 0.0;
        for (index, part) in parts.iter().enumerate() {
            let from = self.x(sum);
            sum += part;
            self.draw_part(canvas, (from, self.x(sum)), middle, Patch::of(index), *part)?;
        }
        let measured = bar.parts.iter().take(parts.len()).any(|&part| usable(part));
        let total = if measured { number(sum) } else { "no data".to_owned() };
        canvas.text(&total, (self.x(sum) + 8, middle), Anchor::Left)
    }

    /// A part, one pixel short of the next, with its amount where that fits.
    fn draw_part(
        &self,
        canvas: &Canvas<'_>,
        (from, to): (i32, i32),
        middle: i32,
        patch: Patch,
        part: f64,
    ) -> Drawn {
        if to <= from {
            return Ok(());
        }
        let (top, bottom) = (middle - BAR / 2, middle + BAR / 2);
        patch.draw(canvas, (from, top), ((to - 1).max(from + 1), bottom))?;
        let amount = number(part);
        let half = text_width(&amount, TEXT) / 2 + 3;
        if 2 * half + 4 > to - from {
            return Ok(());
        }
        let x = (from + to) / 2;
        // the texture would run through the digits
        canvas.area((x - half, top), (x + half, bottom), patch.color, 1.0)?;
        canvas.text_on(&amount, (x, middle), patch.text_color())
    }
}
