//! A heat map: one value over two parameters, as a colour and in digits.
//!
//! The colours are *viridis* (Smith and van der Walt, 2015): equal steps of the value look like equal steps, in
//! grey and to colour-blind readers too. Digits stand in the cells where they fit, and a bar beside the map says what
//! the colours mean.
//!
//! *Invariants*: every cell is drawn, and one without a value says so; the bar's ends hold all values; columns and
//! rows too many for the picture are left out, and how many is said below it.

use plotters::style::colors::colormaps::{ColorMap, ViridisRGB};
use plotters::style::{RGBColor, WHITE};

use super::axis::Axis;
use super::canvas::{self, Anchor, Canvas, Drawn, GRID, INK, TEXT, WIDTH, cut, text_width};
use super::dimension::Dimension;
use super::frame::{between, draw_heading};
use super::patch::legible_on;
use super::{ChartError, Heading};
use crate::text;

const LEFT: i32 = 16;
/// Upper end of the map: no legend stands above it.
const TOP: i32 = 76;
/// Height of the map, as far as rows do not need more.
const MAP: i32 = 360;
/// Rows are at least so high, and at most, where the map is as high as it must be;
const ROW: (i32, i32) = (22, 56);
/// titles that run upwards need so much;
const MAP_MIN: i32 = 230;
/// and columns are at least so wide.
const COLUMN_MIN: i32 = 12;
/// So many rows are drawn.
const ROWS_MAX: usize = 100;
/// Room for the title that runs upwards.
const TITLE: i32 = 28;
/// No label of a row, and none of a column that runs upwards, is longer.
const LABEL_MAX: i32 = 150;
/// Width of the colour bar, and the room for its labels and title.
const BAR: i32 = 22;
const BAR_ROOM: i32 = 132;
/// Steps of colour in the bar.
const BAR_STEPS: i32 = 100;

/// One value over two parameters.
#[derive(Clone, Debug, PartialEq)]
pub struct HeatPlot {
    /// What the columns are, with its unit.
    pub x: String,
    /// What the rows are, with its unit.
    pub y: String,
    /// The columns, from left to right.
    pub columns: Vec<String>,
    /// The rows, from bottom to top, as on an axis.
    pub rows: Vec<String>,
    /// What the cells hold, with its unit, and how the colours are spread over it.
    pub value: Dimension,
    /// The values, row by row; what is missing or has no place on the scale is shown as missing.
    pub values: Vec<Vec<Option<f64>>>,
}

impl HeatPlot {
    fn value(&self, row: usize, column: usize) -> Option<f64> {
        self.values.get(row)?.get(column).copied().flatten().filter(|&value| self.value.holds(value))
    }
}

/// Draws the map.
///
/// # Errors
/// [`ChartError::Draw`], which no input is known to cause.
pub fn heat(heading: &Heading, plot: &HeatPlot) -> Result<String, ChartError> {
    let map = Map::new(plot);
    Ok(canvas::svg_of(heading, map.height(), |canvas| {
        draw_heading(canvas, heading, LEFT)?;
        map.draw_titles(canvas)?;
        let values: Vec<f64> = map.cells().filter_map(|(row, column)| plot.value(row, column)).collect();
        if values.is_empty() {
            let middle = ((map.left + map.right()) / 2, (TOP + map.bottom()) / 2);
            return canvas.text("no data", middle, Anchor::Middle);
        }
        let mut scale = plot.value.tight_axis(&values);
        scale.thin_standing(map.bottom() - TOP);
        map.draw_labels(canvas)?;
        map.draw_cells(canvas, &scale, written(&values, map.cell.0))?;
        map.draw_bar(canvas, &scale)
    })?)
}

/// Where everything stands.
struct Map<'plot> {
    plot: &'plot HeatPlot,
    columns: usize,
    rows: usize,
    left: i32,
    cell: (i32, i32),
    /// Whether the labels of the columns run upwards.
    upright: bool,
}

impl<'plot> Map<'plot> {
    fn new(plot: &'plot HeatPlot) -> Self {
        let widest = |labels: &[String]| {
            labels.iter().map(|label| text_width(label, TEXT)).max().unwrap_or(0).min(LABEL_MAX)
        };
        let left = LEFT + TITLE + widest(&plot.rows) + 12;
        let room = WIDTH - BAR_ROOM - left;
        let columns = plot.columns.len().min((room / COLUMN_MIN) as usize);
        let rows = plot.rows.len().min(ROWS_MAX);
        let width = room / columns.max(1) as i32;
        let height = (MAP / rows.max(1) as i32).clamp(ROW.0, ROW.1).max(MAP_MIN / rows.max(1) as i32);
        let upright = widest(&plot.columns) + 10 > width;
        Self { plot, columns, rows, left, cell: (width, height), upright }
    }

    fn right(&self) -> i32 {
        self.left + self.cell.0 * self.columns.max(1) as i32
    }

    fn bottom(&self) -> i32 {
        TOP + self.cell.1 * self.rows.max(1) as i32
    }

    /// Room below the map for the labels of columns.
    fn labels_room(&self) -> i32 {
        let widest = self.plot.columns.iter().map(|label| text_width(label, TEXT)).max().unwrap_or(0);
        if self.upright { widest.min(LABEL_MAX) + 16 } else { 28 }
    }

