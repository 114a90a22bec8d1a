//! The corpus of worked cases, each at every split.

use std::fs;
use std::path::Path;

use martlet_tests::conformance::{Verdict, run_file, run_text};

#[test]
fn every_case_of_the_corpus_is_as_expected_at_every_split() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    let mut files: Vec<_> = fs::read_dir(&corpus)
        .expect("the corpus is there")
        .map(|entry| entry.expect("a readable folder").path())
        .filter(|path| path.extension().is_some_and(|e| e == "jsonl"))
        .collect();
    files.sort();
    let reports: Vec<_> = std::thread::scope(|scope| {
        let runs: Vec<_> = files.iter().map(|file| scope.spawn(move || run_file(file))).collect();
        runs.into_iter().flat_map(|run| run.join().expect("no panic").expect("cases")).collect()
    });
    let wrong: Vec<_> =
        reports.iter().filter(|r| r.verdict != Verdict::Passed).map(ToString::to_string).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(reports.len() >= 250, "only {} cases", reports.len());
}

#[test]
fn the_runner_finds_what_is_wrong() {
    let verdict = |expect: &str| {
        let case = format!(
            r#"{{"id":"x","request_method":"GET","input":"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi","eof":false,"expect":{expect}}}"#
        );
        run_text(&case).expect("a case").remove(0).verdict
    };
    assert_eq!(verdict(r#"{"kind":"ok","status":200,"body":"hi","keep_alive_after":true}"#), Verdict::Passed);
    for wrong in [
        r#"{"kind":"incomplete"}"#,
        r#"{"kind":"error","error_class":"protocol"}"#,
        r#"{"kind":"ok","status":201}"#,
        r#"{"kind":"ok","status":200,"body":"ho"}"#,
        r#"{"kind":"ok","status":200,"leftover_len":1}"#,
        r#"{"kind":"ok","status":200,"keep_alive_after":false}"#,
        r#"{"kind":"ok","status":200,"headers":[["content-length","2"]]}"#,
        r#"{"kind":"ok","status":200,"version":"1.0"}"#,
        r#"{"kind":"ok","status":200,"informational":[100]}"#,
        r#"{"kind":"ok","status":200,"upgraded":true}"#,
    ] {
        assert!(matches!(verdict(wrong), Verdict::Failed(_)), "{wrong}");
    }
    let request = |wire: &str| {
        let case = format!(
            r#"{{"id":"x","request":{{"method":"GET","url":"http://h.test/","headers":[],"body":{{"kind":"none"}},"version":"1.1"}},"expect":{{"kind":"ok","wire":"{wire}","auto":["Host"],"framing":"none"}}}}"#
        );
        run_text(&case).expect("a case").remove(0).verdict
    };
    assert_eq!(request(r"GET / HTTP/1.1\r\nHost: h.test\r\n\r\n"), Verdict::Passed);
    assert!(matches!(request(r"GET /a HTTP/1.1\r\nHost: h.test\r\n\r\n"), Verdict::Failed(_)));
    assert!(matches!(request(r"GET / HTTP/1.1\r\nHost: x.test\r\n\r\n"), Verdict::Failed(_)));
    assert!(matches!(request(r"GET / HTTP/1.1\r\nHost: h.test\r\nA: b\r\n\r\n"), Verdict::Failed(_)));
}
