//! Tells the program from which sources it is built: a digest over every source file of the workspace.
//!
//! Same sources, same fingerprints: a sweep is gone on with, and shards are put together, by programs of the same
//! sources only, wherever they were built.

use std::{
    fs,
    hash::{DefaultHasher, Hasher},
    path::{Path, PathBuf},
};

fn main() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let places = ["Cargo.toml", "Cargo.lock", "server/Cargo.toml", "server/src", "sim/Cargo.toml", "sim/src"];
    let mut files = Vec::new();
    for place in places.into_iter().chain(["reports/Cargo.toml", "reports/src"]) {
        println!("cargo::rerun-if-changed={}", root.join(place).display());
        collect(&root.join(place), &mut files);
    }
    files.sort();
    let mut hasher = DefaultHasher::new();
    for file in files {
        let name = file.strip_prefix(&root).unwrap_or(&file);
        hasher.write(name.to_string_lossy().as_bytes());
        hasher.write(&fs::read(&file).unwrap_or_default());
    }
    println!("cargo::rustc-env=SIM_BUILD={:016x}", hasher.finish());
}

/// The files at or below a place.
fn collect(place: &Path, files: &mut Vec<PathBuf>) {
    match fs::read_dir(place) {
        Ok(entries) => entries.flatten().for_each(|entry| collect(&entry.path(), files)),
        Err(_) => files.push(place.to_owned()),
    }
}
