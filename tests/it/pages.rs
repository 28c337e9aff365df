//! The pages of `src/docs`: their quotes are those of the source.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use crate::tidy::{ROOT, read, sources};

/// The page that is for when something is wrong.
const TROUBLESHOOTING: &str = "src/docs/troubleshooting.md";

/// The page whose code runs in a package of its own.
const FRAMEWORKS: &str = "src/docs/frameworks.md";

/// The public interface of `opentelemetry-datadog` 0.20.1: functions, types and features.
#[rustfmt::skip]
const OLD_INTERFACE: &[&str] = &[
    "new_pipeline()", "DatadogPipelineBuilder", "build_exporter()", "install_simple()", "install_batch()",
    "with_service_name", "with_version", "with_env", "with_agent_endpoint", "with_http_client", "with_trace_config",
    "with_api_version(ApiVersion::Version03)", "with_api_version(ApiVersion::Version05)", "with_resource_mapping",
    "with_name_mapping", "with_service_name_mapping", "FieldMappingFn", "ModelConfig", "Error",
    "DatadogPropagator::new()", "DatadogTraceState::with_measuring", "DatadogTraceStateBuilder::with_measuring",
    "with_priority_sampling", "priority_sampling_enabled", "measuring_enabled", "agent-sampling", "intern-ahash",
    "intern-std", "reqwest-blocking-client", "reqwest-client", "surf-client",
];

/// The beginnings of our log lines' names.
const OWN: [&str; 5] =
    ["DatadogExporter.", "DatadogPropagator.", "DatadogSampler.", "LogCorrelation.", "SqlComment."];

/// Variables of other crates, which the pages tell to remove.
const FOREIGN: &[&str] = &[
    "DD_INSTRUMENTATION_TELEMETRY_ENABLED",
    "DD_LOG_LEVEL",
    "DD_REMOTE_CONFIGURATION_ENABLED",
    "DD_TRACE_HTTP_CLIENT_ERROR_STATUSES",
    "DD_TRACE_PARTIAL_FLUSH_ENABLED",
];

#[test]
fn the_old_names_of_the_migration_guide_are_those_that_the_vectors_check() {
    let guide = names_hooks(&read("src/docs/from_opentelemetry_datadog.md"));
    let tested = names_hooks(&read("tests/it/vectors.rs"));
    assert_eq!(tested.len(), 1, "which of them is meant?");
    assert_eq!(guide.first(), tested.first(), "left: the guide, right: tests/it/vectors.rs");
}

#[test]
fn the_migration_guide_has_a_row_for_each_part_of_the_old_interface() {
    let guide = read("src/docs/from_opentelemetry_datadog.md");
    let rows = guide.lines().filter(|line| line.starts_with("| "));
    let old: BTreeSet<&str> =
        rows.filter_map(|row| row.split('|').nth(1)).flat_map(code_words).collect();
    let missing: Vec<_> = OLD_INTERFACE.iter().filter(|name| !old.contains(*name)).collect();
    assert!(missing.is_empty(), "no row for {missing:?}");
}

/// Returns the lines of each `with_names` call in a text, without their indentation.
fn names_hooks(text: &str) -> Vec<Vec<String>> {
    let hook = |start: &str| {
        let lines = start.lines().map(|line| line.trim().to_owned());
        lines.take_while(|line| line != "})").collect()
    };
    text.split(".with_names(").skip(1).map(hook).collect()
}

#[test]
fn the_frameworks_page_shows_exactly_the_code_that_runs() {
    let page = read(FRAMEWORKS);
    let shown: BTreeSet<&str> = blocks(&page, "```rust,ignore\n").collect();
    let sources = sources("tests/frameworks/src");
    let run: BTreeSet<&str> =
        sources.iter().flat_map(|(_, text)| snippets(text)).map(|(_, code)| code).collect();
    assert!(run.len() > 8, "only {} snippets", run.len());
    assert!(shown == run, "only one side has {:#?}", shown.symmetric_difference(&run));
    for (name, _) in sources.iter().flat_map(|(_, text)| snippets(text)) {
        assert!(name == "setup" || page.contains(&format!("# {name}\n")), "no heading for {name}");
    }
}

