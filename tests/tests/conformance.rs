//! The corpus of worked cases, each at every split.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use martlet_tests::conformance::{Verdict, run_file, run_text};

#[test]
fn every_case_of_the_corpus_is_as_expected_at_every_split() {
    let files = corpus();
    let reports: Vec<_> = std::thread::scope(|scope| {
        let runs: Vec<_> = files.iter().map(|file| scope.spawn(move || run_file(file))).collect();
        runs.into_iter().flat_map(|run| run.join().expect("no panic").expect("cases")).collect()
    });
    let wrong: Vec<_> =
        reports.iter().filter(|r| r.verdict != Verdict::Passed).map(ToString::to_string).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(reports.len() >= 2_000, "only {} cases", reports.len());
}

#[test]
fn every_case_has_an_id_of_its_own_its_section_and_its_reason() {
    const LEVELS: [&str; 5] = ["must", "should", "may", "policy", "robust"];
    let mut ids: HashMap<String, PathBuf> = HashMap::new();
    for file in corpus() {
        let mut kinds = Vec::new();
        for line in fs::read_to_string(&file).expect("a readable file").lines() {
            let case: Value = serde_json::from_str(line).expect("a case");
            let text = |name: &str| case[name].as_str().unwrap_or_default().to_owned();
            let id = text("id");
            assert!(id.len() > 3, "{line}");
            let (rfc, section) = text("section")
                .split_once(" §")
                .map_or_else(Default::default, |(rfc, section)| (rfc.to_owned(), section.to_owned()));
            assert!(["RFC 9110", "RFC 9112"].contains(&rfc.as_str()), "{id}: {rfc}");
            assert!(section.starts_with(|c: char| c.is_ascii_digit()), "{id}: {section}");
            assert!(text("rationale").len() > 5, "{id} has no reason");
            assert!(LEVELS.contains(&text("level").as_str()), "{id}: {}", text("level"));
            assert!(!text("category").is_empty() && case["expect"].is_object(), "{id}");
            let has = |name: &str| case.get(name).is_some() || case.get(format!("{name}_parts")).is_some();
            kinds.push(["input", "received", "request"].into_iter().find(|kind| has(kind)));
            if let Some(other) = ids.insert(id.clone(), file.clone()) {
                panic!("{id} is in {} and in {}", other.display(), file.display());
            }
        }
        kinds.dedup();
        assert!(matches!(kinds[..], [Some(_)]), "{} holds several kinds: {kinds:?}", file.display());
    }
}

fn corpus() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    let mut files: Vec<_> = fs::read_dir(folder)
        .expect("the corpus is there")
        .map(|entry| entry.expect("a readable folder").path())
        .filter(|path| path.extension().is_some_and(|e| e == "jsonl"))
        .collect();
    files.sort();
    files
}

#[test]
fn the_runner_finds_what_is_wrong_with_received_requests() {
    let verdict = |expect: &str| {
        let received = r"POST /a HTTP/1.1\r\nHost: h.test\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nX: y\r\n\r\nGET / HTTP/1.0\r\n\r\nleft";
        let case = format!(r#"{{"id":"x","received":"{received}","eof":false,"expect":{expect}}}"#);
        run_text(&case).expect("a case").remove(0).verdict
    };
    let first = r#"{"method":"POST","target":"/a","version":"1.1","headers":[["Host","h.test"],["Transfer-Encoding","chunked"]],"body":"hi","trailers":[["X","y"]]}"#;
    let second = r#"{"method":"GET","target":"/","version":"1.0","headers":[]}"#;
    let sound = format!(r#"{{"requests":[{first},{second}],"then":"closed","leftover_len":4}}"#);
    assert_eq!(verdict(&sound), Verdict::Passed);
    for (part, wrong) in [
        ("POST", "PUT"),
        ("\"/a\"", "\"/b\""),
        ("1.1", "1.0"),
        ("h.test", "x.test"),
        ("\"hi\"", "\"ho\""),
        (r#""body":"hi","#, ""),
        (r#"[["X","y"]]"#, r#"[["X","z"]]"#),
        (r#","trailers":[["X","y"]]"#, ""),
        (r#""body":"hi""#, r#""expects_continue":true,"body":"hi""#),
        (r#""closed""#, r#""next""#),
        (r#""leftover_len":4"#, r#""leftover_len":3"#),
        (second, r#"{"method":"GET"},{"method":"GET"}"#),
        (&format!(",{second}"), ""),
    ] {
        let changed = sound.replacen(part, wrong, 1);
        assert_ne!(changed, sound, "{part}");
        assert!(matches!(verdict(&changed), Verdict::Failed(_)), "{changed}");
    }
    let refused = |class: &str| {
        let case = format!(
            r#"{{"id":"x","received":"GET / HTTP/9.1\r\n\r\n","eof":false,"expect":{{"requests":[],"then":"error","error_class":"{class}"}}}}"#
        );
        run_text(&case).expect("a case").remove(0).verdict
    };
    assert_eq!(refused("protocol"), Verdict::Passed);
    assert!(matches!(refused("too_large"), Verdict::Minor(_)));
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
