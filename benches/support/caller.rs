//! The headers of a caller of both worlds, for benches and tests.

/// 128-bit ids, priority, origin, two tags and another vendor.
pub(crate) const CALLER: [(&str, &str); 7] = [
    ("x-datadog-trace-id", "1311768467463790320"),
    ("x-datadog-parent-id", "77"),
    ("x-datadog-sampling-priority", "2"),
    ("x-datadog-origin", "rum"),
    ("x-datadog-tags", "_dd.p.dm=-4,_dd.p.tid=640cfd8d00000000,_dd.p.usr.id=MTI="),
    ("traceparent", "00-640cfd8d00000000123456789abcdef0-000000000000004d-01"),
    ("tracestate", "dd=s:2;o:rum;p:000000000000004d;t.dm:-4;t.usr.id:MTI~,foo=1"),
];
