//! The rows of the table.

/// A package below `tests/peers`.
pub struct Package {
    pub folder: &'static str,
    /// The crate whose version the table shows.
    pub shows: &'static str,
}

/// An exporter in one of its forms.
pub struct Row {
    pub package: &'static str,
    pub variant: &'static str,
    /// The package that tells what making the spans costs, with the same version of the SDK.
    pub floor: &'static str,
    pub is_exporter: bool,
    pub sends: bool,
    pub leaves_out: &'static str,
}

pub const PACKAGES: &[Package] = &[
    Package { folder: "bare", shows: "opentelemetry_sdk" },
    Package { folder: "ours", shows: "opentelemetry-datadog-agent" },
    Package { folder: "old", shows: "opentelemetry-datadog" },
    Package { folder: "otlp", shows: "opentelemetry-otlp" },
    Package { folder: "vendor", shows: "datadog-opentelemetry" },
];

const PLAIN: Row =
    Row { package: "", variant: "", floor: "bare", is_exporter: true, sends: true, leaves_out: "" };

pub const ROWS: &[Row] = &[
    Row {
        package: "bare",
        variant: "exports nothing",
        sends: false,
        leaves_out: "everything: what the SDK and its batch processor cost alone.",
        ..PLAIN
    },
    Row {
        package: "ours",
        variant: "json",
        leaves_out: "the literals of statements (unless `SpanTypes::Agent` is set). Events and links \
                     are JSON texts in tags. No statistics.",
        ..PLAIN
    },
    Row { package: "ours", variant: "msgpack", leaves_out: "the same.", ..PLAIN },
    Row {
        package: "old",
        variant: "v0.3",
        floor: "old",
        leaves_out: "events and links, so stack and message of every error; the status text; the \
                     span kind; env and version; numbers (all attributes are text); the upper half of \
                     the trace id. Operation is the scope's name, resource the span's, service one \
                     for all. OpenTelemetry 0.32.",
        ..PLAIN
    },
    Row {
        package: "old",
        variant: "v0.5",
        floor: "old",
        leaves_out: "the same, but has env and version.",
        ..PLAIN
    },
    Row {
        package: "otlp",
        variant: "http/protobuf",
        leaves_out: "nothing of a span, but it is not mapped: that is the Agent's work, whose OTLP \
                     intake is off by default. gRPC is not measured.",
        ..PLAIN
    },
    Row {
        package: "vendor",
        variant: "v0.4",
        is_exporter: false,
        leaves_out: "nothing of a span. It is no `SpanExporter`: it is a provider with its own sampler, \
                     id generator and buffer, so it has no cost of `export` alone. Its statistics, \
                     telemetry and remote configuration are off here; they cost extra.",
        ..PLAIN
    },
];
