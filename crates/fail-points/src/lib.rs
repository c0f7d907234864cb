//! Fail points: named places in the code where a test can inject a bug, to show that the tests find bugs of this kind.
//!
//! The code asks [`is_armed`] at the place of the bug. Without the feature `enabled` the answer is the constant `false`, and
//! the compiler removes the branch; programs are built without it. With the feature, a test arms one fail point for its own
//! thread with [`arm`], so that tests in other threads are not affected.

/// Disarms the fail point of this thread when it is dropped.
#[derive(Debug)]
#[must_use = "the fail point is armed only as long as this value lives"]
pub struct Armed {
    /// An armed fail point belongs to one thread.
    _this_thread: std::marker::PhantomData<*const ()>,
}

/// Whether the fail point `name` is armed in this thread.
#[cfg(not(feature = "enabled"))]
#[must_use]
pub const fn is_armed(_name: &str) -> bool {
    false
}

#[cfg(feature = "enabled")]
mod armed {
    use super::Armed;
    use std::cell::Cell;
    use std::marker::PhantomData;

    thread_local! {
        static NAME: Cell<Option<&'static str>> = const { Cell::new(None) };
    }

    /// Whether the fail point `name` is armed in this thread.
    #[must_use]
    pub fn is_armed(name: &str) -> bool {
        NAME.get() == Some(name)
    }

    /// Arms the fail point `name` in this thread, in place of any other, until the returned value is dropped.
    pub fn arm(name: &'static str) -> Armed {
        NAME.set(Some(name));
        Armed { _this_thread: PhantomData }
    }

    impl Drop for Armed {
        fn drop(&mut self) {
            NAME.set(None);
        }
    }
}

#[cfg(feature = "enabled")]
pub use armed::{arm, is_armed};

/// Without the feature `enabled`, no fail point can be armed: this does nothing.
#[cfg(not(feature = "enabled"))]
pub fn arm(_name: &'static str) -> Armed {
    Armed { _this_thread: std::marker::PhantomData }
}

#[cfg(all(test, feature = "enabled"))]
mod tests {
    use super::*;

    #[test]
    fn a_fail_point_is_armed_in_one_thread_until_its_guard_is_dropped() {
        let armed = arm("lost");
        assert!(is_armed("lost") && !is_armed("found"));
        let elsewhere = std::thread::spawn(|| is_armed("lost")).join().unwrap();
        assert!(!elsewhere, "another thread is not affected");
        drop(armed);
        assert!(!is_armed("lost"));
    }
}
