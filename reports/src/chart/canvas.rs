//! A picture of fixed size to draw on in pixels: text, lines, areas, and the colours to draw them in.
//!
//! plotters lays charts out by measuring text, and without a font it cannot; so the plots of this crate place
//! everything themselves, by the estimates below, and use plotters as a pen that writes SVG.
//!
//! *Invariants*: every coordinate is a whole pixel within the picture, so no number in the SVG is odd; text is
//! free of control characters, which XML forbids, and cut to the room it was given.

use plotters::backend::SVGBackend;
use plotters::coord::Shift;
use plotters::drawing::{DrawingArea, DrawingAreaErrorKind, IntoDrawingArea};
use plotters::element::{Circle, PathElement, Polygon, Rectangle};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color, FontStyle, FontTransform, IntoFont, RGBColor, WHITE};

use super::Heading;

/// Width of every plot, in pixels.
pub const WIDTH: i32 = 900;
/// Height of every plot, in pixels.
pub const HEIGHT: i32 = 520;
/// Height of ordinary text, in pixels.
pub const TEXT: i32 = 16;
/// Height of the title, in pixels.
pub const TITLE: i32 = 22;
/// Height of ordinary text that is as wide as the title, which is bold.
pub const TITLE_AS_TEXT: i32 = 25;

/// Text and axes.
pub const INK: RGBColor = RGBColor(0x22, 0x22, 0x22);
/// Lines that only guide the eye.
pub const GRID: RGBColor = RGBColor(0xDD, 0xDD, 0xDD);
/// Lines that guide the eye between others.
pub const GRID_MINOR: RGBColor = RGBColor(0xF0, 0xF0, 0xF0);
/// Okabe–Ito orange.
pub const ORANGE: RGBColor = RGBColor(0xE6, 0x9F, 0x00);
/// Okabe–Ito blue.
pub const BLUE: RGBColor = RGBColor(0x00, 0x72, 0xB2);
/// Okabe–Ito bluish green.
pub const GREEN: RGBColor = RGBColor(0x00, 0x9E, 0x73);
/// Okabe–Ito vermilion.
pub const VERMILION: RGBColor = RGBColor(0xD5, 0x5E, 0x00);
/// Okabe–Ito sky blue.
pub const SKY: RGBColor = RGBColor(0x56, 0xB4, 0xE9);
/// Okabe–Ito yellow: for areas, a line of it is hardly seen.
pub const YELLOW: RGBColor = RGBColor(0xF0, 0xE4, 0x42);
/// Okabe–Ito reddish purple.
pub const PURPLE: RGBColor = RGBColor(0xCC, 0x79, 0xA7);
/// A grey that goes with the palette.
pub const GREY: RGBColor = RGBColor(0x77, 0x77, 0x77);

/// What drawing ends in.
pub type Drawn = Result<(), DrawingAreaErrorKind<std::io::Error>>;

/// Right and down from the upper left corner, in pixels.
pub type Pixel = (i32, i32);

/// What of a text stands at the given pixel.
#[derive(Clone, Copy, Debug)]
pub enum Anchor {
    /// Its left end; the text is centred on the pixel's height.
    Left,
    /// Its middle.
    Middle,
    /// Its right end; the text is centred on the pixel's height.
    Right,
    /// Its middle, and the text runs upwards.
    Upwards,
}

/// The picture.
pub struct Canvas<'svg> {
    area: DrawingArea<SVGBackend<'svg>, Shift>,
    height: i32,
}

/// Draws a picture of this height and returns it as SVG, with the heading for those who cannot see it.
pub fn svg_of(
    heading: &Heading,
    height: i32,
    paint: impl FnOnce(&Canvas<'_>) -> Drawn,
) -> Result<String, DrawingAreaErrorKind<std::io::Error>> {
    let mut svg = String::new();
    let size = (WIDTH.unsigned_abs(), height.unsigned_abs());
    let canvas = Canvas { height, area: SVGBackend::with_string(&mut svg, size).into_drawing_area() };
    canvas.area.fill(&WHITE)?;
    paint(&canvas)?;
    canvas.area.present()?;
    drop(canvas);
    Ok(described(&svg, heading))
}

/// Puts title and caption, whole, to where a screen reader finds them.
fn described(svg: &str, heading: &Heading) -> String {
    let Some((opening, rest)) = svg.split_once('>') else { return svg.to_owned() };
    let (title, caption) = (escaped(&heading.title), escaped(&heading.caption));
    format!("{opening} role=\"img\">\n<title>{title}</title>\n<desc>{caption}</desc>{rest}")
}

/// Text as it stands between the tags of XML or HTML, or within a quoted attribute.
pub fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in printable(text).chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            character => escaped.push(character),
        }
    }
    escaped
}

