//! Servers that the drivers talk to.

pub(crate) mod mongo;
pub(crate) mod redis;
