use std::io::{BufReader, Read};
use std::thread;
use std::time::Duration;

use ekuiper_sp::{Options, Pull, Push};

use crate::common::*;

#[test]
fn a_long_burst_keeps_its_order_when_the_reader_keeps_up() {
    send_long_bursts(Options::default());
}

#[test]
fn a_long_burst_keeps_its_order_when_the_queue_is_often_full() {
    let mut options = Options::default();
    options.queue_bytes = 100;
    send_long_bursts(options);
}

fn send_long_bursts(options: Options) {
    let place = Place::new();
    let listener = place.listen_raw();
    let push = Push::dial(&place.url(), options).unwrap();
    // Many frames with one call, so that it is as fast as the sender.
    let mut raw = BufReader::with_capacity(1 << 20, accept_raw(&listener, PULL));
    let reader = thread::spawn(move || {
        for burst in 0..3_u32 {
            for n in 0..100_000_u32 {
                let mut read = [0; 9 + 8];
                raw.read_exact(&mut read).unwrap();
                assert_eq!(read, *frame(&[burst, n].map(u32::to_be_bytes).concat()));
            }
        }
    });

    for burst in 0..3_u32 {
        for n in 0..100_000_u32 {
            push.send(&[burst, n].map(u32::to_be_bytes).concat(), LIMIT)
                .unwrap();
        }
        eventually("all is written", || push.flush(Duration::ZERO).is_ok());
    }

    reader.join().unwrap();
}

#[test]
fn order_is_kept_when_sender_and_flusher_alternate() {
    const ROWS: u32 = 60_000;
    let place = Place::new();
    let mut options = Options::default();
    options.queue_bytes = 8 * 1024;
    let push = Push::dial(&place.url(), options).unwrap();
    let listener = place.listen_raw();
    let mut raw = accept_raw(&listener, PULL);
    let reader = thread::spawn(move || {
        // Reads that end inside frames, faster and slower than the sender.
        let mut bytes = Vec::new();
        let mut piece = vec![0; 100_000];
        for turn in 0.. {
            let asked = [700, 100_000, 31][turn / 64 % 3];
            match raw.read(&mut piece[..asked]).unwrap() {
                0 => break,
                length => bytes.extend_from_slice(&piece[..length]),
            }
        }
        bytes
    });

    let mut expected = Vec::new();
    for row in 0..ROWS {
        let mut body = row.to_be_bytes().to_vec();
        body.resize(4 + row as usize % 90, 7);
        push.send(&body, LIMIT).unwrap();
        expected.extend_from_slice(&frame(&body));
    }
    push.flush(LONG).unwrap();
    drop(push);

    assert!(reader.join().unwrap() == expected);
}

#[test]
fn each_of_several_sending_threads_keeps_its_order() {
    const ROWS: u16 = 5_000;
    let place = Place::new();
    let push = dial(&place);
    let mut pull = Pull::listen(&place.url(), Options::default()).unwrap();

    let mut next = [0; 3];
    thread::scope(|scope| {
        for sender in 0..3_u8 {
            let push = &push;
            scope.spawn(move || {
                for row in 0..ROWS {
                    let [high, low] = row.to_be_bytes();
                    push.send(&[sender, high, low], LIMIT).unwrap();
                }
            });
        }
        for _ in 0..3 * ROWS {
            let &[sender, high, low] = pull.recv(LIMIT).unwrap() else {
                panic!("a row of another length");
            };
            let place = &mut next[usize::from(sender)];
            assert_eq!(u16::from_be_bytes([high, low]), *place);
            *place += 1;
        }
    });

    assert_eq!(next, [ROWS; 3]);
}
