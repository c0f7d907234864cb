use crate::decide::random::Random;
use crate::decide::shuffle::ShuffleBuffer;
use proptest::prelude::*;

proptest! {
    #[test]
    fn every_item_comes_out_once_and_at_most_the_limit_waits(
        sizes in prop::collection::vec(1u64..50, 0..200),
        limit in 0u64..300,
        seed in any::<u64>(),
    ) {
        let mut buffer = ShuffleBuffer::new(limit, Random::new(seed, 0));
        let mut out = Vec::new();
        let mut inside = 0;
        for (i, &size) in sizes.iter().enumerate() {
            buffer.push(i, size);
            inside += size;
            while let Some(j) = buffer.overflow() {
                inside -= sizes[j];
                out.push(j);
            }
            prop_assert!(inside <= limit);
        }
        while let Some(j) = buffer.draw() {
            out.push(j);
        }
        if limit == 0 {
            prop_assert!(out.is_sorted(), "without room the order must stay");
        }
        out.sort_unstable();
        prop_assert_eq!(out, (0..sizes.len()).collect::<Vec<_>>());
    }

    #[test]
    fn numbers_stay_below_their_bound_and_a_shuffle_loses_nothing(seed in any::<u64>(), bound in 1usize..1_000) {
        let mut random = Random::new(seed, 7);
        prop_assert!((0..50).all(|_| random.below(bound) < bound));
        let mut items: Vec<usize> = (0..bound).collect();
        random.shuffle(&mut items);
        items.sort_unstable();
        prop_assert!(items.iter().enumerate().all(|(i, &x)| i == x));
    }
}

#[test]
fn neighbours_are_spread() {
    let mut buffer = ShuffleBuffer::new(100, Random::new(1, 0));
    let mut out = Vec::new();
    for i in 0..1_000i64 {
        buffer.push(i, 1);
        out.extend(std::iter::from_fn(|| buffer.overflow()));
    }
    out.extend(std::iter::from_fn(|| buffer.draw()));
    let apart = out.windows(2).map(|w| (w[0] - w[1]).abs()).sum::<i64>() / 999;
    assert!(apart > 20, "neighbours were {apart} apart on average before");
}

#[test]
fn draws_are_uniform_and_purposes_are_independent() {
    let mut counts = [0; 10];
    let mut random = Random::new(5, 1);
    (0..100_000).for_each(|_| counts[random.below(10)] += 1);
    assert!(counts.iter().all(|&c| (9_500..10_500).contains(&c)), "{counts:?}");
    let (mut a, mut b) = (Random::new(5, 1), Random::new(5, 2));
    let equal = (0..1_000).filter(|_| a.below(1 << 30) == b.below(1 << 30)).count();
    assert_eq!(equal, 0);
}