#[test]
fn the_frameworks_page_names_the_dependencies_that_it_was_run_with() {
    let (page, manifest) = (read(FRAMEWORKS), read("tests/frameworks/Cargo.toml"));
    let run: BTreeSet<&str> = manifest.lines().collect();
    for line in blocks(&page, "```toml\n").flat_map(str::lines) {
        assert!(run.contains(line), "tests/frameworks/Cargo.toml has no line {line}");
    }
}

#[test]
fn the_table_of_companion_crates_agrees_with_the_versions_that_are_run() {
    let (guide, manifest) =
        (read("src/docs/from_opentelemetry_datadog.md"), read("tests/frameworks/Cargo.toml"));
    let (_, table) = guide.split_once("| crate | newest version").unwrap();
    let (table, _) = table.split_once("\n\n").unwrap();
    let mut checked = 0;
    for row in table.lines().skip(2) {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let versions: Vec<&str> = cells[2].split(", ").collect();
        for (at, name) in code_words(cells[1]).enumerate() {
            let wanted = versions.get(at).or(versions.last()).unwrap();
            let Some(line) = manifest.lines().find(|line| line.starts_with(&format!("{name} = ")))
            else {
                continue;
            };
            let version = line.split('"').nth(1).unwrap();
            assert!(
                version == *wanted || version.starts_with(&format!("{wanted}.")),
                "{name}: {wanted}, {line}"
            );
            checked += 1;
        }
    }
    assert!(checked > 8, "only {checked} crates");
}

/// Returns what stands in the code blocks that begin with a line.
fn blocks<'a>(page: &'a str, start: &str) -> impl Iterator<Item = &'a str> {
    page.split(start).skip(1).filter_map(|rest| Some(rest.split_once("```\n")?.0))
}

/// Returns the marked parts of a source, each with its name.
fn snippets(source: &str) -> impl Iterator<Item = (&str, &str)> {
    let parts = source.split("// snippet: ").skip(1);
    parts.filter_map(|part| {
        let (name, rest) = part.split_once('\n')?;
        Some((name, rest.split_once("// end\n")?.0))
    })
}

#[test]
fn each_page_is_in_the_list_of_pages() {
    let (list, modules) = (read("src/lib.rs"), read("src/docs.rs"));
    for (file, text) in pages() {
        let entry = format!("| [`docs::{}`] |", file.trim_end_matches(".md"));
        assert!(list.contains(&entry), "src/lib.rs has no {entry}");
        let included = format!("include_str!(\"docs/{file}\")");
        assert!(modules.contains(&included), "src/docs.rs has no {included}");
        let first = text.lines().next().unwrap_or("");
        assert!(first.ends_with('?') && !first.starts_with('#'), "{file} begins with: {first}");
    }
}

#[test]
fn the_troubleshooting_page_quotes_every_log_line_and_no_other() {
    let page = read(TROUBLESHOOTING);
    let sources = sources("src");
    let said: BTreeMap<&str, &str> = sources.iter().flat_map(|(_, text)| log_lines(text)).collect();
    assert!(said.len() > 10, "{said:?}");
    let quoted: BTreeSet<&str> = code_words(&page).filter(|word| is_log_line(word)).collect();
    assert_eq!(quoted, said.keys().copied().collect(), "left: the page, right: the source");
    let (_, table) = page.split_once("| log line |").unwrap();
    let (table, _) = table.split_once("\n\n").unwrap();
    for row in table.lines() {
        let cells: Vec<_> = row.split('|').map(str::trim).collect();
        for name in code_words(row).filter(|word| is_log_line(word)) {
            assert!(cells[2].starts_with(said[name]), "{name} is {}: {row}", said[name]);
        }
    }
}

fn is_log_line(word: &str) -> bool {
    OWN.iter().any(|own| word.starts_with(own))
}

