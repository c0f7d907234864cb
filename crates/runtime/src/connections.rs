//! Bounds on the open connections of a listener. Whoever opens many and says nothing must not keep others out.
//!
//! A connection is *unproven* until it has made a call that is permitted. Of unproven ones there are only so many: where another
//! one comes, one of those is closed that wait longest, of the address that has the most. An honest caller makes its first call
//! within milliseconds, so it is not the one that waits longest, whatever the number of others. Proven connections are never
//! closed to make room; of those there is a largest number in all and of one address.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::{Instant, Sleep, sleep_until};

/// How long a connection may be open before its first permitted call, after a handshake: time for the preface of HTTP/2 and the
/// headers of a request.
const FIRST_CALL: Duration = Duration::from_secs(20);
/// How long a connection may be open without a call in progress. The other side opens another one when it needs one.
const IDLE: Duration = Duration::from_secs(600);

/// How many connections a listener holds open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Proven connections in all.
    pub most: usize,
    /// Proven connections of one address.
    pub most_of_address: usize,
    /// Unproven connections in all.
    pub most_unproven: usize,
}

impl Default for Bounds {
    /// For the largest cluster: 1024 members with two connections each, and as many again while they join anew. Half of them
    /// may come from one address: members behind one router, or on one machine. A handshake takes two answers of the other side, so
    /// 512 unproven connections are 5000 handshakes a second at 100 ms.
    fn default() -> Self {
        Self { most: 4096, most_of_address: 2048, most_unproven: 512 }
    }
}

impl Bounds {
    /// Connections in all, which is also the number of descriptors that they take.
    #[must_use]
    pub fn total(&self) -> usize {
        self.most + self.most_unproven
    }
}

/// There are as many connections as there may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Full {
    most: usize,
    of_address: bool,
}

impl fmt::Display for Full {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whose = if self.of_address { " of this address" } else { "" };
        write!(formatter, "{} connections{whose} are open already", self.most)
    }
}

/// The open connections of a listener. Cheap to clone; clones are the same connections.
#[derive(Debug, Clone)]
pub(crate) struct Connections {
    bounds: Bounds,
    table: Arc<Mutex<Table>>,
}

#[derive(Debug, Default)]
struct Table {
    /// Number of the next connection: an older one has a smaller number.
    next: u64,
    unproven: BTreeMap<u64, (IpAddr, oneshot::Sender<()>)>,
    proven: BTreeMap<IpAddr, usize>,
}

impl Connections {
    pub(crate) fn new(bounds: Bounds) -> Self {
        Self { bounds, table: Arc::default() }
    }

