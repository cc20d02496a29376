//! Contract suites: what every backend of a port must do, whoever made it. A backend's own test runs its suite;
//! the tests of the table of built-in kinds see that none is left out.

pub mod folder;
pub mod store;
pub mod token;
