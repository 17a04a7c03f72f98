//! What the overhead is measured of.

use crate::world::{Ask, Pick};

/// How many sessions "hot" is.
pub(super) const HOT: usize = 1000;

/// One kind of request.
pub(super) struct Row {
    /// Its name in the figures.
    pub(super) name: &'static str,
    pub(super) what: &'static str,
    pub(super) ask: Ask,
    pub(super) pick: Among,
    pub(super) crowd: Crowd,
    pub(super) layer: Placed,
}

/// Which of a population the requests come from.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Among {
    Nobody,
    One,
    Hot,
    All,
    /// Everybody once; the population is made anew for every run.
    Each,
}

/// Who is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Crowd {
    /// A million sessions with the guide's cart.
    Carts,
    /// A million sessions with the compact cart.
    Compacts,
    /// A thousand sessions with preferences.
    Preferences,
    /// As many sessions as there are requests, with the guide's cart.
    Fresh,
    /// The same, packed because nobody asked for a while.
    Quiet,
}

/// Where the layer is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Placed {
    /// `Router::layer`, as the guide does it.
    Router,
    /// Around the router.
    Around,
    /// Nowhere: a layer that does nothing stands in its place.
    Nothing,
}

impl Among {
    pub(super) const fn pick(self, population: usize) -> Pick {
        match self {
            Self::Nobody => Pick::Nobody,
            Self::One => Pick::One,
            Self::Hot => Pick::Random(HOT),
            Self::All => Pick::Random(population),
            Self::Each => Pick::Each,
        }
    }
}

const fn row(name: &'static str, what: &'static str, ask: Ask, pick: Among, crowd: Crowd) -> Row {
    Row { name, what, ask, pick, crowd, layer: Placed::Router }
}

const IDLE: Ask = Ask::get("/idle");
const CART: Ask = Ask::get("/cart");
const COMPACT: Ask = Ask::get("/compact");

/// All kinds, in the order of the table.
pub(super) const ROWS: &[Row] = &[
    Row {
        layer: Placed::Nothing,
        ..row("no-op-layer", "a layer that does nothing (axum's own part)", IDLE, Among::One, Crowd::Carts)
    },
    row("untouched", "untouched, one session", IDLE, Among::One, Crowd::Carts),
    Row {
        layer: Placed::Around,
        ..row("untouched-around", "untouched, layer around the router", IDLE, Among::One, Crowd::Carts)
    },
    row("untouched-nobody", "untouched, no cookie of ours", IDLE, Among::Nobody, Crowd::Carts),
    row("untouched-random", "untouched, random among 1M", IDLE, Among::All, Crowd::Carts),
    row("read-one", "typed read, one session", CART, Among::One, Crowd::Carts),
    Row {
        layer: Placed::Around,
        ..row("read-around", "typed read, one session, layer around the router", CART, Among::One, Crowd::Carts)
    },
    row("read-hot", "typed read, 1000 sessions", CART, Among::Hot, Crowd::Carts),
    row("read-random", "typed read, random among 1M", CART, Among::All, Crowd::Carts),
    row("read-random-compact", "typed read, random among 1M, compact cart", COMPACT, Among::All, Crowd::Compacts),
    row("read-packed", "first typed read after a quiet time", CART, Among::Each, Crowd::Quiet),
    row("get-or-load", "get_or_load, a hit, 1000 sessions", Ask::get("/preferences"), Among::Hot, Crowd::Preferences),
    row("update-one", "update, one session", Ask::post("/cart/add"), Among::One, Crowd::Carts),
    row("update", "update, 1000 sessions", Ask::post("/cart/add"), Among::Hot, Crowd::Carts),
    row(
        "update-compact",
        "update, 1000 sessions, compact cart",
        Ask::post("/compact/add"),
        Among::Hot,
        Crowd::Compacts,
    ),
    row("update-random", "update, random among 1M", Ask::post("/cart/add"), Among::All, Crowd::Carts),
    row("create", "creation by a first write", Ask::post("/cart/new"), Among::Nobody, Crowd::Fresh),
    row("login", "login with the cart kept", Ask::post("/login"), Among::Each, Crowd::Fresh),
];
