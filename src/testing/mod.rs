//! The embedded agent.
