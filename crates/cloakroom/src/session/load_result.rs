use std::error::Error;

/// The output of a loader: a [`Result`] with the value, or with any error that can be boxed.
///
/// A loader that cannot fail returns `Ok::<_, std::convert::Infallible>(value)`.
#[diagnostic::on_unimplemented(
    message = "a loader returns a `Result`, and this one returns `{Self}`",
    label = "its loader returns `{Self}`",
    note = "if the loader cannot fail, let it return `Ok::<_, std::convert::Infallible>(value)`",
    note = "the error of the `Result` is an `Error + Send + Sync`, a text, or a box of one"
)]
pub trait LoadResult<V>: sealed::Sealed {
    /// Returns the value, or the error in a box.
    #[doc(hidden)]
    fn boxed(self) -> Result<V, Box<dyn Error + Send + Sync>>;
}

impl<V, E: Into<Box<dyn Error + Send + Sync>>> LoadResult<V> for Result<V, E> {
    fn boxed(self) -> Result<V, Box<dyn Error + Send + Sync>> {
        self.map_err(Into::into)
    }
}

mod sealed {
    pub trait Sealed {}
    impl<V, E> Sealed for Result<V, E> {}
}
