use tokio::runtime::{Builder, Runtime};

use crate::Failure;

/// Runs something with a runtime at hand that nothing drives: what a library spawns stays put,
/// so that no housekeeping gets into a measurement that is not about it.
pub(crate) fn with_idle_runtime<T>(work: impl FnOnce(&Runtime) -> Result<T, Failure>) -> Result<T, Failure> {
    let runtime = Builder::new_current_thread().enable_time().build()?;
    let _entered = runtime.enter();
    work(&runtime)
}
