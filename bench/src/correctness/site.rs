use std::cell::RefCell;
use std::time::Duration;

use tokio::time::timeout;

use crate::Failure;
use crate::load::{Connection, head, request};
use crate::process::Node;

use super::answer::{Answer, shortened};
use super::talk::Talk;

/// Longer than any time-out of a store that waits to be told.
const LIMIT: Duration = Duration::from_secs(5);

/// A node and the connections to it.
pub(super) struct Site {
    name: &'static str,
    node: Node,
    idle: RefCell<Vec<Connection>>,
}

impl Site {
    pub(super) const fn new(name: &'static str, node: Node) -> Self {
        Self { name, node, idle: RefCell::new(Vec::new()) }
    }

    /// Asks with these cookies and nothing else, and notes both in the transcript.
    pub(super) async fn ask(&self, talk: &Talk, line: &str, cookies: &str) -> Result<Answer, Failure> {
        let answer = self.ask_quietly(line, cookies).await?;
        let with = if cookies.is_empty() { "no cookie".to_owned() } else { format!("Cookie: {}", shortened(cookies)) };
        talk.note(format!("{}  {line}  [{with}]  →  {}", self.name, answer.words()));
        Ok(answer)
    }

    /// The same without a transcript, for what is asked thousands of times.
    pub(super) async fn ask_quietly(&self, line: &str, cookies: &str) -> Result<Answer, Failure> {
        let idle = self.idle.borrow_mut().pop();
        let mut connection = match idle {
            Some(connection) => connection,
            None => Connection::open(self.node.address).await?,
        };
        let bytes = request(&head(line), cookies);
        let Ok(answer) = timeout(LIMIT, connection.exchange_as(&bytes, Answer::of)).await else {
            return Ok(Answer::default());
        };
        self.idle.borrow_mut().push(connection);
        answer
    }

    /// Sends a request and hangs up after a while, as a browser whose page is left.
    pub(super) async fn abort(&self, talk: &Talk, line: &str, cookies: &str, after: Duration) -> Result<(), Failure> {
        let mut connection = Connection::open(self.node.address).await?;
        let bytes = request(&head(line), cookies);
        let cut = timeout(after, connection.exchange_as(&bytes, Answer::of)).await.is_err();
        let how = if cut { "the client hangs up" } else { "was answered before the client hung up" };
        talk.note(format!("{}  {line}  [Cookie: {}]  …  {how}", self.name, shortened(cookies)));
        Ok(())
    }

    pub(super) fn resident_bytes(&self) -> Result<u64, Failure> {
        self.node.resident_bytes()
    }
}