impl Canvas<'_> {
    /// Ordinary text.
    pub fn text(&self, text: &str, at: Pixel, anchor: Anchor) -> Drawn {
        self.styled_text(text, at, anchor, TEXT, FontStyle::Normal, INK)
    }

    /// The title's text, from its left end.
    pub fn title(&self, text: &str, at: Pixel) -> Drawn {
        self.styled_text(text, at, Anchor::Left, TITLE, FontStyle::Bold, INK)
    }

    fn styled_text(
        &self,
        text: &str,
        at: Pixel,
        anchor: Anchor,
        height: i32,
        style: FontStyle,
        color: RGBColor,
    ) -> Drawn {
        let horizontal = match anchor {
            Anchor::Left => HPos::Left,
            Anchor::Middle | Anchor::Upwards => HPos::Center,
            Anchor::Right => HPos::Right,
        };
        let transform = match anchor {
            Anchor::Upwards => FontTransform::Rotate270,
            _ => FontTransform::None,
        };
        // plotters writes a font size 1.24 times smaller than it is told.
        let font = ("sans-serif", f64::from(height) * 1.24).into_font().style(style).transform(transform);
        let style = font.color(&color).pos(Pos::new(horizontal, VPos::Center));
        self.area.draw_text(&printable(text), &style, self.inside(at))
    }

    /// Straight strokes from point to point. One point alone becomes a dot.
    pub fn line(&self, points: Vec<Pixel>, color: RGBColor, width: u32) -> Drawn {
        let points: Vec<Pixel> = points.into_iter().map(|point| self.inside(point)).collect();
        match points.as_slice() {
            [] => Ok(()),
            [point] => {
                let radius = i32::try_from(width).unwrap_or(1) + 2;
                self.area.draw(&Circle::new(*point, radius, color.filled()))
            }
            _ => self.area.draw(&PathElement::new(points, color.stroke_width(width))),
        }
    }

    /// A filled rectangle. Opacity lies between 0 (not seen) and 1.
    pub fn area(&self, from: Pixel, to: Pixel, color: RGBColor, opacity: f64) -> Drawn {
        self.area.draw(&Rectangle::new([self.inside(from), self.inside(to)], color.mix(opacity).filled()))
    }

    /// A filled shape. Opacity lies between 0 (not seen) and 1.
    pub fn polygon(&self, corners: Vec<Pixel>, color: RGBColor, opacity: f64) -> Drawn {
        let corners: Vec<Pixel> = corners.into_iter().map(|corner| self.inside(corner)).collect();
        self.area.draw(&Polygon::new(corners, color.mix(opacity).filled()))
    }

    /// A filled circle.
    pub fn disc(&self, at: Pixel, radius: i32, color: RGBColor) -> Drawn {
        self.area.draw(&Circle::new(self.inside(at), radius, color.filled()))
    }

    /// Ordinary text in another colour, for what stands on a coloured ground.
    pub fn text_on(&self, text: &str, at: Pixel, color: RGBColor) -> Drawn {
        self.styled_text(text, at, Anchor::Middle, TEXT, FontStyle::Normal, color)
    }

    fn inside(&self, (x, y): Pixel) -> Pixel {
        (x.clamp(0, WIDTH), y.clamp(0, self.height))
    }
}

/// About how wide `text` is, in pixels, in a wide sans-serif face (DejaVu); in most others it is narrower.
pub fn text_width(text: &str, height: i32) -> i32 {
    let hundredths: i64 = text.chars().map(character_width).sum();
    i32::try_from((hundredths * i64::from(height) + 99) / 100).unwrap_or(i32::MAX)
}

/// The width of a character in hundredths of its height.
fn character_width(character: char) -> i64 {
    match character {
        'i' | 'j' | 'l' | ' ' | '/' | '.' | ',' | ':' | '-' | '\'' => 36,
        'f' | 'r' | 't' | '(' | ')' => 42,
        'm' | 'w' | 'M' | 'W' | '%' | '@' | '…' => 100,
        'A'..='Z' => 72,
        '\u{1100}'.. => 100,
        _ => 64,
    }
}

/// `text`, or as much of its beginning as fits `width` pixels, then an ellipsis.
pub fn cut(text: &str, height: i32, width: i32) -> String {
    if text_width(text, height) <= width {
        return text.to_owned();
    }
    let mut short = String::new();
    for character in text.chars() {
        short.push(character);
        if text_width(&short, height) + height > width {
            short.pop();
            break;
        }
    }
    format!("{}…", short.trim_end())
}

fn printable(text: &str) -> String {
    let shown = |character: char| !character.is_control() && !matches!(character, '\u{FFFE}' | '\u{FFFF}');
    text.chars().map(|character| if shown(character) { character } else { ' ' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_text_is_cut_to_its_room() {
        for width in [20, 100, 333] {
            let short = cut(&"m".repeat(1000), TEXT, width);
            assert!(short.ends_with('…') && text_width(&short, TEXT) <= width, "{short}");
        }
        assert_eq!(cut("short", TEXT, 300), "short");
    }

    #[test]
    fn text_is_escaped_and_free_of_control_characters() {
        let picture = svg_of(&Heading::default(), HEIGHT, |canvas| {
            canvas.text("a<b>&\"c\"\u{1b}[31m", (10, 10), Anchor::Left)
        })
        .unwrap();
        assert!(picture.contains("a&lt;b&gt;&amp;"), "{picture}");
        assert!(!picture.contains('\u{1b}'));
    }
}
