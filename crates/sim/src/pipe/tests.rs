use super::*;

const MS: Duration = Duration::from_millis(1);

fn octets(text: &'static str) -> Parcel {
    Parcel::Octets(Bytes::from_static(text.as_bytes()))
}

fn read(pipe: &mut Pipe, most: usize) -> Vec<u8> {
    let mut buffer = vec![0; most];
    let n = pipe.take(&mut buffer);
    buffer.truncate(n);
    buffer
}

#[test]
fn what_was_sent_first_arrives_first_however_long_it_takes() {
    let mut pipe = Pipe::new(100);
    assert_eq!(pipe.send(octets("slow"), 9 * MS), Some(9 * MS));
    assert_eq!(pipe.send(octets("fast"), MS), Some(9 * MS));
    assert_eq!(pipe.send(Parcel::Fin, 2 * MS), Some(9 * MS));
    assert_eq!(pipe.arrive(), Some(octets("slow")));
    assert_eq!(pipe.end, End::Open);
    assert_eq!(pipe.arrive(), Some(octets("fast")));
    assert_eq!(pipe.arrive(), Some(Parcel::Fin));
    assert_eq!(pipe.end, End::Fin);
    assert_eq!(pipe.arrive(), None);
    assert_eq!(read(&mut pipe, 5), b"slowf");
    assert_eq!(read(&mut pipe, 5), b"ast");
}

#[test]
fn room_is_what_was_neither_sent_nor_left_unread() {
    let mut pipe = Pipe::new(6);
    pipe.send(octets("four"), MS);
    assert_eq!(pipe.room(), 2);
    pipe.arrive();
    assert_eq!(pipe.room(), 2);
    read(&mut pipe, 3);
    assert_eq!(pipe.room(), 5);
    assert_eq!(pipe.discard(), 1);
    assert_eq!(pipe.room(), 6);
    assert_eq!((pipe.accepted, pipe.came), (4, 4));
}

#[test]
fn what_is_held_back_arrives_after_its_release_and_in_order() {
    let mut pipe = Pipe::new(100);
    assert_eq!(pipe.send(octets("before"), MS), Some(MS));
    pipe.stalled = true;
    assert_eq!(pipe.send(octets("a"), 2 * MS), None);
    assert_eq!(pipe.send(octets("b"), 9 * MS), None);
    assert_eq!(pipe.arrive(), Some(octets("before")));
    assert_eq!(pipe.release(5 * MS), [5 * MS, 9 * MS]);
    assert_eq!(pipe.send(octets("c"), 6 * MS), Some(9 * MS));
    assert_eq!(pipe.arrive(), Some(octets("a")));
    assert_eq!(pipe.arrive(), Some(octets("b")));
    assert_eq!(pipe.arrive(), Some(octets("c")));
}

#[test]
fn octets_for_a_reader_that_is_gone_take_no_room() {
    let mut pipe = Pipe::new(4);
    pipe.send(octets("four"), MS);
    pipe.reader_gone = true;
    pipe.arrive();
    assert_eq!((pipe.room(), pipe.came), (4, 0));
}

#[test]
fn a_reset_behind_a_fin_is_a_reset() {
    let mut pipe = Pipe::new(4);
    pipe.send(Parcel::Fin, MS);
    pipe.send(Parcel::Reset, MS);
    pipe.arrive();
    pipe.arrive();
    assert_eq!(pipe.end, End::Reset);
}
