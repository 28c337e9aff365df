//! Pages: how to come here from elsewhere, what to write with your framework, what becomes of a span, what to do when
//! something is wrong.
//!
//! This module exists in the documentation only: there is nothing in it to call.
// The pages are part of the tests: each code block compiles (those of `frameworks` in `tests/frameworks`, which has
// the frameworks and runs under `.ci/run`), `tests/it/pages.rs` compares what they say with the source, and `mapping/reference.rs` their tables with those of the code.

#[doc = include_str!("docs/from_opentelemetry_datadog.md")]
pub mod from_opentelemetry_datadog {}

#[doc = include_str!("docs/from_elsewhere.md")]
pub mod from_elsewhere {}

#[doc = include_str!("docs/frameworks.md")]
pub mod frameworks {}

#[doc = include_str!("docs/mapping.md")]
pub mod mapping {}

#[doc = include_str!("docs/troubleshooting.md")]
pub mod troubleshooting {}
