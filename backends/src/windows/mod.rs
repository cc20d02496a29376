//! What Windows offers, behind safe functions: certificate stores, keys of both kinds (CNG and CryptoAPI), PFX, data protection,
//! the process and its console.
//!
//! The one module with unsafe code: every call is a C function of Windows. Handles close themselves; what is returned is owned.
//! May use: `windows-sys`. Must not: decide anything, choose error codes of the engine, let Windows ask a person (every key is
//! taken silently).
#![allow(unsafe_code)]

pub(crate) mod capi;
pub(crate) mod cert;
pub(crate) mod cng;
pub mod console;
pub(crate) mod dpapi;
pub(crate) mod pfx;
pub(crate) mod process;

use std::fmt;

use windows_sys::Win32::Foundation::GetLastError;
use windows_sys::Win32::Security::Cryptography::CRYPT_INTEGER_BLOB;

/// A call that Windows refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// The function.
    pub call: &'static str,
    /// HRESULT, or a Win32 code.
    pub code: u32,
}

impl Refusal {
    /// What the calling thread's last call left behind.
    fn last(call: &'static str) -> Self {
        // SAFETY: reads a number of this thread.
        Self { call, code: unsafe { GetLastError() } }
    }

    /// The status that a function of CNG returned.
    fn status(call: &'static str, status: i32) -> Self {
        Self { call, code: u32::from_ne_bytes(status.to_ne_bytes()) }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} 0x{:08X}", self.call, self.code)
    }
}

/// `Ok` where a function that answers BOOL said yes.
fn yes(answer: i32, call: &'static str) -> Result<(), Refusal> {
    if answer == 0 { Err(Refusal::last(call)) } else { Ok(()) }
}

/// UTF-16 with its end, as Windows takes texts.
fn wide(text: &str) -> Vec<u16> {
    text.encode_utf16().chain([0]).collect()
}

/// The text at `pointer`, up to its end; empty for none.
///
/// # Safety
/// `pointer` is null or points to UTF-16 that ends with a zero.
unsafe fn text_at(pointer: *const u16) -> String {
    if pointer.is_null() {
        return String::new();
    }
    // SAFETY: the caller promises an end; nothing behind it is read.
    let units = unsafe { std::slice::from_raw_parts(pointer, (0..).take_while(|index| *pointer.add(*index) != 0).count()) };
    String::from_utf16_lossy(units)
}

/// Bytes as a blob that is only read. The blob must not outlive `bytes`.
fn blob(bytes: &[u8]) -> CRYPT_INTEGER_BLOB {
    CRYPT_INTEGER_BLOB { cbData: length(bytes), pbData: bytes.as_ptr().cast_mut() }
}

/// The length of what is handed to Windows: files of at most 16 MiB.
fn length(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).unwrap_or(u32::MAX)
}
