//! Tests of `cloakroom::transfer`: the contract during a transfer, and every order of its steps.

mod contract;
mod hooked;
mod moves;
mod orders;
