use super::survey::Survey;
use super::{Failure, Outcome, Place, say};

pub fn run(place: &Place) -> Result<Outcome, Failure> {
    let survey = Survey::of(place)?;
    say(&survey.tally.table(survey.bytes));
    survey.tally.print_problems();
    Ok(survey.tally.outcome())
}
