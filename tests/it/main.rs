//! One binary for all integration tests: they see the public API and the wire, nothing else.
mod test_agent;
