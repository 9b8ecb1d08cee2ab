//! `cargo server`.
fn main() {}
