//! Merging leaves that turned out alike.

use crate::Gaussian;
use crate::split::Seen;
use std::collections::BTreeMap;

/// Merges leaves of one root, the pair that loses least first, while the loss is below a bound. Returns the groups in the order
/// of their first leaves, and the losses. Leaves without a frame stay by themselves.
pub(crate) fn merge_leaves(
    leaves: &[usize],
    seen: &[Vec<Seen<'_>>],
    below: f64,
    variance_floor: f64,
) -> (Vec<Vec<usize>>, Vec<f64>) {
    struct Group {
        leaves: Vec<usize>,
        gaussian: Option<Gaussian>,
        likelihood: f64,
    }
    let group = |&leaf: &usize| {
        let dimension = seen[leaf].first().map(|(_, gaussian)| gaussian.dimension());
        let gaussian = dimension.map(|dimension| Gaussian::sum_of(dimension, seen[leaf].iter().map(|s| s.1)));
        let likelihood = gaussian.as_ref().map_or(0.0, |gaussian| gaussian.log_likelihood(variance_floor));
        Group { leaves: vec![leaf], gaussian, likelihood }
    };
    let union = |a: &Group, b: &Group| {
        let mut gaussian = a.gaussian.clone()?;
        gaussian.merge(b.gaussian.as_ref()?);
        let likelihood = gaussian.log_likelihood(variance_floor);
        let leaves = a.leaves.iter().chain(&b.leaves).copied().collect();
        Some(Group { leaves, gaussian: Some(gaussian), likelihood })
    };
    let loss = |a: &Group, b: &Group| Some(a.likelihood + b.likelihood - union(a, b)?.likelihood);
    let mut groups: BTreeMap<usize, Group> = leaves.iter().map(group).enumerate().collect();
    let mut losses: BTreeMap<(usize, usize), f64> = BTreeMap::new();
    for (&a, left) in &groups {
        losses.extend(groups.range(a + 1..).filter_map(|(&b, right)| Some(((a, b), loss(left, right)?))));
    }
    let mut lost = Vec::new();
    loop {
        let least = losses.iter().min_by(|a, b| a.1.total_cmp(b.1).then(a.0.cmp(b.0)));
        let Some((&(a, b), &least)) = least.filter(|(_, loss)| **loss < below) else { break };
        let (Some(left), Some(right)) = (groups.remove(&a), groups.remove(&b)) else { break };
        losses.retain(|&(x, y), _| x != a && x != b && y != a && y != b);
        let Some(both) = union(&left, &right) else { break };
        lost.push(least);
        let with =
            |(&other, group): (&usize, &Group)| Some(((a.min(other), a.max(other)), loss(&both, group)?));
        losses.extend(groups.iter().filter_map(with));
        groups.insert(a, both);
    }
    (groups.into_values().map(|group| group.leaves).collect(), lost)
}
