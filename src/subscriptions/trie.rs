use hashbrown::HashTable;
use slab::Slab;
use smallvec::SmallVec;

use super::RandomState;
use super::level::Level;
use super::receivers::Receivers;
use crate::types::topic;

const ROOT: u32 = 0;
const NONE: u32 = u32::MAX;

/// Odd, so that multiplying by it loses no bit; the golden ratio, so that neighbours part.
const SPREAD: u64 = 0x9E37_79B9_7F4A_7C15;

/// Topic filters by their levels.
///
/// Most nodes have one child, which they name themselves. One table holds the edges of all others:
/// what a child costs there does not depend on how many siblings it has. `+` has a place of its own
/// in a node, and who subscribes to `…/#` stands in the node of the level before.
pub(super) struct Trie {
    hasher: RandomState,
    nodes: Slab<Node>,
    edges: HashTable<Edge>,
}

/// Where the receivers of one topic filter stand. Valid until the filter is pruned.
#[derive(Clone, Copy)]
pub(super) struct Place {
    node: u32,
    below: bool,
}

struct Node {
    level: Level,
    parent: u32,
    /// The node of the `+` below this one, or [`NONE`].
    plus: u32,
    /// How many children there are, `+` not counted.
    children: u32,
    /// The only child, or [`NONE`] where edges lead to the children. The last of several keeps its
    /// edge: the table cannot tell who that is.
    lone: u32,
    /// Receivers of the filter that ends here.
    here: Receivers,
    /// Receivers of the filter that ends in `#` below here.
    below: Receivers,
}

/// Leads to `child` from its parent by its level. Carries its hash, so that growing the table
/// reads no nodes.
struct Edge {
    hash: u32,
    child: u32,
}

const _: () = assert!(size_of::<Node>() <= 72, "a million subscriptions have a million nodes");

impl Trie {
    pub(super) fn new(hasher: RandomState) -> Self {
        let mut nodes = Slab::new();
        nodes.insert(Node::new(b"", NONE));
        Self { hasher, nodes, edges: HashTable::new() }
    }

    /// The place of `filter`, made if it was not there.
    pub(super) fn make(&mut self, filter: &str) -> Place {
        let mut node = ROOT;
        for level in topic::levels(filter) {
            node = match level {
                "#" => return Place { node, below: true },
                "+" => self.make_plus(node),
                text => self.make_child(node, text.as_bytes()),
            };
        }
        Place { node, below: false }
    }

    /// The place of `filter`, if it has one.
    pub(super) fn find(&self, filter: &str) -> Option<Place> {
        let mut node = ROOT;
        for level in topic::levels(filter) {
            node = match level {
                "#" => return Some(Place { node, below: true }),
                "+" => Some(self.node(node).plus).filter(|plus| *plus != NONE)?,
                text => self.child(node, text.as_bytes(), self.level_hash(text.as_bytes()))?,
            };
        }
        Some(Place { node, below: false })
    }

    pub(super) fn receivers(&mut self, place: Place) -> &mut Receivers {
        let node = &mut self.nodes[place.node as usize];
        if place.below { &mut node.below } else { &mut node.here }
    }

    /// Removes what has become empty at `place` and above it.
    pub(super) fn prune(&mut self, place: Place) {
        let mut node = place.node;
        while node != ROOT && self.node(node).is_empty() {
            node = self.remove(node);
        }
    }

    /// Shows the receivers of every filter that matches the topic name (section 4.7), each once.
    pub(super) fn visit(&self, name: &str, mut receive: impl FnMut(&Receivers)) {
        // Wildcards in the first level pass a topic with a leading $ by [MQTT-4.7.2-1].
        let mut wildcards = !topic::is_reserved(name);
        let mut reached = SmallVec::<[u32; 32]>::from_slice(&[ROOT]);
        let mut next = SmallVec::new();
        for level in name.as_bytes().split(|byte| *byte == b'/') {
            let hash = self.level_hash(level);
            for &id in &reached {
                let node = self.node(id);
                if wildcards {
                    receive(&node.below);
                    next.extend(Some(node.plus).filter(|plus| *plus != NONE));
                }
                next.extend(self.child(id, level, hash));
            }
            wildcards = true;
            reached.clear();
            std::mem::swap(&mut reached, &mut next);
        }
        for &id in &reached {
            let node = self.node(id);
            receive(&node.here);
            receive(&node.below);
        }
    }

