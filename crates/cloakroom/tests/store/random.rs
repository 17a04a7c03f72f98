use std::collections::HashSet;
use std::sync::Arc;

use cloakroom::RandomSource;
use cloakroom_testkit::{FailingRandom, SeededRandom};

#[test]
fn a_seed_gives_the_published_sequence() {
    // From the reference implementation of SplitMix64, for the seed 1234567.
    let random = SeededRandom::new(1_234_567);
    let numbers: Vec<_> = (0..3).map(|_| random.next_u64()).collect();
    assert_eq!(numbers, [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]);
}

#[test]
fn every_byte_is_filled_at_any_length() {
    for length in 0..40 {
        let (mut filled, mut again) = (vec![0; length], vec![0; length]);
        SeededRandom::new(7).fill(&mut filled).unwrap();
        SeededRandom::new(7).fill(&mut again).unwrap();
        assert_eq!(filled, again);
        let mut longer = vec![0; 48];
        SeededRandom::new(7).fill(&mut longer).unwrap();
        assert_eq!(filled, longer[..length]);
    }
}

#[test]
fn threads_share_a_source_without_drawing_a_number_twice() {
    let random = Arc::new(SeededRandom::new(7));
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let random = Arc::clone(&random);
            std::thread::spawn(move || (0..1000).map(|_| random.next_u64()).collect::<Vec<_>>())
        })
        .collect();
    let drawn: Vec<u64> = threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect();
    let from_one_thread: HashSet<u64> = {
        let single = SeededRandom::new(7);
        (0..4000).map(|_| single.next_u64()).collect()
    };
    assert_eq!(drawn.into_iter().collect::<HashSet<_>>(), from_one_thread);
}

#[test]
fn a_failing_source_fails_for_good_after_its_number_of_fills() {
    let random = FailingRandom::after(2);
    let mut bytes = [0; 16];
    for _ in 0..2 {
        random.fill(&mut bytes).unwrap();
        assert_ne!(std::mem::take(&mut bytes), [0; 16]);
    }
    for _ in 0..3 {
        assert!(random.fill(&mut bytes).is_err());
        assert_eq!(bytes, [0; 16], "a failed fill changed the buffer");
    }
}
