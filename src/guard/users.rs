use std::collections::HashMap;

use ahash::RandomState;

use crate::types::ClientId;

/// Who is connected under which user name.
///
/// A client counts once, however many of its connections have not been given up yet: one that connects
/// again while its old connection hangs is not one more.
#[derive(Debug)]
pub struct Users {
    clients_max: u32,
    /// By user name: the connections of each client.
    users: HashMap<Box<str>, HashMap<ClientId, u32, RandomState>, RandomState>,
}

impl Users {
    /// Nobody is connected, and at most `clients_max` clients of a user may be. `hasher` is seeded so
    /// that nobody chooses names that collide.
    pub fn new(clients_max: u32, hasher: RandomState) -> Self {
        Self { clients_max, users: HashMap::with_hasher(hasher) }
    }

    /// A client of `user` connects; returns whether it may. If so, one [`Self::leave`] follows.
    pub fn enter(&mut self, user: &str, client_id: &ClientId) -> bool {
        if !self.users.contains_key(user) {
            let clients = HashMap::with_hasher(self.users.hasher().clone());
            self.users.insert(user.into(), clients);
        }
        let clients = self.users.get_mut(user).expect("just put there");
        let admitted = clients.contains_key(client_id) || clients.len() < self.clients_max as usize;
        if admitted {
            *clients.entry(client_id.clone()).or_default() += 1;
        }
        admitted
    }

    /// A connection of this client is over.
    pub fn leave(&mut self, user: &str, client_id: &ClientId) {
        let Some(clients) = self.users.get_mut(user) else { return };
        if let Some(count) = clients.get_mut(client_id) {
            *count -= 1;
            if *count == 0 {
                clients.remove(client_id);
            }
        }
        if clients.is_empty() {
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
        let mut users = users(2);
        assert!(enters(&mut users, "ann", "a") && enters(&mut users, "ann", "b"));

        assert!(!enters(&mut users, "ann", "c"));
        assert!(enters(&mut users, "bob", "c"), "another user");

        users.leave("ann", &ClientId::new("a"));
        assert!(enters(&mut users, "ann", "c"));
    }

    #[test]
    fn a_client_that_comes_back_before_it_is_missed_is_not_one_more() {
        let mut users = users(1);
        assert!(enters(&mut users, "ann", "a"));

        assert!(enters(&mut users, "ann", "a"));

        users.leave("ann", &ClientId::new("a"));
        assert!(!enters(&mut users, "ann", "b"), "its second connection stands");
        users.leave("ann", &ClientId::new("a"));
        assert!(enters(&mut users, "ann", "b"));
    }

    #[test]
    fn nothing_is_left_of_a_user_who_has_gone() {
        let mut users = users(1);
        enters(&mut users, "ann", "a");

        users.leave("ann", &ClientId::new("a"));
        users.leave("ann", &ClientId::new("a"));

        assert!(users.is_empty());
    }

    fn enters(users: &mut Users, user: &str, client_id: &str) -> bool {
        users.enter(user, &ClientId::new(client_id))
    }

    fn users(clients_max: u32) -> Users {
        Users::new(clients_max, RandomState::with_seeds(1, 2, 3, 4))
    }
}
