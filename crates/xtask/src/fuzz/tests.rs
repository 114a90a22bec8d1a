use super::*;

#[test]
fn what_libfuzzer_counts_is_read() {
    let mut stats = Stats::default();
    for line in ["INFO: Seed: 1", "", "# no number", "stat::number_of_executed_units: 3"] {
        assert!(!stats.note(line), "{line}");
    }
    assert!(stats.note("#512\tINITED cov: 12 ft: 34 corp: 5/67b exec/s: 0 rss: 40Mb"));
    assert!(
        stats.note("#1024\tNEW    cov: 13 ft: 36 corp: 6/70b lim: 4 exec/s: 99 rss: 40Mb L: 3/4 MS: 1 Ins-")
    );
    assert_eq!(stats, Stats { executions: 1024, rate: 99, cov: 13, ft: 36, corpus: 6 });
}

#[test]
fn the_table_is_markdown_of_as_many_columns_as_its_headline() {
    let columns = |line: &str| line.matches('|').count();
    let row = row("head", &Stats { executions: 1, rate: 2, cov: 3, ft: 4, corpus: 5 });
    assert_eq!(row, "| `head` | 1 | 2 | 3 | 4 | 5 |");
    assert!(HEADLINE.lines().all(|line| columns(line) == columns(&row)));
}

#[test]
fn a_target_is_chosen_by_its_name_and_an_unknown_one_is_an_error() {
    let all: Vec<_> = ["head http1.dict", "pair_ops -", ""].into_iter().filter_map(build::target).collect();
    assert_eq!(all[0].dictionary.as_deref(), Some("http1.dict"));
    assert_eq!(all[1].dictionary, None);
    assert_eq!(chosen(all.clone(), &[]).map(|targets| targets.len()), Ok(2));
    assert_eq!(
        chosen(all.clone(), &["pair_ops"]).map(|targets| targets[0].name.clone()),
        Ok("pair_ops".to_owned())
    );
    assert!(chosen(all, &["tail"]).is_err());
}

#[test]
fn a_case_is_named_after_what_went_wrong() {
    assert_eq!(case::slug("assertion failed: a < b"), "crash-assertion-failed-a-b");
    assert_eq!(case::slug(""), "crash");
    assert_eq!(
        case::slug("one two three four five six seven eight nine"),
        "crash-one-two-three-four-five-six-seven-eight"
    );
}

#[test]
fn a_time_that_is_no_number_is_an_error() {
    assert!(run(&["--minutes", "many"]).is_err());
    assert!(smoke(&["--seconds", "-1"]).is_err());
    assert!(smoke(&["head"]).is_err());
}
