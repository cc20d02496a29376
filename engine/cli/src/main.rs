//! `kirikae`: the command line.
//!
//! May use: everything. What people read is written here and nowhere else; what is decided is decided in the engine.

mod app;
mod commands;
mod exit;
mod failure;
mod globals;
mod job;
mod library;
mod person;
mod render;
mod secrets;
mod site;
mod state;
mod walk;

fn main() -> std::process::ExitCode {
    app::main()
}
