//! A small experiment and its plan, for unit tests.

use stentor_experiment::Experiment;
use stentor_plan::{Catalogue, Plan, RowGroup};

/// `cluster`: lines of the section `[cluster]`; `sections`: further sections.
pub(crate) fn small_run(cluster: &str, sections: &str) -> (Experiment, Plan) {
    let text = format!(
        "[run]\nname = \"w\"\noutput = \"o\"\n[data]\nannotated = \"a\"\nunannotated = \"u\"\nlabels = \"l\"\n\
         [batch]\nchunks = 2\nunit_batches = 3\n[cluster]\n{cluster}\n{sections}\n"
    );
    let experiment = Experiment::parse(&text).unwrap();
    let catalogue =
        |row_groups| Catalogue { row_groups: vec![RowGroup { frames: 200, utterances: 2 }; row_groups] };
    let plan =
        Plan::new(catalogue(5), Some(catalogue(11)), &experiment.batch, &experiment.schedule, 7).unwrap();
    (experiment, plan)
}
