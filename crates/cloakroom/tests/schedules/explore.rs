//! Runs a scenario in many interleavings.

#[cfg(cloakroom_shuttle)]
mod imp {
    use shuttle::scheduler::{PctScheduler, RandomScheduler, ReplayScheduler, Scheduler};
    use shuttle::{Config, Runner};

    /// Enough to find each race that was ever in here. All scenarios take about ten seconds.
    const ITERATIONS: usize = 1500;
    /// Number of forced context switches that a bug may need.
    const DEPTH: usize = 4;
    const SEED: u64 = 0x5EED_0FC1_0A4B;

    /// No background task runs beside a scenario, so there is nothing to wait for.
    pub(crate) const MAX_WAIT: std::time::Duration = std::time::Duration::ZERO;

    pub(crate) fn explore(scenario: impl Fn() + Send + Sync + Copy + 'static) {
        if let Ok(schedule) = std::env::var("CLOAKROOM_SCHEDULE") {
            run(ReplayScheduler::new_from_encoded(schedule.trim()), scenario);
            return;
        }
        let iterations = number("CLOAKROOM_ITERATIONS").map_or(ITERATIONS, |number| number as usize);
        let seed = number("CLOAKROOM_SEED").unwrap_or(SEED);
        run(RandomScheduler::new_from_seed(seed, iterations), scenario);
        run(PctScheduler::new_from_seed(seed, DEPTH, iterations), scenario);
    }

    fn run(scheduler: impl Scheduler + 'static, scenario: impl Fn() + Send + Sync + 'static) {
        let mut config = Config::new();
        config.stack_size = 1 << 18;
        config.silence_warnings = true;
        Runner::new(scheduler, config).run(scenario);
    }

    fn number(name: &str) -> Option<u64> {
        let text = std::env::var(name).ok()?;
        Some(text.parse().unwrap_or_else(|_| panic!("{name} is {text:?} and must be a number")))
    }

    pub(crate) fn run_concurrently(actions: Vec<Box<dyn FnOnce() + Send>>) {
        let threads: Vec<_> = actions.into_iter().map(shuttle::thread::spawn).collect();
        threads.into_iter().for_each(|thread| thread.join().expect("no action panics"));
    }

    pub(crate) fn block_on<R>(future: impl Future<Output = R>) -> R {
        shuttle::future::block_on(future)
    }

    /// Returns one of the choices, as the explorer decides.
    pub(crate) fn choose<T: Copy>(choices: &[T]) -> T {
        use shuttle::rand::Rng;
        choices[shuttle::rand::thread_rng().gen_range(0..choices.len())]
    }

    /// A point at which the explorer may switch to another thread.
    pub(crate) fn step() {
        shuttle::sync::atomic::AtomicBool::new(false).load(std::sync::atomic::Ordering::SeqCst);
    }
}

#[cfg(not(cloakroom_shuttle))]
mod imp {
    const ROUNDS: usize = 8;

    /// Only the maintenance of a node handles the entries that it has taken out of the timer wheel,
    /// and on a busy machine that may take a while.
    pub(crate) const MAX_WAIT: std::time::Duration = std::time::Duration::from_secs(30);

    /// Returns the choices in turn.
    pub(crate) fn choose<T: Copy>(choices: &[T]) -> T {
        static TURN: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);
        choices[TURN.fetch_add(1, std::sync::atomic::Ordering::Relaxed) % choices.len()]
    }

    pub(crate) fn explore(scenario: impl Fn() + Copy) {
        // A loader is spawned on the runtime of the request that starts it.
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_time().build().expect("a runtime");
        let _entered = runtime.enter();
        (0..ROUNDS).for_each(|_| scenario());
    }

    pub(crate) fn run_concurrently(actions: Vec<Box<dyn FnOnce() + Send>>) {
        let runtime = tokio::runtime::Handle::current();
        std::thread::scope(|threads| {
            for action in actions {
                let runtime = runtime.clone();
                threads.spawn(move || {
                    let _entered = runtime.enter();
                    action();
                });
            }
        });
    }

    pub(crate) fn block_on<R>(future: impl Future<Output = R>) -> R {
        tokio::runtime::Handle::current().block_on(future)
    }

    pub(crate) fn step() {
        std::thread::yield_now();
    }
}

pub(crate) use imp::{MAX_WAIT, block_on, choose, explore, run_concurrently, step};
