//! The `heschl` program.
fn main() {}