    fn left_out(&self) -> String {
        let columns = self.plot.columns.len() - self.columns;
        let rows = self.plot.rows.len() - self.rows;
        if columns + rows == 0 { String::new() } else { format!("left out: {columns} columns, {rows} rows") }
    }

    fn height(&self) -> i32 {
        self.bottom() + self.labels_room() + 36 + if self.left_out().is_empty() { 0 } else { 24 }
    }

    fn cells(&self) -> impl Iterator<Item = (usize, usize)> {
        let columns = self.columns;
        (0..self.rows).flat_map(move |row| (0..columns).map(move |column| (row, column)))
    }

    /// The upper left corner of a cell.
    fn corner(&self, row: usize, column: usize) -> (i32, i32) {
        (self.left + self.cell.0 * column as i32, self.bottom() - self.cell.1 * (row as i32 + 1))
    }

    fn draw_titles(&self, canvas: &Canvas<'_>) -> Drawn {
        let middle = (self.left + self.right()) / 2;
        let below = self.bottom() + self.labels_room();
        let half = (middle - LEFT).min(WIDTH - LEFT - middle);
        let title = cut(&self.plot.x, TEXT, 2 * half);
        canvas.text(&title, (middle, below + 14), Anchor::Middle)?;
        canvas.text(&self.left_out(), (LEFT, below + 44), Anchor::Left)?;
        let title = cut(&self.plot.y, TEXT, self.bottom() - TOP);
        canvas.text(&title, (LEFT + 10, (TOP + self.bottom()) / 2), Anchor::Upwards)
    }

    fn draw_labels(&self, canvas: &Canvas<'_>) -> Drawn {
        for (row, label) in self.plot.rows.iter().take(self.rows).enumerate() {
            let y = self.corner(row, 0).1 + self.cell.1 / 2;
            canvas.text(&cut(label, TEXT, LABEL_MAX), (self.left - 8, y), Anchor::Right)?;
        }
        // upright labels need the height of a line each
        let every = if self.upright { (TEXT + 4 + self.cell.0 - 1) / self.cell.0 } else { 1 };
        for (column, label) in self.plot.columns.iter().take(self.columns).enumerate().step_by(every as usize)
        {
            let x = self.corner(0, column).0 + self.cell.0 / 2;
            let label = cut(label, TEXT, LABEL_MAX);
            let half = text_width(&label, TEXT) / 2;
            match self.upright {
                true => canvas.text(&label, (x, self.bottom() + 8 + half), Anchor::Upwards)?,
                false => canvas.text(&label, (x, self.bottom() + 16), Anchor::Middle)?,
            }
        }
        Ok(())
    }

    fn draw_cells(&self, canvas: &Canvas<'_>, scale: &Axis, written: Option<fn(f64) -> String>) -> Drawn {
        for (row, column) in self.cells() {
            let (x, y) = self.corner(row, column);
            let middle = (x + self.cell.0 / 2, y + self.cell.1 / 2);
            let Some(value) = self.plot.value(row, column) else {
                canvas.area((x, y), (x + self.cell.0 - 1, y + self.cell.1 - 1), GRID, 0.4)?;
                canvas.text("–", middle, Anchor::Middle)?;
                continue;
            };
            let color = color(scale.share(value));
            canvas.area((x, y), (x + self.cell.0 - 1, y + self.cell.1 - 1), color, 1.0)?;
            if let Some(written) = written {
                canvas.text_on(&written(value), middle, legible_on(color))?;
            }
        }
        Ok(())
    }

    fn draw_bar(&self, canvas: &Canvas<'_>, scale: &Axis) -> Drawn {
        let (left, right) = (WIDTH - BAR_ROOM + 24, WIDTH - BAR_ROOM + 24 + BAR);
        let y = |share: f64| between(self.bottom(), TOP, share);
        for step in 0..BAR_STEPS {
            // each step over the rest of the bar: side by side, they would show seams when scaled
            let share = f64::from(step) / f64::from(BAR_STEPS);
            canvas.area((left, TOP), (right, y(share)), color(share + 0.5 / f64::from(BAR_STEPS)), 1.0)?;
        }
        for tick in scale.ticks.iter().filter(|tick| !tick.label.is_empty()) {
            canvas.line(vec![(right, y(tick.share)), (right + 5, y(tick.share))], INK, 1)?;
            canvas.text(&cut(&tick.label, TEXT, 46), (right + 9, y(tick.share)), Anchor::Left)?;
        }
        let title = cut(&scale.title, TEXT, self.bottom() - TOP);
        canvas.text(&title, (WIDTH - 16, (TOP + self.bottom()) / 2), Anchor::Upwards)
    }
}

/// How the values are written: the longest way in which all fit their cells, if any.
fn written(values: &[f64], width: i32) -> Option<fn(f64) -> String> {
    let ways: [fn(f64) -> String; 3] = [text::number, text::short, text::shortest];
    ways.into_iter().find(|way| values.iter().all(|&value| text_width(&way(value), TEXT) + 4 <= width))
}

fn color(share: f64) -> RGBColor {
    let share = share.clamp(0.0, 1.0);
    if share.is_nan() { WHITE } else { ViridisRGB.get_color(share) }
}
