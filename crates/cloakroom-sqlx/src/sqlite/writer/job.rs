use std::pin::Pin;
use std::sync::Arc;

use cloakroom::store::{Selector, StoreError};
use tokio::sync::oneshot;

use super::batch::Batch;
use crate::node::{Node, Nodes};

/// The result of one call: its answer, or a fault that concerns only this call, which then has
/// changed nothing.
pub(in crate::sqlite) type Answer<T> = Result<T, StoreError>;

/// A call of the store that writes.
pub(in crate::sqlite) trait Operation: Send + Sync + 'static {
    type Output: Send + 'static;

    /// The sessions that the operation looks at, so that they are read together with those of
    /// others.
    fn selectors(&self) -> &[Selector];

    /// Does the work within the transaction of a batch. It may be called again in another one if
    /// that transaction failed.
    fn apply(&self, batch: &mut Batch<'_>) -> impl Future<Output = sqlx::Result<Answer<Self::Output>>> + Send;
}

/// An operation that waits for the writer, without its type.
pub(super) trait Job: Send {
    fn selectors(&self) -> &[Selector];
    fn apply<'a>(&'a mut self, batch: &'a mut Batch<'_>)
    -> Pin<Box<dyn Future<Output = sqlx::Result<()>> + Send + 'a>>;
    /// Reports the answer, after the transaction was committed.
    fn succeed(self: Box<Self>, nodes: &Nodes);
    /// Reports that nothing was changed.
    fn fail(self: Box<Self>, fault: StoreError);
    /// Reports that the transaction may have been committed.
    fn fail_unknown(self: Box<Self>, fault: StoreError, nodes: &Nodes);
}

pub(super) struct Waiting<O: Operation> {
    pub(super) operation: O,
    pub(super) origin: Arc<Node>,
    pub(super) reply: oneshot::Sender<Answer<O::Output>>,
    pub(super) applied: Option<(Answer<O::Output>, Vec<Selector>)>,
}

impl<O: Operation> Job for Waiting<O> {
    fn selectors(&self) -> &[Selector] {
        self.operation.selectors()
    }

    fn apply<'a>(
        &'a mut self,
        batch: &'a mut Batch<'_>,
    ) -> Pin<Box<dyn Future<Output = sqlx::Result<()>> + Send + 'a>> {
        Box::pin(async move {
            let answer = self.operation.apply(batch).await?;
            self.applied = Some((answer, batch.take_changed()));
            Ok(())
        })
    }

    fn succeed(self: Box<Self>, nodes: &Nodes) {
        let Some((answer, changed)) = self.applied else { return };
        // Before the reply, so that no clone serves an older copy once the caller knows.
        nodes.changed(&changed, &self.origin);
        if self.reply.send(answer).is_err() {
            // The caller stopped waiting, and dropped its copy then. Another request may have read
            // the session again before this transaction was committed.
            nodes.changed_anywhere(&changed);
        }
    }

    fn fail(self: Box<Self>, fault: StoreError) {
        drop(self.reply.send(Err(fault)));
    }

    fn fail_unknown(self: Box<Self>, fault: StoreError, nodes: &Nodes) {
        if let Some((_, changed)) = &self.applied {
            nodes.changed_anywhere(changed);
        }
        self.fail(fault);
    }
}
