//! Tests of the inspector as a whole: bytes in, findings out.

mod captures;
mod hostile;
mod program;
mod support;
mod violations;
