//! The command line: parse, call one function.

fn main() {}
