use std::collections::BTreeMap;

use crate::types::{Filter, SubscriptionOptions};

/// Subscriptions up to this number lie side by side: most clients have one or two, and a tree takes room
/// for eleven at once.
const FEW_MAX: usize = 8;

/// What a client subscribed to, by filter, in the order of the filters.
#[derive(Debug)]
pub struct Filters(Form);

#[derive(Debug)]
enum Form {
    /// At most [`FEW_MAX`], ascending, in as much memory as they need.
    Few(Vec<(Filter, SubscriptionOptions)>),
    #[allow(clippy::box_collection, reason = "most sessions have few, and are as small as those")]
    Many(Box<BTreeMap<Filter, SubscriptionOptions>>),
}

impl Default for Filters {
    fn default() -> Self {
        Self(Form::Few(Vec::new()))
    }
}

impl Filters {
    /// How many there are.
    pub fn len(&self) -> usize {
        match &self.0 {
            Form::Few(few) => few.len(),
            Form::Many(many) => many.len(),
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The options of the subscription to `filter`, if there is one.
    pub fn get(&self, filter: &Filter) -> Option<SubscriptionOptions> {
        match &self.0 {
            Form::Few(few) => Some(few[position(few, filter).ok()?].1),
            Form::Many(many) => many.get(filter).copied(),
        }
    }

    /// Adds a subscription, or gives it other options. Returns those that it had.
    pub fn insert(
        &mut self,
        filter: Filter,
        options: SubscriptionOptions,
    ) -> Option<SubscriptionOptions> {
        let few = match &mut self.0 {
            Form::Many(many) => return many.insert(filter, options),
            Form::Few(few) => few,
        };
        match position(few, &filter) {
            Ok(at) => return Some(std::mem::replace(&mut few[at].1, options)),
            Err(at) if few.len() < FEW_MAX => {
                few.reserve_exact(1);
                few.insert(at, (filter, options));
            }
            Err(_) => {
                let all = std::mem::take(few).into_iter().chain([(filter, options)]);
                self.0 = Form::Many(Box::new(all.collect()));
            }
        }
        None
    }

    /// Ends a subscription. Returns the options that it had.
    pub fn remove(&mut self, filter: &Filter) -> Option<SubscriptionOptions> {
        match &mut self.0 {
            Form::Few(few) => {
                let (_, options) = few.remove(position(few, filter).ok()?);
                few.shrink_to_fit();
                Some(options)
            }
            Form::Many(many) => {
                let removed = many.remove(filter);
                if many.len() <= FEW_MAX / 2 {
                    self.0 = Form::Few(std::mem::take(&mut **many).into_iter().collect());
                }
                removed
            }
        }
    }

    /// All of them, in the order of their filters.
    pub fn iter(&self) -> impl Iterator<Item = (&Filter, SubscriptionOptions)> {
        let (few, many) = match &self.0 {
            Form::Few(few) => (Some(few), None),
            Form::Many(many) => (None, Some(many)),
        };
        let few = few.into_iter().flatten().map(|(filter, options)| (filter, *options));
        let many = many.into_iter().flat_map(|many| many.iter());
        few.chain(many.map(|(filter, options)| (filter, *options)))
    }
}

impl FromIterator<(Filter, SubscriptionOptions)> for Filters {
    fn from_iter<I: IntoIterator<Item = (Filter, SubscriptionOptions)>>(all: I) -> Self {
        let mut filters = Self::default();
        for (filter, options) in all {
            filters.insert(filter, options);
        }
        filters
    }
}

fn position(few: &[(Filter, SubscriptionOptions)], filter: &Filter) -> Result<usize, usize> {
    few.binary_search_by(|(other, _)| other.cmp(filter))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::QoS;

    #[test]
    fn few_and_many_tell_the_same() {
        let mut filters = Filters::default();
        let mut plain = BTreeMap::new();
        for step in 0..60_usize {
            // Up past the limit, down below half of it, and up again.
            let (name, qos) = (step * 7 % 13, QoS::from_bits((step % 3) as u8).expect("0 to 2"));
            let filter = Filter::parse(&format!("f/{name}"), false).expect("valid");
            let options = SubscriptionOptions { qos, ..SubscriptionOptions::default() };
            if (20..40).contains(&step) {
                assert_eq!(filters.remove(&filter), plain.remove(&filter), "step {step}");
            } else {
                let had = plain.insert(filter.clone(), options);
                assert_eq!(filters.insert(filter.clone(), options), had, "step {step}");
            }

            assert_eq!(filters.get(&filter), plain.get(&filter).copied());
            assert_eq!((filters.len(), filters.is_empty()), (plain.len(), plain.is_empty()));
            assert!(!matches!(&filters.0, Form::Few(few) if few.len() > FEW_MAX), "step {step}");
            let told: Vec<_> = filters.iter().collect();
            let expected: Vec<_> =
                plain.iter().map(|(filter, options)| (filter, *options)).collect();
            assert_eq!(told, expected, "step {step}");
        }
    }

    #[test]
    fn one_takes_no_more_than_itself() {
        let filter = Filter::parse("a", false).expect("valid");
        let filters: Filters = [(filter, SubscriptionOptions::default())].into_iter().collect();

        let Form::Few(few) = filters.0 else { panic!("one is few") };
        assert_eq!(few.capacity(), 1);
    }

    #[test]
    fn one_more_than_few_are_many() {
        let filter = |name: usize| Filter::parse(&name.to_string(), false).expect("valid");
        let all = |count| (0..count).map(|name| (filter(name), SubscriptionOptions::default()));

        assert!(matches!(Filters::from_iter(all(FEW_MAX)).0, Form::Few(_)));
        assert!(matches!(Filters::from_iter(all(FEW_MAX + 1)).0, Form::Many(_)));
    }
}
