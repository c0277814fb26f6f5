//! Who publishes what and who listens, for each workload.

use std::ops::Range;

/// The clients of a run.
#[derive(Debug, Default)]
pub struct Plan {
    pub subscribers: Vec<Listener>,
    pub publishers: Vec<Speaker>,
}

#[derive(Debug)]
pub struct Listener {
    pub filters: Vec<String>,
    /// The publishers that it hears, by number.
    pub hears: Range<u32>,
    /// Members of one shared subscription, of whom one gets a message.
    pub group: Option<u32>,
}

#[derive(Debug)]
pub struct Speaker {
    /// Its topics, which it takes in turn.
    pub topics: Vec<Topic>,
}

#[derive(Debug)]
pub struct Topic {
    pub name: String,
    /// How many subscribers get a message of it.
    pub copies: u32,
}

/// Publisher `n` to subscriber `n`, on a topic of their own.
pub fn pairs(prefix: &str, clients: u32) -> Plan {
    let topic = |pair| format!("{prefix}/{pair}");
    Plan {
        subscribers: (0..clients).map(|n| Listener::of(topic(n), n..n + 1)).collect(),
        publishers: (0..clients).map(|n| Speaker::of(topic(n), 1)).collect(),
    }
}

/// Each of `clients` on a topic of its own, to which one of `publishers` publishes.
pub fn dealt(prefix: &str, clients: u32, publishers: u32) -> Plan {
    let mut plan = pairs(prefix, clients);
    let speakers = plan.publishers.split_off(publishers as usize);
    for (n, speaker) in speakers.into_iter().enumerate() {
        plan.publishers[n % publishers as usize].topics.extend(speaker.topics);
    }
    for (listener, n) in plan.subscribers.iter_mut().zip(0..) {
        listener.hears = n % publishers..n % publishers + 1;
    }
    plan
}

/// `clients` publishers, one subscriber to all their topics.
pub fn fan_in(prefix: &str, clients: u32) -> Plan {
    Plan {
        subscribers: vec![Listener::of(format!("{prefix}/+"), 0..clients)],
        publishers: (0..clients).map(|n| Speaker::of(format!("{prefix}/{n}"), 1)).collect(),
    }
}

/// One publisher, `clients` subscribers to its topic.
pub fn fan_out(prefix: &str, clients: u32) -> Plan {
    let topic = format!("{prefix}/all");
    Plan {
        subscribers: (0..clients).map(|_| Listener::of(topic.clone(), 0..1)).collect(),
        publishers: vec![Speaker::of(topic, clients)],
    }
}

/// `publishers` on a topic each; `clients` subscribers dealt to `groups` that share all topics.
pub fn shared(prefix: &str, clients: u32, groups: u32, publishers: u32) -> Plan {
    let groups = groups.min(clients);
    let member = |n| {
        let filter = format!("$share/{prefix}g{}/{prefix}/+", n % groups);
        Listener { group: Some(n % groups), ..Listener::of(filter, 0..publishers) }
    };
    let speaker = |n| Speaker::of(format!("{prefix}/{n}"), groups);
    Plan {
        subscribers: (0..clients).map(member).collect(),
        publishers: (0..publishers).map(speaker).collect(),
    }
}

const SITES: u32 = 10;
const ROOMS: u32 = 10;
const SENSORS: u32 = 100;
/// Filters of one form, each of which matches ten topics; those of one form never overlap.
const FILTERS: u32 = SITES * SENSORS;

/// 10,000 topics site/room/sensor. Every other subscriber has filters site/+/sensor, the rest
/// +/room/sensor.
pub fn wildcard(prefix: &str, clients: u32, filters: u32, publishers: u32) -> Plan {
    let mut wanted = [vec![0; FILTERS as usize], vec![0; FILTERS as usize]];
    let mut subscribers = Vec::new();
    for n in 0..clients {
        let form = n % 2;
        let taken = (0..filters).map(|k| ((n / 2) * filters + k) % FILTERS);
        taken.clone().for_each(|filter| wanted[form as usize][filter as usize] += 1);
        let filters = taken.map(|filter| filter_text(prefix, form, filter)).collect();
        subscribers.push(Listener { filters, hears: 0..publishers, group: None });
    }
    Plan { subscribers, publishers: wildcard_speakers(prefix, publishers, &wanted) }
}

fn filter_text(prefix: &str, form: u32, filter: u32) -> String {
    let (level, sensor) = (filter / SENSORS, filter % SENSORS);
    match form {
        0 => format!("{prefix}/{level}/+/{sensor}"),
        _ => format!("{prefix}/+/{level}/{sensor}"),
    }
}

