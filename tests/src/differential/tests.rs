use std::collections::HashSet;
use std::fs;
use std::path::Path;

use super::*;

const PEERS: [&str; 3] = ["hyper", "h11", "node"];

fn messages(seed: u64, count: usize) -> Vec<(Message, Outcome)> {
    let mut generator = Generator::new(seed);
    let roles = [Role::Client, Role::Server].into_iter().cycle().take(count);
    let messages = roles.map(|role| generator.message(role));
    messages.map(|message| (message.clone(), read(&message))).collect()
}

/// What the judge does not know when a peer sees all messages like we do, but for `plant`.
fn unknown(peer: &str, plant: fn(&Message, &mut Outcome) -> bool) -> (usize, Vec<Kind>) {
    let (mut judge, mut planted) = (Judge::default(), 0);
    for (message, ours) in messages(7, 4_000) {
        let mut theirs = ours.clone();
        planted += usize::from(plant(&message, &mut theirs));
        judge.compare(&message, &ours, peer, &theirs);
    }
    (planted, judge.unknown().iter().map(|unknown| unknown.kind).collect())
}

#[test]
fn the_same_seed_gives_the_same_messages_and_another_one_others() {
    let octets = |seed| messages(seed, 50).into_iter().map(|(message, _)| message).collect::<Vec<_>>();
    assert_eq!(octets(1), octets(1));
    assert_ne!(octets(1), octets(2));
}

#[test]
fn the_generator_makes_messages_of_all_kinds() {
    let all = messages(3, 20_000);
    for role in [Role::Client, Role::Server] {
        let (mut taken, mut refused, mut waiting, mut odd) = (0, 0, 0, HashSet::new());
        for (message, ours) in all.iter().filter(|(message, _)| message.role == role) {
            taken += usize::from(!ours.messages.is_empty());
            refused += usize::from(ours.end == End::Refused);
            waiting += usize::from(ours.end == End::Waiting);
            odd.extend(message.oddities.iter().copied());
        }
        assert!(taken > 2_500 && refused > 1_000 && waiting > 300, "{taken} {refused} {waiting}");
        assert!(odd.len() >= 22, "{odd:?}");
    }
    let why: HashSet<_> =
        all.iter().filter(|(_, ours)| ours.end == End::Refused).map(|(_, ours)| &ours.why).collect();
    assert!(why.len() >= 18, "{why:?}");
}

#[test]
fn a_reader_like_ours_differs_in_nothing() {
    for peer in PEERS {
        assert_eq!(unknown(peer, |_, _| false), (0, vec![]));
    }
}

#[test]
fn a_reader_that_loses_an_octet_of_content_is_noticed() {
    let plant = |_: &Message, theirs: &mut Outcome| {
        theirs.messages.last_mut().is_some_and(|seen| seen.content.pop().is_some())
    };
    for peer in PEERS {
        let (planted, kinds) = unknown(peer, plant);
        assert!(planted > 500);
        assert!(kinds.contains(&Kind::Content), "{peer}: {kinds:?}");
    }
}

#[test]
fn a_reader_that_ends_messages_an_octet_later_is_noticed() {
    let plant = |message: &Message, theirs: &mut Outcome| {
        let ended = theirs.messages.first_mut().and_then(|seen| seen.ended.as_mut());
        ended.is_some_and(|ended| {
            *ended += 1;
            message.role == Role::Server
        })
    };
    for peer in PEERS {
        let (planted, kinds) = unknown(peer, plant);
        assert!(planted > 500);
        assert!(kinds.contains(&Kind::Ended), "{peer}: {kinds:?}");
    }
}

#[test]
fn a_reader_that_takes_what_we_refuse_or_refuses_what_we_take_is_noticed() {
    let takes = |_: &Message, theirs: &mut Outcome| {
        if theirs.end == End::Refused {
            theirs.messages.push(Seen { version: "1.1".to_owned(), ..Seen::default() });
        }
        theirs.end == End::Refused
    };
    let refuses = |_: &Message, theirs: &mut Outcome| {
        theirs.end = End::Refused;
        theirs.why = "because".to_owned();
        theirs.messages.pop().is_some()
    };
    for peer in PEERS {
        assert!(unknown(peer, takes).1.contains(&Kind::WeRefuse), "{peer}");
        assert!(unknown(peer, refuses).1.contains(&Kind::TheyRefuse), "{peer}");
    }
}

