//! Line charts as SVG: the panels of the report, and sheets of panels for documents. Colours and strokes are classes:
//! those of the report's style sheet, or of the sheet's own.

mod plot;
mod scale;
mod sheet;

pub use sheet::{Line, Panel, curves, measurements};

pub(crate) use plot::{Axis, Plot};
pub(crate) use scale::Scale;
