use stentor_decode::{Graph, Network, Options, Search, SymbolTable};

/// Graphs with more outputs are read, but not searched: an input of a few bytes could ask for gigabytes of scores.
const MOST_OUTPUTS: usize = 64;
const FRAMES: usize = 4;

/// A graph that is read is written and read again as the same, and can be searched.
pub(crate) fn graph(data: &[u8]) {
    let Ok(graph) = Graph::read(data) else { return };
    let text = written(&graph);
    let again = Graph::read(&text[..]).expect("the text of a graph");
    assert_eq!(written(&again), text);
    let outputs = graph.outputs();
    if outputs > MOST_OUTPUTS {
        return;
    }
    let mut search = Search::new(&graph, Options { lattice_beam: 2.0, ..Options::default() });
    for frame in 0..FRAMES {
        let costs: Vec<f32> = (0..outputs).map(|output| ((output + frame) % 5) as f32).collect();
        if search.advance(&costs).is_err() {
            break;
        }
    }
    let lattice = search.finish().lattice;
    assert!(lattice.n_best(3).len() <= 3);
}

fn written(graph: &Graph) -> Vec<u8> {
    let mut text = Vec::new();
    graph.write(&mut text).expect("memory can be written");
    text
}

pub(crate) fn graph_seeds() -> Vec<Vec<u8>> {
    let texts = [
        "0 1 1 1 0.5\n1 1 1 0 0.7\n1 2 0 0 0.1\n2 0 0 2\n2 1.5\n",
        "3\t4\t2\t7\t1e-3\n4\t5\t0\t0\t-2\n5\t4\t1\t0\n5\n3\tInfinity\n",
        "0 0 1 1\n0\n",
    ];
    texts.into_iter().map(|text| text.as_bytes().to_vec()).collect()
}

/// A table that is read is written and read again as the same.
pub(crate) fn symbols(data: &[u8]) {
    let Ok(table) = SymbolTable::read(data) else { return };
    let mut text = Vec::new();
    table.write(&mut text).expect("memory can be written");
    assert_eq!(SymbolTable::read(&text[..]).expect("the text of a table"), table);
}

pub(crate) fn symbols_seeds() -> Vec<Vec<u8>> {
    vec![b"<eps> 0\nhello 1\nworld\t2\n\n".to_vec(), "caf\u{e9} 7\n#0 4294967295\n".as_bytes().to_vec()]
}