#[test]
fn a_reader_that_keeps_every_connection_or_hides_interim_responses_is_noticed() {
    let keeps = |_: &Message, theirs: &mut Outcome| {
        let closes = theirs.end == End::Closed;
        if closes {
            theirs.end = End::Kept;
        }
        closes
    };
    let hides = |_: &Message, theirs: &mut Outcome| theirs.interim.pop().is_some();
    for peer in PEERS {
        assert!(unknown(peer, keeps).1.contains(&Kind::TheyKeep), "{peer}");
        assert!(unknown(peer, hides).1.contains(&Kind::Interim), "{peer}");
    }
}

#[test]
fn a_reader_of_the_length_beside_chunks_is_noticed() {
    let text = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
    let octets = text.as_bytes().to_vec();
    let message =
        Message { role: Role::Client, method: "GET", upgrade: false, octets, eof: false, oddities: vec![] };
    let ours = read(&message);
    let mut theirs = ours.clone();
    theirs.messages[0].content = b"0\r\n".to_vec();
    theirs.messages[0].ended = Some(text.len() - 2);
    for peer in PEERS {
        let mut judge = Judge::default();
        judge.compare(&message, &ours, peer, &theirs);
        let mut kinds: Vec<_> = judge.unknown().iter().map(|unknown| unknown.kind).collect();
        kinds.sort_by_key(|kind| format!("{kind:?}"));
        assert_eq!(kinds, [Kind::Content, Kind::Ended], "{peer}");
        let shown = judge.unknown()[0].to_string();
        assert!(shown.contains(r#""input":"HTTP/1.1 200 OK\r\n"#), "a case of the corpus: {shown}");
    }
}

#[test]
fn differences_that_did_not_come_up_are_told() {
    let judge = Judge::default();
    assert_eq!(judge.unmet(&PEERS).len(), known().count());
    assert!(judge.unmet(&["h11"]).len() < known().count());
    assert!(judge.unmet(&[]).is_empty());
}

#[test]
fn an_answer_is_read_or_refused() {
    let line = r#"{"interim":[103],"messages":[{"start":"200","version":"1.1","fields":[["B","2"],["A","ÿ"]],"content":"x","trailers":null,"ended":9}],"end":"kept","why":"so"}"#;
    let outcome = Outcome::from_line(line).expect("an answer");
    let seen = &outcome.messages[0];
    assert_eq!((outcome.interim, outcome.end, outcome.why.as_str()), (vec![103], End::Kept, "so"));
    assert_eq!(seen.fields, [(b"a".to_vec(), b"\xff".to_vec()), (b"b".to_vec(), b"2".to_vec())]);
    assert_eq!((seen.trailers.as_ref(), seen.ended), (None, Some(9)));
    for wrong in
        ["", "{}", &line.replace("kept", "?"), &line.replace("\"200\"", "200"), &line.replace('ÿ', "Ā")]
    {
        assert!(Outcome::from_line(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn the_table_in_the_documents_is_the_list() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/supported-http.md");
    let page = fs::read_to_string(page).expect("a readable page");
    let (_, section) = page.split_once("\n## Beside other readers\n").expect("the section is there");
    let section = section.split("\n## ").next().unwrap_or_default();
    let rows: Vec<&str> = section.lines().filter(|line| line.starts_with("| ")).skip(1).collect();
    let listed: Vec<String> = known().map(ToString::to_string).collect();
    assert_eq!(rows, listed, "\n{}\n", listed.join("\n"));
    let names: HashSet<_> = known().map(|known| known.name).collect();
    assert_eq!(names.len(), listed.len(), "two differences have one name");
}
