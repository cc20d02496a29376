//! The console of this process.

use windows_sys::Win32::System::Console::GetConsoleOutputCP;

/// The code page in which programs at this console are read (932 on Japanese Windows, 65001 for UTF-8); `None` without a console.
pub fn output_code_page() -> Option<u32> {
    // SAFETY: asks for a number.
    Some(unsafe { GetConsoleOutputCP() }).filter(|page| *page != 0)
}
