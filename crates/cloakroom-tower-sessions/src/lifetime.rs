use std::time::Duration;

use time::OffsetDateTime;
use tower_sessions_core::Expiry;

/// Returns how long a session with this expiry lives from `now` on. `None` for
/// [`Expiry::OnSessionEnd`], which leaves the lifetime to the settings of Cloakroom. Zero if the
/// expiry is in the past.
pub(crate) fn lifetime(expiry: Expiry, now: OffsetDateTime) -> Option<Duration> {
    let lifetime = match expiry {
        Expiry::OnSessionEnd => return None,
        Expiry::OnInactivity(lifetime) => lifetime,
        Expiry::AtDateTime(end) => end - now,
    };
    Some(Duration::try_from(lifetime).unwrap_or(Duration::ZERO))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expiry_is_a_lifetime_from_now_on() {
        let now = OffsetDateTime::UNIX_EPOCH;
        let minute = time::Duration::minutes(1);
        assert_eq!(lifetime(Expiry::OnSessionEnd, now), None);
        assert_eq!(lifetime(Expiry::OnInactivity(minute), now), Some(Duration::from_secs(60)));
        assert_eq!(lifetime(Expiry::AtDateTime(now + minute), now), Some(Duration::from_secs(60)));
        assert_eq!(lifetime(Expiry::AtDateTime(now - minute), now), Some(Duration::ZERO));
    }
}
