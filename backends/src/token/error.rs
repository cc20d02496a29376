//! What tokens say when something is wrong.
//!
//! May use: error values. Must not: touch a device; hold a PIN.

use kirikae_engine::backend::BackendError;
use kirikae_engine::text::Text;

/// No token of this serial is there.
pub(super) fn absent(serial: &str) -> BackendError {
    BackendError::new("TOKEN.ABSENT", Text::new(format!("USBキー {serial} が挿さっていません。"), format!("token {serial} is not inserted.")))
}

/// The device refused the PIN.
pub(super) fn incorrect(serial: &str) -> BackendError {
    BackendError::new("PIN.INCORRECT", Text::new(format!("USBキー {serial} の PIN が違います。"), format!("the PIN of token {serial} is wrong.")))
}

/// The device takes no PIN any more.
pub(super) fn locked(serial: &str) -> BackendError {
    BackendError::new("PIN.LOCKED", Text::new(format!("USBキー {serial} の PIN はロックされています。"), format!("the PIN of token {serial} is locked.")))
}

/// The device, or what drives it, failed.
pub(super) fn failed(ja: impl Into<String>, en: impl Into<String>) -> BackendError {
    BackendError::new("TOKEN.FAILED", Text::new(ja, en))
}

/// No certificate on the token has this thumbprint.
pub(super) fn gone(serial: &str, thumbprint: &str) -> BackendError {
    BackendError::new(
        "CERT.GONE",
        Text::new(
            format!("USBキー {serial} に拇印 {thumbprint} の証明書がありません。"),
            format!("token {serial} has no certificate with thumbprint {thumbprint}."),
        ),
    )
}

/// The key of a certificate does not sign.
pub(super) fn unusable(ja: impl Into<String>, en: impl Into<String>) -> BackendError {
    BackendError::new("KEY.UNUSABLE", Text::new(ja, en))
}

/// The site file describes the token in a way that leads nowhere.
pub(super) fn settings(ja: impl Into<String>, en: impl Into<String>) -> BackendError {
    BackendError::new("TOKEN.SETTINGS", Text::new(ja, en))
}

/// What can be written as `module`.
pub(super) fn known_modules(names: &[&str]) -> Text {
    let names = names.join(", ");
    Text::new(
        format!("module: には、ドライバーの場所(絶対パス)か、次の名前を書きます: {names}"),
        format!("`module:` takes the driver's absolute path or one of these names: {names}."),
    )
}
