//! Code that the targets share. The claim of each target stands in its own file.

pub mod local;
pub mod spans;
