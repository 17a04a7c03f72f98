use crate::Failure;
use crate::args::{Options, Part};
use crate::load::{Load, Setting};
use crate::process::Node;

use super::place::{Kind, Place};

/// With fewer, a server whose database is slow would have nothing to do.
const CLIENTS: usize = 128;
const VISITORS: usize = 100;

/// The shop without the cache and with it, each with a load of its own, on one database.
pub(super) struct Stage {
    pub(super) kind: Kind,
    pub(super) delay: u64,
    /// Without first.
    pub(super) sides: [Side; 2],
}

pub(super) struct Side {
    pub(super) name: &'static str,
    pub(super) load: Load,
    _node: Node,
}

impl Stage {
    pub(super) fn set(place: &Place, kind: Kind, delay: u64, options: &Options) -> Result<Self, Failure> {
        let side = |name, cached| -> Result<Side, Failure> {
            let node = Node::start(Part::Shop, &place.plan(kind, delay, cached))?;
            let setting =
                Setting { nodes: vec![node.address], sessions: VISITORS, clients: CLIENTS, seed: options.seed };
            Ok(Side { name, load: Load::start(&setting)?, _node: node })
        };
        Ok(Self { kind, delay, sides: [side("without", false)?, side("with", true)?] })
    }

    pub(super) fn describe(&self) -> String {
        format!("{}, {} ms", self.kind.what(), self.delay)
    }

    pub(super) fn bytes(&mut self) -> Result<u64, Failure> {
        self.sides[1].load.number("GET /bytes")
    }
}

impl Side {
    /// How many queries the database was asked so far.
    pub(super) fn queries(&mut self) -> Result<u64, Failure> {
        self.load.number("GET /queries")
    }
}
