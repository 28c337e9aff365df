//! OpenTelemetry's own exporter over gRPC, as the Agent's OTLP intake prefers it. It wants a runtime.

#[path = "../../shared/mod.rs"]
mod shared;

use opentelemetry_otlp::{SpanExporter, WithExportConfig as _};

fn main() {
    let args = shared::Args::read();
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    let runtime = builder.worker_threads(1).enable_all().build().expect("a runtime");
    let _inside = runtime.enter();
    let exporter =
        SpanExporter::builder().with_tonic().with_endpoint(&args.url).build().expect("an exporter");
    shared::run_exporter(&args, exporter);
}