/// Returns the names of the log lines in a source, each with its level.
fn log_lines(source: &str) -> impl Iterator<Item = (&str, &str)> {
    let lines = source.split("otel_").skip(1).filter_map(|call| {
        let (level, arguments) = call.split_once("!(")?;
        let name = arguments.trim_start().strip_prefix("name: \"")?.split('"').next()?;
        Some((name, level))
    });
    lines.filter(|(name, _)| is_log_line(name))
}

#[test]
fn the_troubleshooting_page_quotes_every_counter_and_no_other() {
    let stats = read("src/delivery/stats.rs");
    let (all, by_reason) = stats.split_once("pub struct DroppedSpans").unwrap();
    let (by_reason, _) = by_reason.split_once("\n}").unwrap();
    let mut counters = field_names(all, "");
    counters.extend(field_names(by_reason, "spans_dropped."));
    assert!(counters.remove("spans_dropped"), "{counters:?}");
    let page = read(TROUBLESHOOTING);
    let (_, table) = page.split_once("| counter |").unwrap();
    let (table, rest) = table.split_once("\n\n").unwrap();
    let first = table.lines().filter_map(|line| line.split('|').nth(1)).collect::<String>();
    let listed: BTreeSet<String> = code_words(&first).map(str::to_owned).collect();
    assert_eq!(listed, counters, "left: the page, right: src/delivery/stats.rs");
    for word in code_words(rest).filter(|word| word.starts_with("spans_")) {
        assert!(counters.contains(word), "{word}");
    }
}

fn field_names(text: &str, prefix: &str) -> BTreeSet<String> {
    text.lines()
        .filter_map(|line| line.trim().strip_prefix("pub ")?.split_once(": "))
        .map(|(name, _)| format!("{prefix}{name}"))
        .collect()
}

#[test]
fn the_pages_speak_of_no_variable_that_nobody_knows() {
    let config = read("src/config/variables.rs");
    let (_, table) = config.split_once("const VARIABLES").unwrap();
    let (config, _) = table.split_once("];").unwrap();
    for (file, text) in pages() {
        let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
        for word in words.filter(|word| word.len() > 3 && word.starts_with("DD_")) {
            let is_read = config.contains(&format!("\"{word}\","));
            let is_foreign = FOREIGN.contains(&word);
            assert!(is_read != is_foreign, "{file}: {word} is read: {is_read}");
        }
    }
}

/// Files, each with a text that it has.
type Texts = &'static [(&'static str, &'static str)];

