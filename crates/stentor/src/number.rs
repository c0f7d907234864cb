//! Numbers on the command line. A number below 0 is an option to clap if nothing else is said, and no number to its own parsers.

use clap::{Arg, Command};
use std::any::TypeId;
use std::ops::{Bound, RangeBounds};
use stentor_forecast::{Bandwidth, RoundTrip};

/// Lets all options of numbers have values below 0, of all subcommands, so that a bound is named and not an option `-1` that does
/// not exist.
pub(crate) fn allow_negative(command: Command) -> Command {
    command
        // What clap itself calls a negative number is neither `-1e-8` nor `-1,2`.
        .mut_args(|arg| if is_number(&arg) { arg.allow_hyphen_values(true) } else { arg })
        .mut_subcommands(allow_negative)
}

/// Whether an option has a number as its value.
fn is_number(arg: &Arg) -> bool {
    let numbers = [
        TypeId::of::<f64>(),
        TypeId::of::<f32>(),
        TypeId::of::<i64>(),
        TypeId::of::<u64>(),
        TypeId::of::<u32>(),
        TypeId::of::<usize>(),
        TypeId::of::<Bandwidth>(),
        TypeId::of::<RoundTrip>(),
    ];
    arg.get_action().takes_values()
        && numbers.iter().any(|number| arg.get_value_parser().type_id() == *number)
}

/// A parser of whole numbers within `range` and the type's own bounds.
pub(crate) fn whole<T: TryFrom<u64>>(
    range: impl RangeBounds<u64>,
) -> impl Fn(&str) -> Result<T, String> + Clone {
    let first = match range.start_bound() {
        Bound::Included(first) => *first,
        Bound::Excluded(before) => before.saturating_add(1),
        Bound::Unbounded => 0,
    };
    let last = match range.end_bound() {
        Bound::Included(last) => *last,
        Bound::Excluded(after) => after.saturating_sub(1),
        Bound::Unbounded => largest::<T>(),
    };
    move |text| {
        let number = text.parse().ok().filter(|number| (first..=last).contains(number));
        number.and_then(|number| T::try_from(number).ok()).ok_or_else(|| match last {
            u64::MAX => format!("expected a whole number of {first} or more"),
            last => format!("expected a whole number from {first} to {last}"),
        })
    }
}

/// The largest number that a type can hold.
fn largest<T: TryFrom<u64>>() -> u64 {
    let of_types = [u64::MAX, u32::MAX.into(), u16::MAX.into(), u8::MAX.into()];
    of_types.into_iter().find(|number| T::try_from(*number).is_ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, clap::Parser)]
    enum Line {
        Estimate {
            #[arg(long, value_parser = whole::<usize>(1..=16))]
            order: usize,
            #[arg(long)]
            prune: Option<f64>,
            #[arg(long, value_delimiter = ',')]
            weights: Vec<f64>,
            #[arg(long)]
            out: Option<String>,
        },
    }

    #[test]
    fn a_number_below_0_is_the_value_of_an_option_of_numbers_and_of_no_other() {
        let refused = |line: &str| {
            let command = allow_negative(<Line as clap::CommandFactory>::command());
            command.try_get_matches_from(line.split(' ')).unwrap_err().to_string()
        };
        let order = refused("lm estimate --order -1");
        assert!(
            order.contains("'-1' for '--order <ORDER>': expected a whole number from 1 to 16"),
            "{order}"
        );
        let out = refused("lm estimate --order 1 --prune -1e-8 --weights -1,2 --out -1");
        assert!(out.contains("unexpected argument '-1'"), "{out}");
    }

    #[test]
    fn a_number_out_of_bounds_is_answered_with_the_bounds() {
        let order = whole::<usize>(1..=16);
        assert_eq!(order("16"), Ok(16));
        for wrong in ["0", "17", "-1", "1.5", "", "x", "99999999999999999999"] {
            assert_eq!(order(wrong), Err("expected a whole number from 1 to 16".to_owned()), "{wrong}");
        }
        assert_eq!(
            whole::<u32>(..)("4294967296"),
            Err("expected a whole number from 0 to 4294967295".to_owned())
        );
        assert_eq!(whole::<u64>(1..)("-1"), Err("expected a whole number of 1 or more".to_owned()));
        assert_eq!(whole::<u64>(..)("18446744073709551615"), Ok(u64::MAX));
    }
}
