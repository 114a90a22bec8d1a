use std::time::Duration;

use martlet::{Closed, Ending, Kind};

use super::*;
use crate::plan::Id;
use crate::story::Failed;

fn table(outcomes: &[(Outcome, u32)]) -> Table {
    let posts = (0..).map(Id).filter(|id| id.plan().asked == Asked::Post);
    let mut table = Table::default();
    for ((outcome, processed), id) in outcomes.iter().zip(posts) {
        let story = Story {
            id,
            runtime: "smol",
            set_up: SetUp::Http2,
            way: Way::Kill,
            lasted: Duration::ZERO,
            outcome: outcome.clone(),
        };
        table.add(&story, &Seen { heads: *processed, processed: *processed, spoiled: None });
    }
    table
}

fn lost(delivery: Delivery) -> Outcome {
    let kind = Kind::Closed(Closed::BeforeResponse { interim: false, by: Ending::Fin });
    Outcome::Failed(Failed {
        kind,
        delivery,
        attempts: 1,
        is_turned_away: false,
        is_reused: true,
        has_peer: true,
        watched: delivery,
        in_content: false,
        text: String::new(),
    })
}

const ANSWERED: Outcome = Outcome::Answered { attempts: 1 };

#[test]
fn posts_are_acted_on_so_often_as_answered_and_at_most_so_often_as_nobody_knows() {
    for unknown in [0, 1] {
        let table = table(&[(ANSWERED, 1), (lost(Delivery::Unknown), unknown), (lost(Delivery::NotSent), 0)]);
        assert_eq!(table.mistakes(), [""; 0]);
    }
    let one_too_many = table(&[(ANSWERED, 1), (lost(Delivery::Unknown), 1), (lost(Delivery::NotSent), 1)]);
    assert_eq!(one_too_many.mistakes(), ["3 POSTs were acted on, and 1 to 2 could be"]);
    let one_too_few = table(&[(ANSWERED, 0), (lost(Delivery::NotSent), 0)]);
    assert_eq!(one_too_few.mistakes(), ["0 POSTs were acted on, and 1 to 1 could be"]);
}

#[test]
fn a_run_that_shows_nothing_is_a_mistake() {
    assert_eq!(table(&[(ANSWERED, 1)]).mistakes(), ["no request has noticed any restart"]);
    assert_eq!(table(&[(lost(Delivery::Unknown), 1)]).mistakes(), ["no request was answered"]);
}

#[test]
fn an_error_is_counted_by_kind_delivery_and_what_happened_to_the_gateway() {
    let table = table(&[(ANSWERED, 1), (lost(Delivery::Unknown), 1), (lost(Delivery::Unknown), 0)]);
    let told = table.to_string();
    let line = told.lines().find(|line| line.contains("Closed before the response")).unwrap_or_default();
    let words: Vec<&str> = line.split_whitespace().rev().take(7).collect();
    assert_eq!(words, ["2", "0", "0", "0", "0", "0", "processed"]);
}
