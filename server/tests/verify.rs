//! `cargo server verify`: what was proven, by which statements, and the three exit statuses.

#![allow(clippy::unwrap_used, reason = "a test fails where it stands")]

mod scene;
mod support;

use std::{
    path::{Path, PathBuf},
    process::{Command, Output},
};

use scene::{Pen, Scene, cases};
use server::protocol::{evidence::Evidence, roster_file, statement::Signed};
use support::signer;

fn verify(evidence: &Path, roster: &Path) -> Output {
    let server = Command::new(env!("CARGO_BIN_EXE_server"))
        .arg("verify")
        .arg(evidence)
        .arg("--roster")
        .arg(roster)
        .output();
    server.unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn the_verdict_names_offence_rule_and_statements() {
    let scene = Scene::new(Pen::real());
    let (trust, folder) = (&scene.pen.trust, tempfile::tempdir().unwrap());
    let write = |name: &str, content: &str| -> PathBuf {
        let path = folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        path
    };
    let roster = Signed::sign((*trust.roster).clone(), trust.deployment, &signer("operator"));
    let roster = write("roster.json", &roster_file::to_json(&[roster]));
    let file = |name: &str, evidence: &Evidence| write(name, &evidence.to_json(trust.deployment));

    let cases = cases(&scene);
    let case = cases.iter().find(|case| case.name == "badcut: end").unwrap();
    let output = verify(&file("guilty.json", &case.guilty), &roster);
    assert_eq!((output.status.code(), text(&output.stderr).as_str()), (Some(0), ""));
    let statements = case.guilty.statements();
    let line = |index: usize, kind: &str, actor: &str| {
        let digest = &statements[index].digest.to_string()[..12];
        format!("  {kind:<12}{:>8}  {digest}  {actor}\n", statements[index].slot)
    };
    let expected = [
        "exposed: sequencer in cut 2 named 3 as the end of seal 1 of incoming/0, which ends at 4\n",
        "badcut proven by\n",
        &line(0, "cut", "sequencer"),
        &line(1, "seal", "incoming/0"),
    ];
    assert_eq!(text(&output.stdout), expected.concat());

    let output = verify(&file("honest.json", &case.honest[0]), &roster);
    assert_eq!((output.status.code(), text(&output.stderr).as_str()), (Some(1), ""));
    let shown = text(&output.stdout);
    assert!(
        shown.starts_with("not proven: the end is that of the cited seal\nbadcut not proven by\n"),
        "{shown}"
    );

    let output = verify(&write("noise.json", "noise"), &roster);
    assert_eq!((output.status.code(), text(&output.stdout).as_str()), (Some(2), ""));
    assert!(text(&output.stderr).starts_with("malformed: "));
}
