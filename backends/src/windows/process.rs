//! The process: whether it is elevated, and names that one process of the machine can hold.

use windows_sys::Win32::Foundation::{CloseHandle, ERROR_ACCESS_DENIED, ERROR_ALREADY_EXISTS, GetLastError, HANDLE};
use windows_sys::Win32::Security::{GetTokenInformation, TOKEN_ELEVATION, TOKEN_QUERY, TokenElevation};
use windows_sys::Win32::System::Threading::{CreateEventW, GetCurrentProcess, OpenProcessToken};

use super::{Refusal, wide};

/// Whether this process may do what administrators may.
pub(crate) fn is_elevated() -> bool {
    let mut token = std::ptr::null_mut();
    // SAFETY: the pseudo handle of this process needs no closing.
    if unsafe { OpenProcessToken(GetCurrentProcess(), TOKEN_QUERY, &raw mut token) } == 0 {
        return false;
    }
    let token = Handle(token);
    let mut elevation = TOKEN_ELEVATION { TokenIsElevated: 0 };
    let (mut size, room) = (0, u32::try_from(std::mem::size_of::<TOKEN_ELEVATION>()).unwrap_or(4));
    // SAFETY: the answer is this structure, and has room.
    let known = unsafe { GetTokenInformation(token.0, TokenElevation, (&raw mut elevation).cast(), room, &raw mut size) };
    known != 0 && elevation.TokenIsElevated != 0
}

/// A name that is held until it is dropped or the process ends, in whatever way. Unlike a mutex it is not the thread's.
pub(crate) struct Held {
    _event: Handle,
}

/// Holds `name`, all sessions of the machine counted; `None` if somebody has it.
pub(crate) fn hold(name: &str) -> Result<Option<Held>, Refusal> {
    let name = wide(&format!("Global\\{}", name.replace('\\', "/")));
    // SAFETY: the name ends with a zero.
    let event = unsafe { CreateEventW(std::ptr::null(), 0, 0, name.as_ptr()) };
    // SAFETY: reads a number of this thread, before any other call.
    let code = unsafe { GetLastError() };
    if event.is_null() {
        // Another account holds it and lets nobody else look.
        return if code == ERROR_ACCESS_DENIED { Ok(None) } else { Err(Refusal { call: "CreateEvent", code }) };
    }
    let event = Handle(event);
    Ok((code != ERROR_ALREADY_EXISTS).then_some(Held { _event: event }))
}

struct Handle(HANDLE);

impl Drop for Handle {
    fn drop(&mut self) {
        // SAFETY: opened by us, closed once.
        unsafe { CloseHandle(self.0) };
    }
}
