//! Hostile inputs with their outcomes.

pub(crate) mod pages;
