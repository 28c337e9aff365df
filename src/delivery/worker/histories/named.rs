//! Histories that have a name.

use super::*;

/// A span is exported each second for so long.
fn each_second(seconds: u64) -> Vec<(Duration, u64)> {
    (0..seconds).map(|second| (Duration::from_secs(second), 1)).collect()
}

#[test]
fn an_outage_of_an_hour_costs_no_number() {
    let weather = [(Weather::Well, Duration::from_secs(60)), (Weather::Refuses, HOUR)];
    let sky = run(&weather, &each_second(60 + 60 * 60), Protocol::Auto);
    // The first one came before the Agent had said anything.
    assert_eq!((sky.hits, sky.counted.len()), ((3_659, 3_659), 3_659));
}

#[test]
fn numbers_follow_from_an_agent_to_an_extension_and_back() {
    const MINUTE: Duration = Duration::from_secs(60);
    let attitudes = [(Attitude::Asks, MINUTE), (Attitude::Takes, MINUTE)];
    let sky = run_counting(&[], &attitudes, &each_second(180), Protocol::Auto);
    let (counted, uncounted) = (sky.counted.len(), sky.uncounted.len());
    assert_eq!(sky.hits, (counted as u64, counted as u64));
    // It takes an answer and a second to see that the Agent is another one.
    assert!((55..=65).contains(&uncounted) && counted + uncounted == 180, "{uncounted}");
}

/// An hour.
const HOUR: Duration = Duration::from_secs(60 * 60);

/// An Agent is away for these times, behind something that accepts connections and closes them.
#[test]
fn an_agent_that_is_away_behind_open_connections_costs_no_span() {
    let exports: Vec<_> = (0..60).map(|n| (Duration::from_millis(900 * n), 5)).collect();
    for protocol in [Protocol::Auto, Protocol::V03Json] {
        for after_reading in [true, false] {
            for seconds in [5, 20, 40] {
                let away = (Weather::Away { after_reading }, Duration::from_secs(seconds));
                for first in [Duration::ZERO, Duration::from_millis(1_500)] {
                    let weather = [(Weather::Well, first), away];
                    let sky = run(&weather, &exports, protocol);
                    assert_eq!(sky.answered.len(), 300, "{weather:?}");
                    assert!(sky.requests < 120, "{} requests", sky.requests);
                }
            }
        }
    }
}

#[test]
fn numbers_that_nobody_takes_hold_no_span_up() {
    let attitudes = [(Attitude::AsksInVain, Duration::from_secs(40))];
    let sky = run_counting(&[], &attitudes, &each_second(60), Protocol::Auto);
    // Each payload goes as it comes.
    assert_eq!((sky.answered.len(), sky.requests), (60, 60));
    assert_eq!(sky.hits.1, sky.counted.len() as u64);
}
