//! An application that moves from `tower-sessions` and `axum-login` over SQLite, while its visitors
//! stay logged in: `shop.rs` does not change, and `after.rs` replaces `before.rs`.

pub mod after;
pub mod before;
pub mod shop;
