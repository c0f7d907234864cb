use std::ops::Range;

/// The bounds of ranges are multiples of this number of values: one block of marks, four cache lines.
pub const RANGE_ALIGNMENT: usize = 64;

/// Splits a vector of `len` values into `parts` contiguous ranges, one for each reducer.
///
/// They cover the vector in order, begin at multiples of [`RANGE_ALIGNMENT`], and their sizes differ by at most as
/// much; if there are fewer blocks of 64 than parts, the first ranges are empty. 0 parts are treated as 1.
///
/// Coordinator, reducers and workers each compute this independently and must agree.
#[must_use]
pub fn ranges(len: usize, parts: usize) -> Vec<Range<usize>> {
    let parts = parts.max(1);
    let blocks = len.div_ceil(RANGE_ALIGNMENT);
    let (each, longer) = (blocks / parts, blocks % parts);
    // The longer ranges come last, because the vector's last block may be short.
    let first_block = |part: usize| part * each + (part + longer).saturating_sub(parts);
    let bound = |part| (first_block(part) * RANGE_ALIGNMENT).min(len);
    (0..parts).map(|part| bound(part)..bound(part + 1)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn ranges_cover_the_vector_in_order_aligned_and_nearly_alike(len in 0usize..200_000, parts in 1usize..300) {
            let ranges = ranges(len, parts);
            prop_assert_eq!(ranges.len(), parts);
            prop_assert_eq!((ranges[0].start, ranges[parts - 1].end), (0, len));
            prop_assert!(ranges.windows(2).all(|pair| pair[0].end == pair[1].start));
            prop_assert!(ranges.iter().all(|r| r.start % RANGE_ALIGNMENT == 0 || r.start == len));
            let sizes = || ranges.iter().map(ExactSizeIterator::len);
            prop_assert!(sizes().max().unwrap() - sizes().min().unwrap() <= RANGE_ALIGNMENT);
        }
    }

    #[test]
    fn the_published_student_on_four_reducers() {
        let student = 24_161_208;
        let sizes: Vec<usize> = ranges(student, 4).into_iter().map(|r| r.len()).collect();
        assert_eq!(sizes, [6_040_256, 6_040_320, 6_040_320, 6_040_312]);
        assert_eq!(ranges(student, 0), vec![0..student], "without reducers the coordinator sums everything");
        assert_eq!(ranges(100, 3), [0..0, 0..64, 64..100]);
    }
}
