//! What every picture must be: whole, legible, and free of words upon words.
//!
//! The words are measured by the library that draws PNG, with the fonts that it draws them in. With `PLOTS=DIR` in
//! the environment the pictures are written to that directory, as SVG and PNG, to be looked at.

use std::sync::Arc;

use reports::chart;
use resvg::usvg::{Group, Node, Options, Rect, Tree, fontdb::Database};

/// A picture that passed the checks every picture must pass.
pub fn checked(name: &str, svg: String) -> String {
    if let Some(directory) = std::env::var_os("PLOTS") {
        chart::write_svg(directory.as_ref(), &format!("{name}.svg"), &svg).unwrap();
        chart::write_png(directory.as_ref(), &format!("{name}.png"), &svg).unwrap();
    }
    assert!(svg.starts_with("<svg") && svg.trim_end().ends_with("</svg>"), "{name}");
    assert!(!svg.contains("NaN") && !svg.contains("inf\""), "{name}");
    assert!(font_sizes(&svg).all(|size| size >= 14.0), "{name}");
    let tree = tree(&svg);
    let boxes = words(tree.root());
    let (width, height) = (tree.size().width(), tree.size().height());
    for (index, (text, place)) in boxes.iter().enumerate() {
        let inside =
            place.left() >= 0.0 && place.top() >= 0.0 && place.right() <= width && place.bottom() <= height;
        assert!(inside, "{name}: {text:?} leaves the picture: {place:?}");
        for (other, its_place) in &boxes[..index] {
            assert!(!touch(place, its_place), "{name}: {text:?} lies on {other:?}");
        }
    }
    svg
}

fn font_sizes(svg: &str) -> impl Iterator<Item = f64> {
    svg.split("font-size=\"").skip(1).map(|rest| rest.split('"').next().unwrap().parse().unwrap())
}

fn tree(svg: &str) -> Tree {
    let mut fonts = Database::new();
    fonts.load_font_data(include_bytes!("../../font/Go-Regular.ttf").to_vec());
    fonts.load_font_data(include_bytes!("../../font/Go-Bold.ttf").to_vec());
    fonts.set_sans_serif_family("Go");
    Tree::from_str(svg, &Options { fontdb: Arc::new(fonts), ..Options::default() }).unwrap()
}

/// Every text of the picture and where it stands.
fn words(group: &Group) -> Vec<(String, Rect)> {
    let mut found = Vec::new();
    for node in group.children() {
        match node {
            Node::Group(group) => found.extend(words(group)),
            Node::Text(text) => {
                let characters = text.chunks().iter().map(|chunk| chunk.text()).collect::<String>();
                found.push((characters, text.abs_bounding_box()));
            }
            _ => {}
        }
    }
    found
}

/// The boxes are as high as the font's highest and lowest letters, which hardly a word has all of.
fn touch(one: &Rect, other: &Rect) -> bool {
    let across = one.right().min(other.right()) - one.left().max(other.left());
    let down = one.bottom().min(other.bottom()) - one.top().max(other.top());
    across > 0.0 && down > 3.0
}
