use std::sync::Barrier;
use std::thread;

use tokio::runtime::Handle;

use crate::Failure;

use super::allocations::Allocations;
use super::spread::Spread;
use super::subject::Subject;

/// So many requests each thread sends before it is timed with others, so that starting it is not measured.
pub(crate) const WARM_UP: usize = 64;

/// The two sides of a comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    /// Without the thing that is measured.
    Bare,
    /// With it.
    With,
}

/// What a comparison came to. All times are nanoseconds per request.
#[derive(Debug)]
pub(crate) struct Comparison {
    pub(crate) bare: Spread,
    pub(crate) with: Spread,
    /// Of each pair of runs, not of the two medians.
    pub(crate) difference: Spread,
    pub(crate) ratio: Spread,
    /// What `With` allocates more.
    pub(crate) allocations: Allocations,
}

/// Runs both sides in turn. `make` is asked for a subject per side, run and thread, outside the timed stretch.
pub(crate) fn compare(
    runs: u32,
    threads: usize,
    count: usize,
    mut make: impl FnMut(Side, usize) -> Result<Subject, Failure>,
) -> Result<Comparison, Failure> {
    let mut pairs = Vec::new();
    // The first pair warms caches, branch predictors and the allocator up, and is forgotten.
    for _ in 0..=runs {
        let mut time = |side| time_together(&mut subjects(threads, |thread| make(side, thread))?, count);
        pairs.push((time(Side::Bare)?, time(Side::With)?));
    }
    let pairs = &pairs[1..];
    let mut counted = |side| make(side, 0)?.allocations(count.min(1000));
    let allocations = counted(Side::With)? - counted(Side::Bare)?;
    Ok(Comparison {
        bare: Spread::of(pairs.iter().map(|(bare, _)| *bare)),
        with: Spread::of(pairs.iter().map(|(_, with)| *with)),
        difference: Spread::of(pairs.iter().map(|(bare, with)| with - bare)),
        ratio: Spread::of(pairs.iter().map(|(bare, with)| with / bare)),
        allocations,
    })
}

fn subjects(threads: usize, make: impl FnMut(usize) -> Result<Subject, Failure>) -> Result<Vec<Subject>, Failure> {
    (0..threads).map(make).collect()
}

/// Times all subjects at once, a thread each, and answers the mean time per request.
pub(crate) fn time_together(subjects: &mut [Subject], count: usize) -> Result<f64, Failure> {
    if let [subject] = subjects {
        return subject.time(count);
    }
    let threads = subjects.len();
    let start = Barrier::new(threads);
    let runtime = Handle::current();
    let timed = |subject: &mut Subject| {
        let _entered = runtime.enter();
        let warm = subject.time(WARM_UP);
        start.wait();
        warm.and_then(|_| subject.time(count))
    };
    let total = thread::scope(|scope| {
        let timed = &timed;
        let runs: Vec<_> = subjects.iter_mut().map(|subject| scope.spawn(move || timed(subject))).collect();
        let join =
            |run: thread::ScopedJoinHandle<'_, Result<f64, Failure>>| run.join().map_err(|_| "a thread panicked")?;
        runs.into_iter().map(join).sum::<Result<f64, Failure>>()
    })?;
    Ok(total / threads as f64)
}
