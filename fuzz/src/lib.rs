//! What the targets share. Not here: what a target claims, which stands in its own file.

pub mod local;
pub mod spans;