    /// Takes in a new connection. Returns also the address of the connection that is closed to make room.
    pub(crate) fn open(&self, address: IpAddr) -> (Seat, Option<IpAddr>) {
        let mut table = self.lock();
        let crowded = table.unproven.len() >= self.bounds.most_unproven;
        let evicted = if crowded { table.evict() } else { None };
        let (sender, receiver) = oneshot::channel();
        let id = table.next;
        table.next += 1;
        table.unproven.insert(id, (address, sender));
        drop(table);
        let state = State { calls: 0, is_proven: false, free_since: Instant::now() };
        let inner = Inner { connections: self.clone(), id, address, state: Mutex::new(state) };
        (Seat { evicted: Some(receiver), activity: Activity(Arc::new(inner)), due: None }, evicted)
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        // The table is consistent even if a thread panicked while holding the lock.
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn prove(&self, id: u64, address: IpAddr) -> Result<(), Full> {
        let mut table = self.lock();
        if table.proven.values().sum::<usize>() >= self.bounds.most {
            return Err(Full { most: self.bounds.most, of_address: false });
        }
        let of_address = table.proven.get(&address).copied().unwrap_or(0);
        if of_address >= self.bounds.most_of_address {
            return Err(Full { most: self.bounds.most_of_address, of_address: true });
        }
        // Not among them any more if it was evicted meanwhile: it will see that next.
        table.unproven.remove(&id);
        table.proven.insert(address, of_address + 1);
        Ok(())
    }

    fn close(&self, id: u64, address: IpAddr, is_proven: bool) {
        let mut table = self.lock();
        table.unproven.remove(&id);
        if is_proven && let Some(count) = table.proven.get_mut(&address) {
            *count -= 1;
            if *count == 0 {
                table.proven.remove(&address);
            }
        }
    }
}

impl Table {
    /// Closes the connection that waits longest of the address that has the most. Returns this address.
    fn evict(&mut self) -> Option<IpAddr> {
        let mut counts = BTreeMap::<IpAddr, usize>::new();
        self.unproven.values().for_each(|(address, _)| *counts.entry(*address).or_default() += 1);
        let (crowd, _) = counts.into_iter().max_by_key(|(_, count)| *count)?;
        let oldest = self.unproven.iter().find(|(_, (address, _))| *address == crowd).map(|(&id, _)| id)?;
        let (_, evicted) = self.unproven.remove(&oldest)?;
        // It may have ended by itself.
        let _ = evicted.send(());
        Some(crowd)
    }
}

/// What a connection does. Cheap to clone; clones are of the same connection, which ends with the last one.
#[derive(Debug, Clone)]
pub struct Activity(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    connections: Connections,
    id: u64,
    address: IpAddr,
    state: Mutex<State>,
}

#[derive(Debug, Clone, Copy)]
struct State {
    /// Calls in progress.
    calls: usize,
    is_proven: bool,
    /// Since when no call is in progress, if none is.
    free_since: Instant,
}

impl Drop for Inner {
    fn drop(&mut self) {
        let is_proven = self.state().is_proven;
        self.connections.close(self.id, self.address, is_proven);
    }
}

impl Inner {
    fn state(&self) -> MutexGuard<'_, State> {
        // The state is consistent even if a thread panicked while holding the lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Activity {
    /// Begins a permitted call, which lasts until the result is dropped. The first one proves the connection.
    ///
    /// # Errors
    /// [`Full`].
    pub fn begin(&self) -> Result<Call, Full> {
        let mut state = self.0.state();
        if !state.is_proven {
            self.0.connections.prove(self.0.id, self.0.address)?;
            state.is_proven = true;
        }
        state.calls += 1;
        Ok(Call(Arc::clone(&self.0)))
    }

    /// When the connection must end if nothing happens until then.
    fn deadline(&self) -> Instant {
        let state = self.0.state();
        match (state.is_proven, state.calls) {
            (false, _) => state.free_since + FIRST_CALL,
            (true, 0) => state.free_since + IDLE,
            (true, _) => Instant::now() + IDLE,
        }
    }

    /// The handshake is done: the time for the first call begins.
    fn shaken(&self) {
        self.0.state().free_since = Instant::now();
    }
}

impl Default for Activity {
    /// Of a connection that is not counted.
    fn default() -> Self {
        let most = usize::MAX / 2;
        let bounds = Bounds { most, most_of_address: most, most_unproven: most };
        Connections::new(bounds).open(IpAddr::from([0, 0, 0, 0])).0.activity
    }
}

impl PartialEq for Activity {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Activity {}

/// A call in progress.
#[derive(Debug)]
pub struct Call(Arc<Inner>);

impl Drop for Call {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.calls -= 1;
        state.free_since = Instant::now();
    }
}

/// A connection's place among the open ones. It is free when this and all copies of its activity are dropped.
#[derive(Debug)]
pub(crate) struct Seat {
    evicted: Option<oneshot::Receiver<()>>,
    pub(crate) activity: Activity,
    /// When to look at the deadline next.
    due: Option<Pin<Box<Sleep>>>,
}

impl Seat {
    /// Returns when the connection has to make room for others.
    pub(crate) async fn evicted(&mut self) {
        std::future::poll_fn(|context| self.poll_evicted(context)).await;
    }

    /// The handshake is done.
    pub(crate) fn shaken(&self) {
        self.activity.shaken();
    }

    /// Ready with the reason when the connection has to end.
    pub(crate) fn poll_over(&mut self, context: &mut Context<'_>) -> Poll<&'static str> {
        if self.poll_evicted(context).is_ready() {
            return Poll::Ready("closed to make room: it has made no permitted call");
        }
        loop {
            let deadline = self.activity.deadline();
            let due = self.due.get_or_insert_with(|| Box::pin(sleep_until(deadline)));
            match due.as_mut().poll(context) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(()) if deadline <= Instant::now() => {
                    return Poll::Ready("closed: no permitted call for too long");
                }
                // Something has happened since.
                Poll::Ready(()) => self.due = None,
            }
        }
    }

