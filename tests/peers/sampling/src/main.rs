//! Decisions of this crate's sampler beside those of `libdd-sampling`, Datadog's own library for its tracers:
//! the same traces kept, the same priority, the same tags.
//!
//! `cargo test --manifest-path tests/peers/sampling/Cargo.toml`

fn main() {
    eprintln!("cargo test --manifest-path tests/peers/sampling/Cargo.toml");
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;
    use std::collections::{BTreeMap, HashMap};

    use libdd_sampling::{
        AttributeFactory, AttributeLike, SamplingData, SamplingRule, SpanProperties, ValueLike,
    };
    use opentelemetry::TraceId;
    use opentelemetry::trace::SpanKind;
    use opentelemetry_datadog_agent::DatadogSampler;
    use opentelemetry_sdk::trace::{SamplingResult, ShouldSample};

    /// Rates from nothing to everything; the long ones are where digits could be cut differently.
    const RATES: [f64; 14] = [
        0.0, 1e-7, 5e-7, 0.001, 0.01, 0.1, 0.123_456_5, 0.25, 1.0 / 3.0, 0.5, 0.7654321, 0.9,
        0.999_999_9, 1.0,
    ];
    /// Trace ids for each rate.
    const IDS: u64 = 10_000;

    /// The decision about a trace, as tags.
    type Tags = BTreeMap<String, String>;

    /// A root span with nothing to it.
    struct Root(u128);

    /// No attribute.
    struct Nothing;

    impl ValueLike for Nothing {
        fn as_float(&self) -> Option<f64> {
            None
        }
        fn as_str(&self) -> Option<Cow<'_, str>> {
            None
        }
    }

    impl AttributeLike for Nothing {
        type Value = Self;
        fn key(&self) -> &str {
            ""
        }
        fn value(&self) -> &Self {
            self
        }
    }

    impl SpanProperties for Root {
        type Attribute<'a> = Nothing;
        fn operation_name(&self) -> Cow<'_, str> {
            "internal".into()
        }
        fn service(&self) -> Cow<'_, str> {
            "shop".into()
        }
        fn env(&self) -> Cow<'_, str> {
            "prod".into()
        }
        fn resource(&self) -> Cow<'_, str> {
            "work".into()
        }
        fn status_code(&self) -> Option<u32> {
            None
        }
        fn attributes(&self) -> impl Iterator<Item = Nothing> + '_ {
            std::iter::empty()
        }
        fn get_alternate_key<'b>(&self, _: &'b str) -> Option<Cow<'b, str>> {
            None
        }
    }

    impl SamplingData for Root {
        type TraceId = u128;
        type Properties<'a> = Self;
        fn is_parent_sampled(&self) -> Option<bool> {
            None
        }
        fn trace_id(&self) -> &u128 {
            &self.0
        }
        fn with_span_properties<S, T, F>(&self, s: &S, f: F) -> T
        where
            F: Fn(&S, &Self) -> T,
        {
            f(s, self)
        }
    }

    struct Texts;

    impl AttributeFactory for Texts {
        type Attribute = (String, String);
        fn create_i64(&self, key: &'static str, value: i64) -> Self::Attribute {
            (key.to_owned(), value.to_string())
        }
        fn create_f64(&self, key: &'static str, value: f64) -> Self::Attribute {
            (key.to_owned(), value.to_string())
        }
        fn create_string(&self, key: &'static str, value: Cow<'static, str>) -> Self::Attribute {
            (key.to_owned(), value.into_owned())
        }
    }

    /// Ids at the ends, then such as tracers make them.
    fn ids() -> impl Iterator<Item = u128> {
        // Not 2^63: it is the one id exactly at the border of a half, which this peer keeps (`<=`)
        // and Go's tracer, our source, does not (`<`).
        let ends = [1, 10, 100, 1_000, u64::MAX, u64::MAX / 2, 83];
        let random = (0..IDS).map(|number| {
            let mixed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x5bd1_e995;
            (mixed ^ (mixed >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9) | 1
        });
        // The high half has no say.
        ends.into_iter().chain(random).map(|low| u128::from(!low) << 64 | u128::from(low))
    }

    fn theirs(sampler: &libdd_sampling::DatadogSampler, id: u128) -> Tags {
        let mut tags: Tags =
            sampler.sample(&Root(id)).to_dd_sampling_tags(&Texts).unwrap().into_iter().collect();
        // It removes the maker of a rejected trace when that is sent on.
        if !["1", "2"].contains(&&*tags["_sampling_priority_v1"]) {
            tags.remove("_dd.p.dm");
        }
        tags
    }

    fn ours(sampler: &DatadogSampler, id: u128) -> Tags {
        let id = TraceId::from(id);
        let SamplingResult { attributes, trace_state, .. } =
            sampler.should_sample(None, id, "work", &SpanKind::Internal, &[], &[]);
        let tags = attributes.into_iter().map(|tag| (tag.key.to_string(), tag.value.to_string()));
        let items = trace_state.get("dd").unwrap().split(';').map(|item| {
            let (key, value) = item.split_once(':').unwrap();
            let key = match key {
                "s" => "_sampling_priority_v1".to_owned(),
                key => key.replace("t.", "_dd.p."),
            };
            (key, value.to_owned())
        });
        items.chain(tags).collect()
    }

    #[test]
    fn a_rate_keeps_and_says_the_same() {
        let mut kept = HashMap::new();
        for rate in RATES {
            let rule = SamplingRule::new(rate, None, None, None, None, None);
            // Below 0 there is no limit.
            let theirs_is = libdd_sampling::DatadogSampler::new(vec![rule], -1);
            let ours_is =
                DatadogSampler::builder().with_rate(rate).with_rate_limit(1e12).build().unwrap();
            for id in ids() {
                let tags = ours(&ours_is, id);
                assert_eq!(tags, theirs(&theirs_is, id), "{rate}, {id:x}");
                *kept.entry(rate.to_bits()).or_insert(0) += u64::from(tags.contains_key("_dd.p.dm"));
            }
        }
        assert_eq!(kept[&0_f64.to_bits()], 0);
        assert!((900..1_100).contains(&kept[&0.1_f64.to_bits()]), "{kept:?}");
        assert_eq!(kept[&1_f64.to_bits()], IDS + 7);
    }

    #[test]
    fn without_any_rate_the_same_is_said() {
        let theirs_is = libdd_sampling::DatadogSampler::new(vec![], -1);
        let ours_is = DatadogSampler::builder().build().unwrap();
        assert_eq!(ours(&ours_is, 7), theirs(&theirs_is, 7));
    }
}
