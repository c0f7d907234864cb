//! The queue of commands, as the engine takes them.

use crate::command::Command;
use tokio::sync::mpsc;

/// Commands in the order in which they were sent.
pub(crate) struct Commands {
    inbox: mpsc::Receiver<Command>,
    /// Taken from the inbox behind a loss, and not handed out yet.
    next: Option<Command>,
}

impl Commands {
    pub(crate) fn of(inbox: mpsc::Receiver<Command>) -> Self {
        Self { inbox, next: None }
    }

    /// Number of commands that wait.
    pub(crate) fn waiting(&self) -> usize {
        self.inbox.len() + usize::from(self.next.is_some())
    }

    /// The next command; `None` if no more can come. Losses that wait right behind each other are one command, up to as many as
    /// the queue holds: it may be filled as fast as it is emptied. Other commands keep their place among them, because what a
    /// member said before its connection broke counts. May be cancelled: no command is lost.
    pub(crate) async fn next(&mut self) -> Option<Command> {
        let first = match self.next.take() {
            Some(command) => command,
            None => self.inbox.recv().await?,
        };
        let Command::Lost(mut losses) = first else { return Some(first) };
        while losses.len() < self.inbox.max_capacity()
            && let Ok(command) = self.inbox.try_recv()
        {
            match command {
                Command::Lost(more) => losses.extend(more),
                other => {
                    self.next = Some(other);
                    break;
                }
            }
        }
        Some(Command::Lost(losses))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use stentor_rounds::Loss;

    fn lost(session: u64) -> Command {
        Command::Lost(vec![Loss { session, reason: "its connection broke".into() }])
    }

    fn sessions(command: Option<Command>) -> Vec<u64> {
        let Some(Command::Lost(losses)) = command else { panic!("expected losses") };
        losses.into_iter().map(|loss| loss.session).collect()
    }

    #[tokio::test]
    async fn losses_are_taken_together_up_to_the_next_other_command_which_keeps_its_place() {
        let (sender, inbox) = mpsc::channel(8);
        for command in [lost(1), lost(2), Command::Replaced { by: 7 }, lost(3)] {
            sender.send(command).await.unwrap();
        }
        let mut commands = Commands::of(inbox);
        assert_eq!(commands.waiting(), 4);
        assert_eq!(sessions(commands.next().await), [1, 2]);
        assert_eq!(commands.waiting(), 2);
        assert!(matches!(commands.next().await, Some(Command::Replaced { by: 7 })));
        assert_eq!(sessions(commands.next().await), [3]);
        drop(sender);
        assert!(commands.next().await.is_none());
    }
}
