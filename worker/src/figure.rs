use serde::Serialize;

/// A number, or text for a number that JSON cannot represent.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Figure {
    /// A finite number.
    Number(f64),
    /// `NaN`, `inf` or `-inf`.
    Words(String),
}

impl From<f64> for Figure {
    fn from(value: f64) -> Self {
        if value.is_finite() { Figure::Number(value) } else { Figure::Words(value.to_string()) }
    }
}
