use crate::ordered::ordered;
use proptest::prelude::*;
use std::sync::atomic::{AtomicUsize, Ordering};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]
    #[test]
    fn results_arrive_in_order_and_few_wait(
        naps in prop::collection::vec(0u64..300, 0..60),
        threads in 1usize..6,
        window in 1usize..8,
    ) {
        let jobs: Vec<(usize, u64)> = naps.iter().copied().enumerate().collect();
        let (begun, taken) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let ahead = AtomicUsize::new(0);
        let work = |(): &mut (), &(i, nap): &(usize, u64)| {
            let lead = begun.fetch_add(1, Ordering::SeqCst) + 1 - taken.load(Ordering::SeqCst).min(i);
            ahead.fetch_max(lead, Ordering::SeqCst);
            std::thread::sleep(std::time::Duration::from_micros(nap));
            i * 3
        };
        let mut out = Vec::new();
        ordered(&jobs, threads, window, || (), work, |&(i, _), result| {
            // Counted before the result is consumed, so the limit below is larger by one.
            taken.fetch_add(1, Ordering::SeqCst);
            out.push((i, result));
            Ok::<(), ()>(())
        }).unwrap();
        prop_assert_eq!(out, (0..jobs.len()).map(|i| (i, i * 3)).collect::<Vec<_>>());
        prop_assert!(ahead.into_inner() <= window + 1);
    }
}

#[test]
fn an_error_of_the_sink_ends_the_work() {
    let begun = AtomicUsize::new(0);
    let jobs: Vec<usize> = (0..10_000).collect();
    let work = |(): &mut (), &i: &usize| {
        begun.fetch_add(1, Ordering::SeqCst);
        i
    };
    let sink = |_: &usize, i: usize| if i == 10 { Err("enough") } else { Ok(()) };
    assert_eq!(ordered(&jobs, 3, 5, || (), work, sink), Err("enough"));
    assert!(begun.into_inner() <= 20);
}

#[test]
fn a_panic_is_propagated_and_no_thread_is_left_waiting() {
    let jobs: Vec<usize> = (0..100).collect();
    let run = || {
        let work = |(): &mut (), &i: &usize| if i == 50 { panic!("oops") } else { i };
        ordered(&jobs, 2, 4, || (), work, |_, _| Ok::<(), ()>(()))
    };
    let panic = std::panic::catch_unwind(run).unwrap_err();
    // The scope has joined all threads and panics with its own message; "oops" is printed by the thread that panicked.
    assert_eq!(panic.downcast_ref::<&str>(), Some(&"a scoped thread panicked"));
}

#[test]
fn each_thread_keeps_its_tools() {
    let made = AtomicUsize::new(0);
    let equip = || made.fetch_add(1, Ordering::SeqCst);
    let jobs = [(); 500];
    ordered(
        &jobs,
        3,
        10,
        equip,
        |tool, ()| *tool,
        |(), tool| {
            assert!(tool < 3);
            Ok::<(), ()>(())
        },
    )
    .unwrap();
    assert!(made.into_inner() <= 3);
}
