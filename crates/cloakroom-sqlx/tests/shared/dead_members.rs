//! Members of a principal's index whose sessions do not exist, as a process leaves one that ends
//! between the admission and the creation of a session.

use cloakroom::Timestamp;
use cloakroom::store::{Admission, Limit, LimitPolicy, Principal, Selector, Store};

use crate::samples::{insert, record_of, selector};

/// More than one call removes.
pub(crate) const DEAD: i64 = 3000;

/// More live members than each login examined from the beginning.
const LIVE: u64 = 16;

/// Inserts the dead members of `ada` between two groups of live ones. Their selectors are the numbers
/// from 1 to [`DEAD`] as 16 bytes.
pub(crate) async fn prepare(store: &impl Store, insert_dead: impl AsyncFnOnce()) {
    members(store, 0..LIVE).await;
    insert_dead().await;
    members(store, LIVE..LIVE + 4).await;
}

async fn members(store: &impl Store, numbers: std::ops::Range<u64>) {
    for number in numbers {
        insert(store, number, record_of("ada", None)).await;
        admit(store, number, None).await;
    }
}

async fn admit(store: &impl Store, number: u64, limit: Option<Limit>) -> Admission {
    let admission = store.add_member(&Principal::from("ada"), selector(number), Timestamp::MAX, limit).await;
    admission.expect("the store can be written")
}

/// Logs the user in so many times, without a limit.
pub(crate) async fn log_in(store: &impl Store, times: u64) {
    members(store, 1000..1000 + times).await;
}

/// Logs the user in with a limit, and checks that only live sessions beyond it would end.
pub(crate) async fn check_limits(store: &impl Store) {
    let limit = |count: u32| Limit::new(count.try_into().expect("not zero"), LimitPolicy::EndOldest);
    insert(store, 500, record_of("ada", None)).await;
    assert_eq!(displaced(&admit(store, 500, Some(limit(21))).await), [], "20 sessions live");
    insert(store, 501, record_of("ada", None)).await;
    let oldest = [selector(0), selector(1)];
    assert_eq!(displaced(&admit(store, 501, Some(limit(20))).await), oldest, "21 sessions live");
}

/// The live sessions that an admission ends, which must not be incomplete.
fn displaced(admission: &Admission) -> Vec<Selector> {
    match admission {
        Admission::Admitted { displaced } => {
            let is_live = |selector: &&Selector| u128::from_be_bytes(*selector.as_bytes()) > DEAD as u128;
            displaced.iter().filter(is_live).copied().collect()
        }
        _ => panic!("there are few live members"),
    }
}
