use std::ops::Add;

use crate::{Failure, machine};

use super::allocations::counted;

/// By how much some work changed the memory of this process, in bytes.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Footprint {
    /// What the operating system says. Includes what the allocator keeps for itself or cannot give back.
    pub(crate) resident: i64,
    /// What was asked of the allocator, by this thread.
    pub(crate) requested: i64,
}

impl Add for Footprint {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { resident: self.resident + other.resident, requested: self.requested + other.requested }
    }
}

/// Does some work on this thread and says what it holds afterwards.
pub(crate) fn footprint(work: impl FnOnce() -> Result<(), Failure>) -> Result<Footprint, Failure> {
    let before = resident()?;
    let mut outcome = Ok(());
    let counted = counted(|| outcome = work());
    outcome?;
    Ok(Footprint { resident: resident()? - before, requested: counted.held() })
}

fn resident() -> Result<i64, Failure> {
    let bytes = machine::resident_bytes().ok_or(machine::NO_RESIDENT)?;
    Ok(bytes.cast_signed())
}
