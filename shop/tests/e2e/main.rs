//! The shop from its door: a real socket, real requests, and everything that a visitor can see.

mod account;
mod admin;
mod browser;
mod caching;
mod cart;
mod devices;
mod expiry;
mod forgery;
mod live;
mod nodes;
mod pages;
mod preferences;
mod problems;
mod program;
mod staff;
mod support;
mod tabs;
mod transcript;
