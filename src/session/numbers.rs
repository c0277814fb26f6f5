use std::collections::BTreeMap;
use std::ops::Range;

/// Queue numbers, kept as the ranges that they form.
#[derive(Debug, Default)]
pub struct Numbers {
    /// Where each range begins and ends. They neither overlap nor touch.
    ranges: BTreeMap<u64, u64>,
}

impl Numbers {
    pub fn insert(&mut self, numbers: Range<u64>) {
        let Range { mut start, mut end } = numbers;
        if start >= end {
            return;
        }
        if let Some((before, until)) = self.ranges.range(..=start).next_back()
            && *until >= start
        {
            (start, end) = (*before, end.max(*until));
        }
        while let Some((covered, until)) = self.ranges.range(start..=end).next() {
            let (covered, until) = (*covered, *until);
            self.ranges.remove(&covered);
            end = end.max(until);
        }
        self.ranges.insert(start, end);
    }

    pub fn contains(&self, number: u64) -> bool {
        self.first_missing(number) != number
    }

    /// The first number from `number` on that is not among them.
    pub fn first_missing(&self, number: u64) -> u64 {
        let range = self.ranges.range(..=number).next_back();
        range.map_or(number, |(_, end)| number.max(*end))
    }

    pub fn remove_below(&mut self, number: u64) {
        let reaches = self.first_missing(number);
        self.ranges = self.ranges.split_off(&number);
        self.insert(number..reaches);
    }
}

impl FromIterator<u64> for Numbers {
    fn from_iter<I: IntoIterator<Item = u64>>(numbers: I) -> Self {
        let mut all = Self::default();
        numbers.into_iter().for_each(|number| all.insert(number..number.saturating_add(1)));
        all
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn they_are_a_set(
            steps in prop::collection::vec((any::<bool>(), 0..40_u64, 0..9_u64), 0..40),
        ) {
            let (mut numbers, mut set) = (Numbers::default(), BTreeSet::new());
            for (inserts, start, len) in steps {
                match inserts {
                    true => {
                        numbers.insert(start..start + len);
                        set.extend(start..start + len);
                    }
                    false => {
                        numbers.remove_below(start);
                        set = set.split_off(&start);
                    }
                }
                for number in 0..50 {
                    prop_assert_eq!(numbers.contains(number), set.contains(&number));
                }
                let touch = numbers.ranges.iter().zip(numbers.ranges.iter().skip(1));
                prop_assert!(touch.into_iter().all(|((_, end), (start, _))| end < start));
            }
        }
    }

    #[test]
    fn ranges_that_touch_become_one() {
        let numbers: Numbers = [1, 3, 2, 7].into_iter().collect();
        assert_eq!(numbers.ranges, [(1, 4), (7, 8)].into());
        assert_eq!([0, 1, 3, 4, 7].map(|from| numbers.first_missing(from)), [0, 4, 4, 4, 8]);
    }
}
