//! Without the feature `metrics`, nothing is published.

use crate::engine::Engine;

#[expect(clippy::unused_self, reason = "the signature of the module `metrics`")]
impl Engine {
    pub(super) const fn publish_metrics(&self) {}
}
