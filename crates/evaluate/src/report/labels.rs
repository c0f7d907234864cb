//! Labels that do not overlap.

/// Moves label positions apart until neighbours are at least `gap` apart. They stay within `low..high` if they fit, as
/// near as possible to their wanted positions, and in order.
pub(super) fn spread(wanted: &[f64], gap: f64, (low, high): (f64, f64)) -> Vec<f64> {
    let mut order: Vec<usize> = (0..wanted.len()).collect();
    order.sort_by(|&a, &b| wanted[a].total_cmp(&wanted[b]));
    // Labels that touch form a block around the mean of their wanted positions.
    let mut blocks: Vec<(f64, Vec<usize>)> = Vec::new();
    let centre = |members: &[usize]| {
        let half = gap * (members.len() - 1) as f64 / 2.0;
        let mean = members.iter().map(|&m| wanted[m]).sum::<f64>() / members.len() as f64;
        mean.min(high - half).max(low + half)
    };
    for index in order {
        let mut block = vec![index];
        while let Some((at, before)) = blocks.last() {
            let reach = gap * (before.len() + block.len()) as f64 / 2.0;
            if centre(&block) - at >= reach - 1e-9 {
                break;
            }
            let (_, mut merged) = blocks.pop().unwrap_or_default();
            merged.append(&mut block);
            block = merged;
        }
        blocks.push((centre(&block), block));
    }
    let mut placed = vec![0.0; wanted.len()];
    for (at, members) in blocks {
        let first = at - gap * (members.len() - 1) as f64 / 2.0;
        members.iter().enumerate().for_each(|(n, &m)| placed[m] = first + gap * n as f64);
    }
    placed
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn labels_keep_their_order_and_their_distance(wanted in prop::collection::vec(0.0f64..100.0, 1..8)) {
            let placed = spread(&wanted, 12.0, (0.0, 100.0));
            let mut pairs: Vec<(f64, f64)> = wanted.iter().copied().zip(placed.iter().copied()).collect();
            pairs.sort_by(|a, b| a.1.total_cmp(&b.1));
            for pair in pairs.windows(2) {
                prop_assert!(pair[1].1 - pair[0].1 >= 12.0 - 1e-6, "too near: {placed:?}");
                prop_assert!(pair[1].0 >= pair[0].0, "order lost: {placed:?}");
            }
            prop_assert!(placed.iter().all(|p| (-1e-6..=100.0 + 1e-6).contains(p)), "outside: {placed:?}");
        }

        #[test]
        fn labels_with_room_stay_where_they_belong(first in 0.0f64..40.0, second in 60.0f64..100.0) {
            prop_assert_eq!(spread(&[second, first], 12.0, (0.0, 100.0)), vec![second, first]);
        }
    }
}
