//! How many calls that write somebody makes in a minute. Every person has a bucket that fills up steadily; it is kept in
//! memory, since a portal that begins anew does no harm by forgetting it.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use domain::id::UserId;
use domain::{Code, Error, ErrorKind};

use crate::ControlPlane;
use crate::caller::CallerUser;

/// What one call takes from a bucket, so that a bucket gains its calls of a minute in each millisecond.
const CALL: u64 = 60_000;
/// Buckets that are kept; beyond it the full ones are dropped, which are as good as new ones.
const BUCKETS_MAX: usize = 4_096;

struct Bucket {
    content: u64,
    at_ms: i64,
}

/// Everybody's bucket.
#[derive(Default)]
pub struct Calls(Mutex<HashMap<UserId, Bucket>>);

impl Calls {
    fn buckets(&self) -> MutexGuard<'_, HashMap<UserId, Bucket>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many calls somebody may make right now.
    pub(super) fn left(&self, user: &UserId, each_minute: u32, now_ms: i64) -> u32 {
        let content = self.buckets().get(user).map(|bucket| filled(bucket, each_minute, now_ms));
        let calls = content.unwrap_or_else(|| full(each_minute)) / CALL;
        u32::try_from(calls).unwrap_or(u32::MAX)
    }

    /// Counts a call.
    ///
    /// # Errors
    /// Seconds until the next one.
    fn take(&self, user: &UserId, each_minute: u32, now_ms: i64) -> Result<(), u64> {
        let mut buckets = self.buckets();
        if buckets.len() >= BUCKETS_MAX && !buckets.contains_key(user) {
            // Whoever has made no call for a minute has a full bucket.
            buckets.retain(|_, bucket| now_ms.saturating_sub(bucket.at_ms) < 60_000);
        }
        let bucket =
            buckets.entry(user.clone()).or_insert(Bucket { content: full(each_minute), at_ms: now_ms });
        let content = filled(bucket, each_minute, now_ms);
        let left = content.checked_sub(CALL);
        (bucket.content, bucket.at_ms) = (left.unwrap_or(content), now_ms);
        match left {
            Some(_) => Ok(()),
            None => {
                let missing_ms = (CALL - content).div_ceil(u64::from(each_minute.max(1)));
                Err(missing_ms.div_ceil(1_000))
            }
        }
    }
}

fn full(each_minute: u32) -> u64 {
    u64::from(each_minute) * CALL
}

/// What is in a bucket by now. A clock that was set back fills nothing.
fn filled(bucket: &Bucket, each_minute: u32, now_ms: i64) -> u64 {
    let since_ms = u64::try_from(now_ms.saturating_sub(bucket.at_ms)).unwrap_or(0);
    let gained = since_ms.saturating_mul(u64::from(each_minute));
    bucket.content.saturating_add(gained).min(full(each_minute))
}

impl ControlPlane {
    /// Counts a call that writes.
    ///
    /// # Errors
    /// [`Code::QuotaInvocations`] if the caller has made as many as they may, with the seconds until the next.
    pub(crate) async fn count_call(&self, user: &CallerUser) -> Result<(), Error> {
        let quota = self.quota_of(&user.id, user.role).await?;
        let Some(max) = quota.invocations_per_minute else { return Ok(()) };
        self.calls.take(&user.id, max, self.services.clock.now_ms()).map_err(|seconds| {
            Error::new(ErrorKind::Forbidden, Code::QuotaInvocations).with("max", max).with("seconds", seconds)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_empties_with_calls_and_fills_with_time() {
        let (calls, uma) = (Calls::default(), UserId::new("uma"));
        assert_eq!(calls.left(&uma, 3, 0), 3);
        for left in [2, 1, 0] {
            assert_eq!(calls.take(&uma, 3, 0), Ok(()));
            assert_eq!(calls.left(&uma, 3, 0), left);
        }
        // Three a minute are one in twenty seconds.
        assert_eq!(calls.take(&uma, 3, 0), Err(20));
        assert_eq!(calls.take(&uma, 3, 19_000), Err(1));
        assert_eq!(calls.take(&uma, 3, 20_000), Ok(()));
        assert_eq!(calls.left(&uma, 3, 20_000), 0);
        assert_eq!(calls.left(&uma, 3, 10_000_000), 3, "it holds no more than a minute's");
        assert_eq!(calls.take(&uma, 3, 0), Err(20), "a clock that was set back fills nothing");
        assert_eq!(calls.left(&UserId::new("eve"), 3, 0), 3, "everybody has a bucket of their own");
    }

    #[test]
    fn whoever_may_not_call_at_all_is_refused_and_not_divided_by() {
        assert_eq!(Calls::default().take(&UserId::new("uma"), 0, 0), Err(60));
    }
}
