//! The types that hold keys or need them, in a build without the feature `keys`. They have no
//! values, so that the compiler removes the code that would use them.

use std::convert::Infallible;
use std::marker::PhantomData;

use crate::sync::Arc;

#[derive(Clone, Copy, Debug)]
pub(crate) enum KeyRing {}

#[derive(Clone, Copy, Debug)]
pub(crate) enum ActiveKeyRing {}

#[derive(Clone, Copy, Debug)]
pub(crate) struct FollowsRing<D>(Infallible, PhantomData<D>);

#[derive(Clone, Copy, Debug)]
pub(crate) enum SealPolicy {}

impl KeyRing {
    pub(crate) const fn log_key(&self) -> [u8; 16] {
        match *self {}
    }
}

impl ActiveKeyRing {
    pub(crate) const fn new(ring: KeyRing) -> Self {
        match ring {}
    }

    pub(crate) fn derive<D>(&self, _: impl Fn(&KeyRing) -> D) -> Arc<FollowsRing<D>> {
        match *self {}
    }
}

impl<D> FollowsRing<D> {
    pub(crate) const fn get(&self) -> Arc<D> {
        match self.0 {}
    }
}
