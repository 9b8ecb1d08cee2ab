//! Plots as PNG, for wherever SVG is not shown: an issue, a chat, a slide.
//!
//! The SVG is drawn by resvg with the Go fonts (`reports/font`, BSD licence), which are part of the program: no font
//! of the system is read, so a plot without them would be the same one everywhere. It is drawn at twice its
//! size, as screens have more pixels than an SVG's unit.
//!
//! *Invariants*: equal SVG gives equal bytes.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::{Options, Tree, fontdb::Database};

use super::{ChartError, write};

/// Pixels for each unit of the SVG.
const PIXELS: f32 = 2.0;
/// No picture is larger, in either direction: an SVG from elsewhere may claim any size.
const PIXELS_MAX: f32 = 16_384.0;
const REGULAR: &[u8] = include_bytes!("../../font/Go-Regular.ttf");
const BOLD: &[u8] = include_bytes!("../../font/Go-Bold.ttf");

/// Draws an SVG as PNG, at twice its size.
///
/// # Errors
/// [`ChartError::Raster`] of what is no SVG, or too large.
pub fn png(svg: &str) -> Result<Vec<u8>, ChartError> {
    let options =
        Options { fontdb: fonts(), font_family: "Go".to_owned(), resources_dir: None, ..Options::default() };
    let failed = |why: &dyn std::fmt::Display| ChartError::Raster(why.to_string());
    let tree = Tree::from_str(svg, &options).map_err(|why| failed(&why))?;
    let side = |units: f32| (units * PIXELS).ceil();
    let (width, height) = (side(tree.size().width()), side(tree.size().height()));
    if width.max(height) > PIXELS_MAX {
        return Err(failed(&format!("{width} × {height} pixels are too many")));
    }
    let mut pixels =
        Pixmap::new(width as u32, height as u32).ok_or_else(|| failed(&"the picture has no size"))?;
    resvg::render(&tree, Transform::from_scale(PIXELS, PIXELS), &mut pixels.as_mut());
    pixels.encode_png().map_err(|why| failed(&why))
}

/// Writes a plot as PNG into `directory`, which is made if need be, and returns the file's path.
///
/// # Errors
/// As [`png`], and [`ChartError::Write`] names the directory or file that could not be written.
pub fn write_png(directory: &Path, file: &str, svg: &str) -> Result<PathBuf, ChartError> {
    write(directory, file, &png(svg)?)
}

/// The fonts of the program, read once.
fn fonts() -> Arc<Database> {
    static FONTS: OnceLock<Arc<Database>> = OnceLock::new();
    let read = || {
        let mut fonts = Database::new();
        fonts.load_font_data(REGULAR.to_vec());
        fonts.load_font_data(BOLD.to_vec());
        fonts.set_sans_serif_family("Go");
        Arc::new(fonts)
    };
    FONTS.get_or_init(read).clone()
}