    /// The number of nodes, the root not counted.
    #[cfg(test)]
    pub(super) fn nodes(&self) -> usize {
        self.nodes.len() - 1
    }

    fn node(&self, id: u32) -> &Node {
        &self.nodes[id as usize]
    }

    fn child(&self, parent: u32, level: &[u8], level_hash: u64) -> Option<u32> {
        let Node { children, lone, .. } = *self.node(parent);
        let is_it = |child: u32| self.node(child).level.as_bytes() == level;
        if lone != NONE || children == 0 {
            return Some(lone).filter(|lone| *lone != NONE && is_it(*lone));
        }
        let hash = edge_hash(parent, level_hash);
        let edge = self.edges.find(spread(hash), |edge| {
            edge.hash == hash && self.node(edge.child).parent == parent && is_it(edge.child)
        });
        edge.map(|edge| edge.child)
    }

    fn make_child(&mut self, parent: u32, level: &[u8]) -> u32 {
        let level_hash = self.level_hash(level);
        if let Some(child) = self.child(parent, level, level_hash) {
            return child;
        }
        let child = self.add(level, parent);
        let from = &mut self.nodes[parent as usize];
        from.children += 1;
        if from.children == 1 {
            from.lone = child;
            return child;
        }
        let lone = std::mem::replace(&mut from.lone, NONE);
        if lone != NONE {
            self.add_edge(parent, self.level_hash(self.node(lone).level.as_bytes()), lone);
        }
        self.add_edge(parent, level_hash, child);
        child
    }

    fn add_edge(&mut self, parent: u32, level_hash: u64, child: u32) {
        let hash = edge_hash(parent, level_hash);
        self.edges.insert_unique(spread(hash), Edge { hash, child }, |edge| spread(edge.hash));
    }

    fn remove_edge(&mut self, parent: u32, child: u32) {
        let hash = edge_hash(parent, self.level_hash(self.node(child).level.as_bytes()));
        let edge = self.edges.find_entry(spread(hash), |edge| edge.child == child);
        edge.ok().expect("a child that is not alone has an edge").remove();
    }

    fn level_hash(&self, level: &[u8]) -> u64 {
        self.hasher.hash_one(level)
    }

    fn make_plus(&mut self, parent: u32) -> u32 {
        if self.node(parent).plus == NONE {
            self.nodes[parent as usize].plus = self.add(b"+", parent);
        }
        self.node(parent).plus
    }

    fn add(&mut self, level: &[u8], parent: u32) -> u32 {
        let id = u32::try_from(self.nodes.insert(Node::new(level, parent)));
        id.ok().filter(|id| *id != NONE).expect("memory ends before four billion nodes do")
    }

    /// Removes an empty node; returns its parent.
    fn remove(&mut self, id: u32) -> u32 {
        let parent = self.node(id).parent;
        let from = &mut self.nodes[parent as usize];
        if from.plus == id {
            from.plus = NONE;
        } else {
            from.children -= 1;
            if from.lone == id {
                from.lone = NONE;
            } else {
                self.remove_edge(parent, id);
            }
        }
        self.nodes.remove(id as usize);
        parent
    }
}

impl Node {
    fn new(level: &[u8], parent: u32) -> Self {
        Self {
            level: Level::new(level),
            parent,
            plus: NONE,
            children: 0,
            lone: NONE,
            here: Receivers::None,
            below: Receivers::None,
        }
    }

    fn is_empty(&self) -> bool {
        self.children == 0 && self.plus == NONE && self.here.is_empty() && self.below.is_empty()
    }
}

/// `level_hash` is keyed, so nobody outside can choose levels that collide.
fn edge_hash(parent: u32, level_hash: u64) -> u32 {
    let mixed = level_hash ^ u64::from(parent).wrapping_mul(SPREAD);
    (mixed ^ (mixed >> 32)) as u32
}