/// Limits and times: the file and the constant, and each text that tells it.
#[rustfmt::skip]
const NUMBERS: &[(&str, &str, Texts)] = &[
    ("src/delivery/mod.rs", "EXPORT_WAIT: Duration = Duration::from_millis(100);", &[
        ("README.md", "100 ms at most"), ("src/lib.rs", "100 ms at most"), ("src/docs/outages.md", "at most 100 ms")]),
    ("src/config.rs", "DEFAULT_BUFFER_BYTES: usize = 64 * MIB;", &[
        ("README.md", "a buffer of 64 MiB"), ("src/lib.rs", "64 MiB of memory"), ("src/docs/outages.md", "64 MiB"),
        ("src/docs/configuration.md", "`with_max_buffer_bytes` | | | 64 MiB |")]),
    ("src/exporter.rs", "FLUSH_TIMEOUT: Duration = Duration::from_secs(5);", &[("src/exporter.rs", "waits 5 s at most")]),
    ("src/exporter.rs", "DROP_TIMEOUT: Duration = Duration::from_secs(2);", &[
        ("src/exporter.rs", "for up to 2 s"), ("src/docs/troubleshooting.md", "tries for 2 s")]),
    ("src/delivery/policy.rs", "MAX_DOUBTFUL_RETRIES: u8 = 3;", &[
        ("src/builder.rs", "3 times at most"), ("src/docs/troubleshooting.md", "sent 3 times more at most")]),
    ("src/delivery/reporter.rs", "REPEAT: Pauses = (Duration::from_secs(60), Duration::from_secs(60 * 60));", &[
        ("src/docs/troubleshooting.md", "Repeated after 1 minute, 2, 4, up to an hour")]),
    ("src/delivery/reporter.rs", "OUTAGE: Pauses = (Duration::from_secs(10), Duration::from_secs(5 * 60));", &[
        ("src/docs/troubleshooting.md", "within 10 s of the last one, and later up to 5 min")]),
    ("src/delivery/client.rs", "MAX_TEXT: usize = 200;", &[("SECURITY.md", "at most 200 printable bytes")]),
    ("src/mapping/obfuscate/mod.rs", "MAX_READ: usize = 256 * 1_024;", &[
        ("src/docs/mapping.md", "256 KiB are read"), ("SECURITY.md", "256 KiB at most")]),
    ("src/mapping/resource.rs", "MAX_SHARED_BYTES: usize = 64 * 1024;", &[("src/docs/troubleshooting.md", "more than 64 KiB")]),
    ("src/mapping/links.rs", "MAX_SHORT: usize = 2_000;", &[("src/docs/mapping.md", "values of 2,000 bytes at most")]),
    ("src/mapping/normalize.rs", "MAX_NAME: usize = 100;", &[("README.md", "name, service and type 100 bytes")]),
    ("src/mapping/normalize.rs", "MAX_RESOURCE: usize = 5_000;", &[("README.md", "resource 5,000"), ("src/builder.rs", "the resource 5,000")]),
    ("src/mapping/normalize.rs", "MAX_KEY: usize = 200;", &[("README.md", "tag key 200"), ("src/builder.rs", "more than 200 bytes")]),
    ("src/mapping/normalize.rs", "MAX_VALUE: usize = 25_000;", &[
        ("README.md", "tag value 25,000"), ("src/builder.rs", "more than 25,000"),
        ("src/docs/from_opentelemetry_datadog.md", "up to 25,000 bytes for each span")]),
    ("src/propagation/member.rs", "MAX_VALUE: usize = 256;", &[("src/propagation/mod.rs", "256 bytes for priority")]),
    ("src/propagation/tags.rs", "MAX_HEADER: usize = 512;", &[
        ("src/docs/configuration.md", "512, the most"), ("src/propagation/builder.rs", "More than 512 counts as 512")]),
    ("src/sampling/settings.rs", "DEFAULT_LIMIT: f64 = 100.0;", &[
        ("src/docs/configuration.md", "`DD_TRACE_RATE_LIMIT` | | 100 |"), ("src/sampling/builder.rs", "or 100.")]),
    ("src/sampling/weights.rs", "MAX_NAMES: f64 = 32.0;", &[("src/sampling/mod.rs", "Up to 32 names")]),
];

#[test]
fn the_docs_have_the_numbers_of_the_code() {
    for (file, constant, texts) in NUMBERS {
        assert!(read(file).contains(&format!("const {constant}")), "{file} has no {constant}");
        for (page, text) in *texts {
            // A text may go on in the next line.
            let words =
                read(page).replace("\n    /// ", " ").replace("\n/// ", " ").replace('\n', " ");
            assert!(words.contains(text), "{page} does not say {text:?}: {constant}");
        }
    }
}

/// The address of the crate's documentation, once it is published.
const DOCS_RS: &str =
    "https://docs.rs/opentelemetry-datadog-agent/latest/opentelemetry_datadog_agent/";

#[test]
fn the_compatibility_table_of_the_readme_is_that_of_the_manifest() {
    let (readme, manifest) = (read("README.md"), read("Cargo.toml"));
    let (_, table) = readme.split_once("| this crate | OpenTelemetry |").unwrap();
    let row = table.lines().nth(2).unwrap().split('|').map(str::trim).collect::<Vec<_>>();
    let version = |start: &str| {
        let line = manifest.lines().find(|line| line.starts_with(&format!("{start} = ")));
        line.unwrap().split('"').nth(1).unwrap()
    };
    assert!(version("version").starts_with(&format!("{}.", row[1])), "{row:?}");
    assert_eq!(row[2..5], ["opentelemetry", "tracing-opentelemetry", "rust-version"].map(version));
    // A crate of edition 2021 gets dependencies that want a newer Rust, unless it asks for the resolver.
    assert!(readme.contains("edition 2024 or `resolver = \"3\"`"), "README.md says how");
    assert_eq!(version("edition"), "2024");
}

