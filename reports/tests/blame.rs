//! The blame matrix as a file and as a picture.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod picture;

use std::fs;

use picture::checked;
use reports::{
    blame::{BlameRow, Verdict, write_blame},
    chart::{self, Heading},
};

fn row(attack: &str, chaos: bool, expected: Verdict) -> BlameRow {
    let mut row =
        BlameRow { id: "D03".into(), attack: attack.into(), chaos, expected, ..BlameRow::default() };
    (row.runs, row.fired, row.right) = (20, 20, 20);
    *row.count_mut(expected) = 20;
    row
}

#[test]
fn columns_are_what_they_are_said_to_be() {
    let scratch = tempfile::tempdir().unwrap();
    let rows =
        [BlameRow { epochs_median: Some(3), epochs_max: Some(9), ..row("swap", false, Verdict::Exposed) }];
    let text = fs::read_to_string(write_blame(scratch.path(), &rows).unwrap()).unwrap();
    let header = "id,attack,chaos,expected,by_design,runs,fired,right,exposed,suspected,pair,nobody,innocent,\
                  epochs_median,epochs_max";
    assert_eq!(text, format!("{header}\nD03,swap,false,exposed,false,20,20,20,20,0,0,0,0,3,9\n"));
}

#[test]
fn every_attack_has_a_line_and_every_verdict_a_column() {
    let rows = [
        row("swap", false, Verdict::Exposed),
        row("swap", true, Verdict::Exposed),
        row(&"long".repeat(40), false, Verdict::Innocent),
    ];
    let heading = Heading { title: "Who?".into(), caption: "20 seeds".into() };
    let svg = checked("blame", chart::blame(&heading, &rows).unwrap());
    for text in [
        "D03  swap",
        "exposed",
        "suspected",
        "pair",
        "nobody",
        "innocent",
        "calm: % of runs",
        "chaos: % of runs",
        "med/max",
    ] {
        assert!(svg.contains(text), "{text}");
    }
    assert!(svg.contains("…") && svg.matches("D03  swap").count() == 1);
}

#[test]
fn an_empty_matrix_says_so() {
    assert!(chart::blame(&Heading::default(), &[]).unwrap().contains("no data"));
}