/// The table wants entropy in the lowest and the highest bits.
fn spread(hash: u32) -> u64 {
    u64::from(hash).wrapping_mul(SPREAD)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{SessionKey, SubscriptionOptions};

    #[test]
    fn wildcards_match_as_section_4_7_has_it() {
        assert_matches("sport/tennis/player1", &["sport/tennis/player1/#", "sport/#", "#"]);
        assert_matches(
            "sport/tennis/player1/ranking",
            &["sport/tennis/player1/#", "sport/+/+/ranking"],
        );
        assert_matches("sport", &["sport/#", "+", "#", "+/#"]);
        assert_matches("sport/", &["sport/+", "sport/#", "+/+"]);
        assert_matches("/finance", &["+/+", "/+", "/#", "/finance"]);
        assert_differs("sport", &["sport/+", "Sport", "sport/", "/sport", "spor", "+/+"]);
        assert_differs("/finance", &["+", "finance", "/+/+"]);
        assert_differs("a/b", &["a", "a/b/c", "a/b/+", "+/a", "b/#"]);
    }

    #[test]
    fn leading_wildcards_pass_reserved_topics_by() {
        assert_matches("$SYS/broker", &["$SYS/#", "$SYS/+", "$SYS/broker"]);
        assert_differs("$SYS/broker", &["#", "+/broker", "+/+", "+/#"]);
        assert_matches("a/$SYS", &["a/+", "a/#", "+/$SYS"]);
    }

    #[test]
    fn nodes_go_with_the_last_filter_that_needs_them() {
        let mut trie = trie(&["a/b/c", "a/+/c", "a/b/#"]);
        assert_eq!(trie.nodes(), 5);

        take(&mut trie, "a/b/c");
        assert_eq!(trie.nodes(), 4, "a, b, + and its c");
        take(&mut trie, "a/b/#");
        assert_eq!(trie.nodes(), 3, "a, + and its c");
        take(&mut trie, "a/+/c");
        assert_eq!(trie.nodes(), 0);
        assert!(trie.edges.is_empty());
    }

    #[test]
    fn as_many_levels_as_a_filter_can_have_are_no_trouble() {
        let deepest = "/".repeat(65_535);
        let mut trie = trie(&[&deepest]);
        assert_eq!(hits(&trie, &deepest), 1);
        take(&mut trie, &deepest);
        assert_eq!(trie.nodes(), 0);
    }

    #[test]
    fn siblings_are_found_however_many_are_left() {
        let names = ["a/1", "a/2", "a/3"];
        let mut trie = trie(&names);
        for left in [&names[1..], &names[2..]] {
            take(&mut trie, names[names.len() - left.len() - 1]);
            assert!(left.iter().all(|name| hits(&trie, name) == 1), "{left:?}");
        }
        let again = trie.make("a/1");
        trie.receivers(again).set(SessionKey(0), SubscriptionOptions::default());
        assert_eq!(["a/1", "a/2", "a/3"].map(|name| hits(&trie, name)), [1, 0, 1]);
        take(&mut trie, "a/3");
        take(&mut trie, "a/1");
        assert_eq!((trie.nodes(), trie.edges.len()), (0, 0));
    }

    #[test]
    fn equal_levels_below_different_parents_are_kept_apart() {
        let filters: Vec<_> = (0..1000).map(|n| format!("{n}/same")).collect();
        let filters: Vec<_> = filters.iter().map(String::as_str).collect();
        let trie = trie(&filters);
        for filter in filters {
            assert_eq!(hits(&trie, filter), 1, "{filter}");
        }
    }

    fn assert_matches(name: &str, filters: &[&str]) {
        for filter in filters {
            assert_eq!(hits(&trie(&[filter]), name), 1, "{filter} matches {name}");
        }
    }

    fn assert_differs(name: &str, filters: &[&str]) {
        for filter in filters {
            assert_eq!(hits(&trie(&[filter]), name), 0, "{filter} does not match {name}");
        }
    }

    fn trie(filters: &[&str]) -> Trie {
        let mut trie = Trie::new(RandomState::with_seeds(1, 2, 3, 4));
        for filter in filters {
            let place = trie.make(filter);
            trie.receivers(place).set(SessionKey(0), SubscriptionOptions::default());
        }
        trie
    }

    fn take(trie: &mut Trie, filter: &str) {
        let place = trie.find(filter).expect("it was made");
        trie.receivers(place).remove(SessionKey(0));
        trie.prune(place);
    }

    fn hits(trie: &Trie, name: &str) -> usize {
        let mut hits = 0;
        trie.visit(name, |receivers| hits += receivers.direct().count());
        hits
    }
}
