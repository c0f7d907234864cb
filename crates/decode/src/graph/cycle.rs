//! Cycles of arcs without input.

use super::Graph;

#[derive(Clone, Copy, PartialEq)]
enum Visit {
    NotYet,
    OnPath,
    Done,
}

/// The states of one cycle of arcs without input, in order, if there is any. A depth-first search with a stack of its own, as a
/// chain of such arcs may be as long as the graph.
pub(super) fn of_epsilon_arcs(graph: &Graph) -> Option<Vec<u64>> {
    let mut visits = vec![Visit::NotYet; graph.len()];
    let mut path: Vec<(usize, usize)> = Vec::new();
    for root in 0..graph.len() {
        if visits[root] != Visit::NotYet {
            continue;
        }
        visits[root] = Visit::OnPath;
        path.push((root, graph.states[root].first));
        while let Some((state, arc)) = path.last_mut() {
            if *arc == graph.states[*state].first_emitting {
                visits[*state] = Visit::Done;
                path.pop();
                continue;
            }
            let next = graph.arcs[*arc].next as usize;
            *arc += 1;
            match visits[next] {
                Visit::Done => {}
                Visit::OnPath => {
                    let states = path.iter().map(|(state, _)| *state as u64);
                    return Some(states.skip_while(|state| *state != next as u64).collect());
                }
                Visit::NotYet => {
                    visits[next] = Visit::OnPath;
                    path.push((next, graph.states[next].first));
                }
            }
        }
    }
    None
}