/// Topics nobody wants are left out: they would be published for nothing.
fn wildcard_speakers(prefix: &str, publishers: u32, wanted: &[Vec<u32>; 2]) -> Vec<Speaker> {
    let mut speakers: Vec<Speaker> = (0..publishers).map(|_| Speaker { topics: vec![] }).collect();
    for at in 0..SITES * ROOMS * SENSORS {
        let (site, room, sensor) = (at / (ROOMS * SENSORS), at / SENSORS % ROOMS, at % SENSORS);
        let by_site = wanted[0][(site * SENSORS + sensor) as usize];
        let by_room = wanted[1][(room * SENSORS + sensor) as usize];
        let name = format!("{prefix}/{site}/{room}/{sensor}");
        if by_site + by_room > 0 {
            let speaker = &mut speakers[(at % publishers) as usize];
            speaker.topics.push(Topic { name, copies: by_site + by_room });
        }
    }
    speakers.retain(|speaker| !speaker.topics.is_empty());
    speakers
}

/// One publisher with `topics`, and `clients` who subscribe to all of them once they are retained.
pub fn retained(prefix: &str, clients: u32, topics: u32) -> Plan {
    let topic = |n| Topic { name: format!("{prefix}/{}/{n}", n % 100), copies: 0 };
    let filter = format!("{prefix}/#");
    Plan {
        subscribers: (0..clients).map(|_| Listener::of(filter.clone(), 0..1)).collect(),
        publishers: vec![Speaker { topics: (0..topics).map(topic).collect() }],
    }
}

/// What a client holds that does nothing.
#[derive(Debug, Clone, Copy)]
pub struct Holding {
    pub subscriptions: u32,
    pub wildcards: bool,
}

/// Clients with subscriptions to which nobody publishes.
pub fn silent(prefix: &str, clients: u32, holding: Holding) -> Plan {
    let Holding { subscriptions, wildcards } = holding;
    let start = if wildcards { "+" } else { prefix };
    let filters = |n| (0..subscriptions).map(move |k| format!("{start}/{n}/{k}/held")).collect();
    let listener = |n| Listener { filters: filters(n), hears: 0..0, group: None };
    Plan { subscribers: (0..clients).map(listener).collect(), publishers: Vec::new() }
}

impl Listener {
    fn of(filter: String, hears: Range<u32>) -> Self {
        Self { filters: vec![filter], hears, group: None }
    }
}

impl Speaker {
    fn of(name: String, copies: u32) -> Self {
        Self { topics: vec![Topic { name, copies }] }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::Filter;

    #[test]
    fn each_topic_reaches_as_many_as_the_plan_says() {
        for plan in [
            pairs("p", 3),
            dealt("p", 7, 3),
            fan_in("p", 3),
            fan_out("p", 3),
            wildcard("p", 7, 5, 2),
            wildcard("p", 500, 40, 10),
        ] {
            for speaker in &plan.publishers {
                for topic in speaker.topics.iter().step_by(97) {
                    assert_eq!(matching(&plan, &topic.name), topic.copies, "{}", topic.name);
                }
            }
        }
    }

    #[test]
    fn the_bars_own_wildcards_reach_twenty_of_five_hundred() {
        let plan = wildcard("p", 500, 40, 10);
        let topics: Vec<&Topic> = plan.publishers.iter().flat_map(|p| &p.topics).collect();
        assert_eq!(topics.len(), 10_000);
        assert!(topics.iter().all(|topic| topic.copies == 20));
    }

    #[test]
    fn each_client_hears_the_publisher_of_its_topic() {
        let plan = dealt("p", 7, 3);
        for (number, speaker) in plan.publishers.iter().enumerate() {
            for topic in &speaker.topics {
                let hears =
                    plan.subscribers.iter().find(|it| it.filters[0] == topic.name).expect("dealt");
                assert_eq!(hears.hears, number as u32..number as u32 + 1);
            }
        }
        assert_eq!(plan.publishers.iter().map(|it| it.topics.len()).sum::<usize>(), 7);
    }

    #[test]
    fn each_group_has_a_member_and_gets_one_copy() {
        for (clients, groups, copies) in [(5, 2, 2), (2, 5, 2)] {
            let plan = shared("p", clients, groups, 1);
            assert_eq!(plan.publishers[0].topics[0].copies, copies);
            for group in 0..copies {
                assert!(plan.subscribers.iter().any(|member| member.group == Some(group)));
            }
        }
    }

    #[test]
    fn those_who_do_nothing_hold_as_many_different_filters_as_they_are_to() {
        for wildcards in [false, true] {
            let plan = silent("p", 3, Holding { subscriptions: 4, wildcards });
            let mut filters: Vec<String> =
                plan.subscribers.into_iter().flat_map(|it| it.filters).collect();
            filters.sort();
            filters.dedup();
            assert_eq!(filters.len(), 12);
            assert!(filters.iter().all(|filter| filter.contains('+') == wildcards));
        }
    }

    /// How many subscribers have a filter that matches, and never two.
    fn matching(plan: &Plan, topic: &str) -> u32 {
        let matches = |filter: &&String| Filter::parse(filter, true).expect("legal").matches(topic);
        let counts = plan.subscribers.iter().map(|it| it.filters.iter().filter(matches).count());
        let total: usize = counts.inspect(|count| assert!(*count <= 1, "overlap at {topic}")).sum();
        total as u32
    }
}
