//! Contract suites: what every backend of a port must do, whoever made it. A backend's own test runs its suite.

pub mod token;
