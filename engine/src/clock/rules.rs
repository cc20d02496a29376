//! What is asked of the wall clock (`runs.md` 7): that it does not step back unnoticed, and that it is right before anything that
//! cannot be undone.
//!
//! Must not: read a clock.

use jiff::{SignedDuration, Timestamp};

use crate::backend::BackendError;
use crate::text::Text;

/// A step back that is not worth an event.
const STEP_BACK: SignedDuration = SignedDuration::from_secs(2);
/// The wall clock may be so far from a portal's `Date`.
const PORTAL_SKEW: SignedDuration = SignedDuration::from_mins(5);
/// No run happens before this program was written.
const BUILT: &str = "2026-11-01T00:00:00Z";

/// By how many milliseconds the wall clock is behind the last event, if that is worth an event.
pub fn stepped_back(last: Option<Timestamp>, wall: Timestamp) -> Option<i64> {
    let back = last?.duration_since(wall);
    (back > STEP_BACK).then(|| i64::try_from(back.as_millis()).unwrap_or(i64::MAX))
}

/// Whether the wall clock may be believed: it is later than this program, not behind the last event, and near the portal's clock
/// where one was read.
///
/// # Errors
/// `CLOCK.WRONG`.
pub fn is_right(wall: Timestamp, last: Option<Timestamp>, portal: Option<Timestamp>) -> Result<(), BackendError> {
    let wrong = |ja: String, en: String| Err(BackendError::new("CLOCK.WRONG", Text::new(ja, en)));
    if BUILT.parse::<Timestamp>().is_ok_and(|built| wall < built) {
        return wrong(format!("この端末の時計 {wall} は、このプログラムより古い日付です。"), format!("the clock says {wall}, before this program was built."));
    }
    if stepped_back(last, wall).is_some() {
        return wrong(format!("この端末の時計 {wall} は、記録の最後より前です。"), format!("the clock says {wall}, before the last event of the run."));
    }
    match portal {
        Some(date) if wall.duration_since(date).abs() > PORTAL_SKEW => wrong(
            format!("この端末の時計 {wall} とサイトの時計 {date} が5分以上違います。"),
            format!("the clock says {wall}, the portal {date}: more than 5 minutes apart."),
        ),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap_or_default()
    }

    fn why(wall: &str, last: Option<&str>, portal: Option<&str>) -> Option<String> {
        is_right(at(wall), last.map(at), portal.map(at)).err().map(|error| format!("{} {}", error.code, error.cause.ja))
    }

    const NOW: &str = "2026-11-23T01:00:00Z";

    #[test]
    fn a_step_back_of_up_to_two_seconds_is_no_event() {
        assert_eq!(stepped_back(None, at(NOW)), None);
        assert_eq!(stepped_back(Some(at("2026-11-23T01:00:02Z")), at(NOW)), None);
        assert_eq!(stepped_back(Some(at("2026-11-23T01:00:02.001Z")), at(NOW)), Some(2_001));
        assert_eq!(stepped_back(Some(at("2026-11-23T00:00:00Z")), at(NOW)), None, "forward is no step back");
    }

    #[test]
    fn each_rule_by_itself() {
        assert_eq!(why(NOW, None, None), None);
        assert!(why("2026-10-31T23:59:59Z", None, None).is_some_and(|why| why.contains("このプログラムより古い")));
        assert_eq!(why("2026-11-01T00:00:00Z", None, None), None);
        assert_eq!(why(NOW, Some("2026-11-23T01:00:02Z"), None), None);
        assert!(why(NOW, Some("2026-11-23T01:00:03Z"), None).is_some_and(|why| why.starts_with("CLOCK.WRONG") && why.contains("記録の最後より前")));
        for near in ["2026-11-23T00:55:00Z", "2026-11-23T01:05:00Z"] {
            assert_eq!(why(NOW, None, Some(near)), None);
        }
        for far in ["2026-11-23T00:54:59Z", "2026-11-23T01:05:01Z"] {
            assert!(why(NOW, None, Some(far)).is_some_and(|why| why.contains("サイトの時計")));
        }
    }
}
