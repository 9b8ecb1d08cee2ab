//! Everything around the data: title, caption, legend, axes, grid; and where in the picture a value lies.
//!
//! Both plots have the same anatomy from top to bottom: title, caption, legend, room for labels of spans,
//! then the data between its axes. Words have rows of their own, so that nothing can cover the data.
//!
//! *Invariants*: a value beyond an axis is drawn at its end, so no line leaves the frame.

use plotters::style::RGBColor;

use super::Heading;
use super::axis::Axis;
use super::canvas::{
    Anchor, Canvas, Drawn, GRID, GRID_MINOR, HEIGHT, INK, Pixel, TEXT, TITLE_AS_TEXT, WIDTH, cut, text_width,
};

/// Left end of the data.
pub const LEFT: i32 = 96;
/// Right end of the data: leaves room for half of the last label.
pub const RIGHT: i32 = WIDTH - 40;
/// Lower end of the data: leaves room for tick labels and the title of the axis.
const BOTTOM: i32 = HEIGHT - 66;
/// Where the first row of span labels starts, below title, caption and legend.
pub const LABELS_TOP: i32 = 94;
/// Room between the last row of words and the data.
const LABELS_GAP: i32 = 8;
const TITLE_Y: i32 = 22;
const CAPTION_Y: i32 = 49;
/// Middle of the legend's row.
pub const LEGEND_Y: i32 = 77;
/// Width of a line of data.
pub const DATA_LINE_THIN: u32 = 3;
/// Wide enough that the other line can lie on it and both are seen.
pub const DATA_LINE_WIDE: u32 = 7;

/// One entry of the legend.
pub struct Entry {
    /// What it is called.
    pub name: &'static str,
    /// How it is drawn.
    pub swatch: Swatch,
}

/// How a legend shows what it names.
pub enum Swatch {
    /// A stroke of this colour and width.
    Line(RGBColor, u32),
    /// A patch of this colour and opacity.
    Area(RGBColor, f64),
}

/// The place of the data, between two axes.
pub struct Frame {
    x: Axis,
    y: Axis,
    /// Upper end of the data, in pixels.
    top: i32,
}

impl Frame {
    /// A frame with `x` lying and `y` standing that leaves `label_room` pixels between legend and data.
    pub fn new(x: Axis, y: Axis, label_room: i32) -> Self {
        Self { x, y, top: LABELS_TOP + label_room + LABELS_GAP }
    }

    /// Upper end of the data, in pixels.
    pub fn top(&self) -> i32 {
        self.top
    }

    /// Lower end of the data, in pixels.
    pub fn bottom(&self) -> i32 {
        BOTTOM
    }

    /// Where a point is.
    pub fn pixel(&self, (x, y): (f64, f64)) -> Pixel {
        (column(&self.x, x), between(BOTTOM, self.top, self.y.share(y)))
    }

    /// Title, caption, legend, grid and axes: what lies under the data.
    pub fn draw(&self, canvas: &Canvas<'_>, heading: &Heading, legend: &[Entry]) -> Drawn {
        canvas.title(&cut(&heading.title, TITLE_AS_TEXT, RIGHT - LEFT), (LEFT, TITLE_Y))?;
        canvas.text(&cut(&heading.caption, TEXT, RIGHT - LEFT), (LEFT, CAPTION_Y), Anchor::Left)?;
        draw_legend(canvas, legend)?;
        self.draw_columns(canvas)?;
        self.draw_rows(canvas)?;
        canvas.line(vec![(LEFT, self.top), (LEFT, BOTTOM), (RIGHT, BOTTOM)], INK, 1)
    }

    /// Says, in the middle, that there is nothing to show.
    pub fn draw_no_data(&self, canvas: &Canvas<'_>) -> Drawn {
        canvas.text("no data", ((LEFT + RIGHT) / 2, (self.top + BOTTOM) / 2), Anchor::Middle)
    }

    fn draw_columns(&self, canvas: &Canvas<'_>) -> Drawn {
        for tick in &self.x.ticks {
            let x = between(LEFT, RIGHT, tick.share);
            canvas.line(vec![(x, self.top), (x, BOTTOM + 5)], grid_color(&tick.label), 1)?;
            canvas.text(&tick.label, (x, BOTTOM + 18), Anchor::Middle)?;
        }
        canvas.text(&self.x.title, ((LEFT + RIGHT) / 2, BOTTOM + 46), Anchor::Middle)
    }

    fn draw_rows(&self, canvas: &Canvas<'_>) -> Drawn {
        for tick in &self.y.ticks {
            let y = between(BOTTOM, self.top, tick.share);
            canvas.line(vec![(LEFT - 5, y), (RIGHT, y)], grid_color(&tick.label), 1)?;
            if !tick.label.is_empty() {
                canvas.text(&tick.label, (LEFT - 10, y), Anchor::Right)?;
            }
        }
        canvas.text(&self.y.title, (22, (self.top + BOTTOM) / 2), Anchor::Upwards)
    }
}

/// Where a value of the lying axis is, in pixels from the left.
pub fn column(axis: &Axis, value: f64) -> i32 {
    between(LEFT, RIGHT, axis.share(value))
}

fn draw_legend(canvas: &Canvas<'_>, legend: &[Entry]) -> Drawn {
    const SWATCH: i32 = 32;
    let mut x = LEFT;
    for entry in legend {
        match entry.swatch {
            Swatch::Line(color, width) => {
                canvas.line(vec![(x, LEGEND_Y), (x + SWATCH, LEGEND_Y)], color, width)?
            }
            Swatch::Area(color, opacity) => {
                canvas.area((x, LEGEND_Y - 8), (x + SWATCH, LEGEND_Y + 8), color, opacity)?;
            }
        }
        canvas.text(entry.name, (x + SWATCH + 8, LEGEND_Y), Anchor::Left)?;
        x += SWATCH + 8 + text_width(entry.name, TEXT) + 28;
    }
    Ok(())
}

fn grid_color(label: &str) -> RGBColor {
    if label.is_empty() { GRID_MINOR } else { GRID }
}

/// The pixel at `share` of the way from `from` to `to`.
fn between(from: i32, to: i32, share: f64) -> i32 {
    from + (f64::from(to - from) * share).round() as i32
}
