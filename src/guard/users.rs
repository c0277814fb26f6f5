use std::collections::HashMap;

use ahash::RandomState;

use crate::types::ClientId;

/// Who is connected under which user name, and `T`, what the clients of a user share.
///
/// A client counts once, however many of its connections have not been given up yet: one that connects
/// again while its old connection hangs is not one more.
#[derive(Debug)]
pub struct Users<T> {
    connections_max: Option<u32>,
    users: HashMap<Box<str>, User<T>, RandomState>,
}

#[derive(Debug)]
struct User<T> {
    clients: HashMap<ClientId, u32, RandomState>,
    shared: T,
}

impl<T: Default + Clone> Users<T> {
    /// Nobody is connected. `hasher` is seeded so that nobody chooses names that collide.
    pub fn new(connections_max: Option<u32>, hasher: RandomState) -> Self {
        Self { connections_max, users: HashMap::with_hasher(hasher) }
    }

    /// A client of `user` connects; returns what it shares with the others, or `None` if there are as
    /// many clients as may be. Each success is followed by one [`Self::leave`].
    pub fn enter(&mut self, user: &str, client_id: &ClientId) -> Option<T> {
        let max = self.connections_max.map_or(usize::MAX, |max| max as usize);
        if !self.users.contains_key(user) {
            let clients = HashMap::with_hasher(self.users.hasher().clone());
            self.users.insert(user.into(), User { clients, shared: T::default() });
        }
        let entry = self.users.get_mut(user).expect("just put there");
        if !entry.clients.contains_key(client_id) && entry.clients.len() >= max {
            return None;
        }
        *entry.clients.entry(client_id.clone()).or_default() += 1;
        Some(entry.shared.clone())
    }

    /// A connection of this client is over.
    pub fn leave(&mut self, user: &str, client_id: &ClientId) {
        let Some(entry) = self.users.get_mut(user) else { return };
        if let Some(count) = entry.clients.get_mut(client_id) {
            *count -= 1;
            if *count == 0 {
                entry.clients.remove(client_id);
            }
        }
        if entry.clients.is_empty() {
            self.users.remove(user);
        }
    }

    /// How many users are connected.
    pub fn len(&self) -> usize {
        self.users.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.users.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_has_so_many_clients_and_not_one_more() {
        let mut users = users(Some(2));
        assert!(enters(&mut users, "ann", "a") && enters(&mut users, "ann", "b"));

        assert!(!enters(&mut users, "ann", "c"));
        assert!(enters(&mut users, "bob", "c"), "another user");

        users.leave("ann", &ClientId::new("a"));
        assert!(enters(&mut users, "ann", "c"));
    }

    #[test]
    fn a_client_that_comes_back_before_it_is_missed_is_not_one_more() {
        let mut users = users(Some(1));
        assert!(enters(&mut users, "ann", "a"));

        assert!(enters(&mut users, "ann", "a"));

        users.leave("ann", &ClientId::new("a"));
        assert!(!enters(&mut users, "ann", "b"), "its second connection stands");
        users.leave("ann", &ClientId::new("a"));
        assert!(enters(&mut users, "ann", "b"));
    }

    #[test]
    fn nothing_is_left_of_a_user_who_has_gone() {
        let mut users = users(Some(1));
        enters(&mut users, "ann", "a");

        users.leave("ann", &ClientId::new("a"));
        users.leave("ann", &ClientId::new("a"));

        assert!(users.is_empty());
    }

    #[test]
    fn without_a_limit_everybody_comes_in() {
        let mut users = users(None);

        assert!((0..1_000).all(|number| enters(&mut users, "ann", &number.to_string())));
        assert_eq!(users.len(), 1);
    }

    fn enters(users: &mut Users<()>, user: &str, client_id: &str) -> bool {
        users.enter(user, &ClientId::new(client_id)).is_some()
    }

    fn users(connections_max: Option<u32>) -> Users<()> {
        Users::new(connections_max, RandomState::with_seeds(1, 2, 3, 4))
    }
}
