//! Placeholder of bodies that follow.
use super::{Inputs, Outputs, ReadAction, ReadCx};
use crate::backend::BackendError;
use crate::text::Text;

pub(super) struct Later;

impl ReadAction for Later {
    fn read(&self, _cx: &ReadCx<'_>, _inputs: &Inputs) -> Result<Outputs, BackendError> {
        Err(BackendError::new("BACKEND.UNSUPPORTED", Text::default()))
    }
}
