//! OpenFst's text format, symbol tables, and graphs that are refused.

mod support;

use proptest::prelude::*;
use stentor_decode::{Arc, Error, Graph, GraphBuilder, Network, SymbolTable};
use support::world;

fn written(graph: &Graph) -> String {
    let mut text = Vec::new();
    graph.write(&mut text).expect("memory");
    String::from_utf8(text).expect("text")
}

proptest! {
    #[test]
    fn a_graph_that_is_written_and_read_is_the_same(world in world()) {
        let text = written(&world.graph);
        let read = Graph::read(text.as_bytes()).expect("just written");
        prop_assert_eq!(read.start(), world.graph.start());
        for state in 0..read.len() as u32 {
            prop_assert_eq!(read.arcs(state), world.graph.arcs(state));
            prop_assert_eq!(read.final_cost(state), world.graph.final_cost(state));
        }
        prop_assert_eq!(written(&read), text);
    }

    #[test]
    fn no_text_makes_the_reader_panic(text in "[0-9 .\\-\\nInfinity]{0,200}") {
        _ = Graph::read(text.as_bytes());
        _ = SymbolTable::read(text.as_bytes());
    }
}

#[test]
fn a_graph_as_fstprint_writes_it_is_read_with_its_symbols() {
    let inputs = SymbolTable::read("<eps> 0\na 1\nb 2\n".as_bytes()).expect("valid");
    let outputs = SymbolTable::read("<eps>\t0\nyes\t7\n".as_bytes()).expect("valid");
    let text = "3\t1\ta\tyes\t0.5\n1\t0\tb\t<eps>\n0\t1.25\n";
    let graph = Graph::read_with(text.as_bytes(), &inputs, &outputs).expect("valid");
    assert_eq!((graph.start(), graph.len(), graph.outputs()), (3, 4, 2));
    assert_eq!(graph.arcs(3), [Arc { next: 1, input: 1, output: 7, weight: 0.5 }]);
    assert_eq!(graph.arcs(1), [Arc { next: 0, input: 2, output: 0, weight: 0.0 }]);
    assert_eq!(graph.final_cost(0), 1.25);
    assert_eq!(outputs.name(7), Some("yes"));
    let error = Graph::read_with("0 1 a no\n1\n".as_bytes(), &inputs, &outputs).expect_err("no such word");
    assert_eq!(error.to_string(), r#"line 1 of a graph: expected a name from the symbol table, found "no""#);
}

#[test]
fn malformed_lines_are_named() {
    let refused = |text: &str| Graph::read(text.as_bytes()).expect_err("malformed").to_string();
    assert!(refused("0 1 1 1\n1 x\n").starts_with("line 2 of a graph: expected a weight"));
    assert!(refused("0 1 1\n").contains("`from to input output [weight]`"));
    assert!(refused("0 1 -1 1\n").contains("the number of a label"));
    assert!(refused("0 1 1 1 NaN\n").contains("a weight above minus infinity"));
    assert!(refused("").contains("is empty"));
    let error = SymbolTable::read("a 1\nb 1\n".as_bytes()).expect_err("twice").to_string();
    assert!(error.starts_with("line 2 of a symbol table"), "{error}");
}

#[test]
fn a_huge_number_of_a_state_is_refused_before_memory_is_allocated() {
    let error = Graph::read("0 4000000000 1 1\n".as_bytes()).expect_err("too large");
    assert!(matches!(error, Error::Line { line: 1, .. }), "{error}");
}

#[test]
fn a_cycle_of_arcs_without_input_is_refused_with_its_states() {
    let text = "0 1 1 1\n1 2 0 2\n2 3 0 0\n3 1 0 0 1.5\n3\n";
    let error = Graph::read(text.as_bytes()).expect_err("a cycle");
    assert!(matches!(&error, Error::EpsilonCycle { states } if *states == [1, 2, 3]), "{error}");
}

#[test]
fn an_arc_to_a_state_that_does_not_exist_is_refused() {
    let mut builder = GraphBuilder::default();
    let start = builder.add_state();
    builder.add_arc(start, Arc { next: 5, input: 1, output: 0, weight: 0.0 });
    let error = builder.build(start).expect_err("no such state");
    assert!(matches!(error, Error::OutOfRange { what: "state", index: 5, count: 1 }), "{error}");
}
