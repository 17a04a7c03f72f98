//! The shop from its door: a real socket, real requests, and everything that a visitor can see.

mod accessible;
mod account;
mod admin;
mod browser;
mod caching;
mod cart;
mod clocks;
mod devices;
mod expiry;
mod forgery;
mod live;
mod nodes;
mod pages;
mod preferences;
mod problems;
mod program;
mod session_cache;
mod staff;
mod support;
mod tabs;
mod transcript;
