//! Pages, each for one question: settings, outages, costs, alternatives, migration, frameworks, the mapping, trouble.
//!
//! This module exists in the documentation only: there is nothing in it to call.
// The pages are part of the tests: each code block compiles (those of `frameworks` in `tests/frameworks`, which has
// the frameworks and runs under `.ci/run`), `tests/it/pages.rs` compares what they say with the source, and `mapping/reference.rs` their tables with those of the code.

#[doc = include_str!("docs/configuration.md")]
pub mod configuration {}

#[doc = include_str!("docs/outages.md")]
pub mod outages {}

#[doc = include_str!("docs/costs.md")]
pub mod costs {}

#[doc = include_str!("docs/alternatives.md")]
pub mod alternatives {}

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
