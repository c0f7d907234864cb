//! In which order arcs without input are followed.

use super::Graph;

#[derive(Clone, Copy, PartialEq)]
enum Visit {
    NotYet,
    OnPath,
    /// With the number of arcs without input that can follow one another from here.
    Done(u32),
}

/// The rank of each state that an arc without input leaves; or the states of one cycle of such arcs, in order, if there is any. A
/// depth-first search with a stack of its own, as a chain of such arcs may be as long as the graph.
pub(super) fn ranks(graph: &Graph) -> Result<Vec<Option<u32>>, Vec<u64>> {
    let mut visits = vec![Visit::NotYet; graph.len()];
    let mut path: Vec<(usize, usize)> = Vec::new();
    for root in 0..graph.len() {
        if visits[root] != Visit::NotYet {
            continue;
        }
        visits[root] = Visit::OnPath;
        path.push((root, graph.states[root].first));
        while let Some((state, arc)) = path.last_mut() {
            let arcs = graph.states[*state].first..graph.states[*state].first_emitting;
            if *arc == arcs.end {
                let below = graph.arcs[arcs].iter().map(|arc| match visits[arc.next as usize] {
                    Visit::Done(length) => length + 1,
                    _ => 0,
                });
                visits[*state] = Visit::Done(below.max().unwrap_or(0));
                path.pop();
                continue;
            }
            let next = graph.arcs[*arc].next as usize;
            *arc += 1;
            match visits[next] {
                Visit::Done(_) => {}
                Visit::OnPath => {
                    let states = path.iter().map(|(state, _)| *state as u64);
                    return Err(states.skip_while(|state| *state != next as u64).collect());
                }
                Visit::NotYet => {
                    visits[next] = Visit::OnPath;
                    path.push((next, graph.states[next].first));
                }
            }
        }
    }
    let length = |visit: &Visit| if let Visit::Done(length) = visit { *length } else { 0 };
    let longest = visits.iter().map(length).max().unwrap_or(0);
    Ok(visits.iter().map(length).map(|length| (length > 0).then(|| longest - length)).collect())
}
