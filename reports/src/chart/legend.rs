//! What is what: names beside swatches, in rows of their own above the data.
//!
//! *Invariants*: no entry touches another or leaves the picture, however many there are and however long.

use plotters::style::RGBColor;

use super::canvas::{Anchor, Canvas, Drawn, TEXT, cut, text_width};
use super::frame::{LEFT, LEGEND_Y, RIGHT};
use super::look::Look;
use super::patch::Patch;

/// Height of a row.
pub const ROW: i32 = 24;
/// Width of a swatch.
const SWATCH: i32 = 36;
/// Room between a swatch and its name.
const NAME: i32 = 8;
/// Room between two entries.
const GAP: i32 = 26;

/// One entry of the legend.
pub struct Entry {
    /// What it is called.
    pub name: String,
    /// How it is drawn.
    pub swatch: Swatch,
}

/// How a legend shows what it names.
pub enum Swatch {
    /// A stroke, with its mark.
    Line(Look),
    /// A patch of this colour and opacity.
    Area(RGBColor, f64),
    /// A patch with its texture.
    Patch(Patch),
}

/// The entries, placed.
#[derive(Default)]
pub struct Legend {
    entries: Vec<(i32, usize, Entry)>,
    rows: usize,
}

impl Legend {
    /// Places the entries above the data, one after the other, in as many rows as it takes.
    pub fn new(entries: impl IntoIterator<Item = Entry>) -> Self {
        Self::from(LEFT, entries)
    }

    /// The same from another left end.
    pub fn from(left: i32, entries: impl IntoIterator<Item = Entry>) -> Self {
        let mut legend = Self::default();
        let mut x = RIGHT;
        for entry in entries {
            let name = cut(&entry.name, TEXT, RIGHT - left - SWATCH - NAME);
            let width = SWATCH + NAME + text_width(&name, TEXT);
            if x + width > RIGHT {
                x = left;
                legend.rows += 1;
            }
            legend.entries.push((x, legend.rows - 1, Entry { name, swatch: entry.swatch }));
            x += width + GAP;
        }
        legend
    }

    /// Height beyond the one row that every plot leaves for it.
    pub fn more_room(&self) -> i32 {
        ROW * (self.rows.max(1) as i32 - 1)
    }

    /// Draws all entries.
    pub fn draw(&self, canvas: &Canvas<'_>) -> Drawn {
        for (x, row, entry) in &self.entries {
            let y = LEGEND_Y + ROW * *row as i32;
            entry.swatch.draw(canvas, (*x, y))?;
            canvas.text(&entry.name, (x + SWATCH + NAME, y), Anchor::Left)?;
        }
        Ok(())
    }
}

impl Swatch {
    fn draw(&self, canvas: &Canvas<'_>, (x, y): (i32, i32)) -> Drawn {
        match *self {
            Self::Line(look) => {
                look.stroke(canvas, &[(x, y), (x + SWATCH, y)])?;
                look.mark(canvas, (x + SWATCH / 2, y))
            }
            Self::Area(color, opacity) => canvas.area((x, y - 8), (x + SWATCH, y + 8), color, opacity),
            Self::Patch(patch) => patch.draw(canvas, (x, y - 8), (x + SWATCH, y + 8)),
        }
    }
}