#[test]
fn each_link_leads_to_a_page_an_item_or_a_file_that_is_there() {
    let (lib, modules, sources) = (read("src/lib.rs"), read("src/docs.rs"), sources("src"));
    let (_, exports) = lib.split_once("pub use ").unwrap();
    let is_page = |name: &str| modules.contains(&format!("pub mod {name} {{}}"));
    let is_item = |kind: &str, name: &str| {
        let end = |rest: &str| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_');
        let text = format!("pub {kind} {name}");
        let is_name = |word: &str| word == name;
        exports.split(|c: char| !c.is_alphanumeric()).any(is_name)
            && sources.iter().any(|(_, source)| source.split(&text).skip(1).any(end))
    };
    let mut checked = 0;
    for file in ["README.md", "SECURITY.md", "CONTRIBUTING.md", "CHANGELOG.md"] {
        let text = read(file);
        let links = text.split("](").skip(1).filter_map(|rest| Some(rest.split_once(')')?.0));
        for link in links {
            let is_there = if let Some(path) = link.strip_prefix(DOCS_RS) {
                match path.split(['.', '/']).collect::<Vec<_>>()[..] {
                    ["docs", page, ""] => is_page(page),
                    [kind, name, "html"] => is_item(kind, name),
                    _ => false,
                }
            } else if link.contains("://") {
                continue;
            } else {
                Path::new(ROOT).join(link).exists()
            };
            assert!(is_there, "{file}: {link} leads nowhere");
            checked += 1;
        }
    }
    assert!(checked > 10, "only {checked} links");
}

#[test]
fn each_anchor_is_a_heading_of_its_page() {
    let pages: BTreeMap<String, String> = pages().into_iter().collect();
    let mut checked = 0;
    let mut check = |file: &str, page: &str, anchor: &str| {
        let text = pages.get(&format!("{page}.md"));
        let mut headings = text.into_iter().flat_map(|text| text.lines()).filter_map(heading);
        assert!(headings.any(|heading| heading == anchor), "{file}: {page} has no #{anchor}");
        checked += 1;
    };
    for (file, text) in
        pages.iter().map(|(file, text)| (file.clone(), text.clone())).chain(sources("src"))
    {
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            match link.split_once('#') {
                Some(("", anchor)) if !file.starts_with("src/") => {
                    check(&file, file.trim_end_matches(".md"), anchor);
                }
                Some((path, anchor)) if path.starts_with("crate::docs::") => {
                    check(&file, path.trim_start_matches("crate::docs::"), anchor);
                }
                _ => {}
            }
        }
    }
    assert!(checked > 15, "only {checked} anchors");
}

/// Returns the anchor that rustdoc gives a line, if it is a heading.
fn heading(line: &str) -> Option<String> {
    let title = line.strip_prefix('#')?.trim_start_matches('#').strip_prefix(' ')?.to_lowercase();
    let kept = |c: &char| c.is_alphanumeric() || "-_ ".contains(*c);
    Some(title.chars().filter(kept).map(|c| if c == ' ' { '-' } else { c }).collect())
}

/// Returns what stands in backticks.
fn code_words(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// Returns the pages, each with its file name and its text.
fn pages() -> Vec<(String, String)> {
    let files = fs::read_dir(Path::new(ROOT).join("src/docs")).unwrap();
    let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
    let mut pages: Vec<_> = names
        .map(|name| {
            let text = read(&format!("src/docs/{name}"));
            (name, text)
        })
        .collect();
    assert!(!pages.is_empty());
    pages.sort_unstable();
    pages
}