    fn poll_evicted(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let Some(evicted) = &mut self.evicted else { return Poll::Pending };
        match Pin::new(evicted).poll(context) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Ok(())) => {
                self.evicted = None;
                Poll::Ready(())
            }
            // It is proven.
            Poll::Ready(Err(_)) => {
                self.evicted = None;
                Poll::Pending
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::task::Waker;

    const SMALL: Bounds = Bounds { most: 3, most_of_address: 2, most_unproven: 4 };

    fn from(last: u8) -> IpAddr {
        IpAddr::from([10, 0, 0, last])
    }

    fn is_over(seat: &mut Seat) -> bool {
        seat.poll_over(&mut Context::from_waker(Waker::noop())).is_ready()
    }

    #[tokio::test]
    async fn silent_connections_make_room_for_new_ones_and_proven_ones_stay() {
        let connections = Connections::new(SMALL);
        let (mut honest, _) = connections.open(from(1));
        let call = honest.activity.begin().unwrap();
        let mut silent: Vec<Seat> = (0..20).map(|_| connections.open(from(2)).0).collect();
        let open = silent.iter_mut().filter_map(|seat| (!is_over(seat)).then_some(())).count();
        assert_eq!(open, SMALL.most_unproven);
        assert!(silent.iter_mut().rev().take(4).all(|seat| !is_over(seat)), "the oldest ones go");
        assert!(!is_over(&mut honest));
        drop(call);
        assert!(!is_over(&mut honest));
    }

    #[tokio::test]
    async fn the_address_with_the_most_gives_room_although_others_wait_longer() {
        let connections = Connections::new(SMALL);
        let (mut patient, _) = connections.open(from(1));
        let _crowd: Vec<Seat> = (0..3).map(|_| connections.open(from(2)).0).collect();
        let (mut newcomer, evicted) = connections.open(from(3));
        assert_eq!(evicted, Some(from(2)));
        assert!(!is_over(&mut patient) && !is_over(&mut newcomer));
    }

    #[tokio::test]
    async fn proven_connections_are_bounded_in_all_and_of_one_address_and_a_closed_one_leaves_room() {
        let connections = Connections::new(SMALL);
        let seats: Vec<Seat> = (0..3).map(|_| connections.open(from(1)).0).collect();
        drop((seats[0].activity.begin().unwrap(), seats[1].activity.begin().unwrap()));
        let words = seats[2].activity.begin().unwrap_err().to_string();
        assert_eq!(words, "2 connections of this address are open already");
        let (third, _) = connections.open(from(2));
        third.activity.begin().unwrap();
        let (fourth, _) = connections.open(from(3));
        assert_eq!(fourth.activity.begin().unwrap_err().to_string(), "3 connections are open already");
        drop(third);
        fourth.activity.begin().unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_ends_without_a_first_call_and_after_a_long_time_without_any() {
        let connections = Connections::new(SMALL);
        let (mut silent, _) = connections.open(from(1));
        let (mut busy, _) = connections.open(from(1));
        assert!(!is_over(&mut silent));
        let call = busy.activity.begin().unwrap();
        tokio::time::sleep(FIRST_CALL).await;
        assert!(is_over(&mut silent) && !is_over(&mut busy));
        tokio::time::sleep(3 * IDLE).await;
        assert!(!is_over(&mut busy), "a call is in progress");
        drop(call);
        tokio::time::sleep(IDLE / 2).await;
        assert!(!is_over(&mut busy));
        tokio::time::sleep(IDLE).await;
        assert!(is_over(&mut busy));
    }

    #[test]
    fn nothing_is_kept_of_connections_that_are_closed() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let _entered = runtime.enter();
        let connections = Connections::new(SMALL);
        for round in 0..100 {
            let (seat, _) = connections.open(from(round));
            if round % 2 == 0 {
                seat.activity.begin().unwrap();
            }
        }
        let table = connections.lock();
        assert!(table.unproven.is_empty() && table.proven.is_empty(), "{table:?}");
    }
}
