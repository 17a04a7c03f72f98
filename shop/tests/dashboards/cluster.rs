//! Two shops over one Redis, and a Prometheus that scrapes them.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

use cloakroom_testbed::{Prometheus, Server};

/// The Prometheus is declared first, so that it ends before what it scrapes.
pub(crate) struct Cluster {
    pub(crate) prometheus: Prometheus,
    pub(crate) shops: Vec<ShopProcess>,
    pub(crate) redis: Server,
}

impl Cluster {
    /// Starts everything. Alerts fire as soon as their condition holds, whatever their `for` is.
    pub(crate) async fn start(program: &str, rules: &str) -> Self {
        let redis = Server::start().await.expect("redis-server is installed");
        let shops: Vec<_> = (0..2).map(|_| ShopProcess::start(program, &redis.url())).collect();
        let targets: Vec<_> = shops.iter().map(|shop| shop.metrics).collect();
        let prometheus = Prometheus::start("shop", &targets, &at_once(rules)).await.expect("prometheus is installed");
        Self { prometheus, shops, redis }
    }

    pub(crate) fn sites(&self) -> Vec<SocketAddr> {
        self.shops.iter().map(|shop| shop.site).collect()
    }
}

/// Leaves the time out for which a condition has to hold.
fn at_once(rules: &str) -> String {
    let rules = rules.lines().filter(|line| !line.trim_start().starts_with("for: "));
    rules.flat_map(|line| [line, "\n"]).collect()
}

/// A shop in a process of its own, which ends with this value.
pub(crate) struct ShopProcess {
    child: Child,
    site: SocketAddr,
    metrics: SocketAddr,
}

impl ShopProcess {
    fn start(program: &str, redis: &str) -> Self {
        let mut command = Command::new(program);
        command.args(["--port", "0", "--metrics-port", "0", "--data", ":memory:", "--redis", redis]);
        let mut child =
            command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("the shop's program starts");
        let output = child.stdout.take().expect("it is piped");
        let (mut site, mut metrics) = (None, None);
        // The metrics are on the last line.
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            site = site.or_else(|| port(&line, "The shop is open: http://localhost:", ""));
            metrics = port(&line, "Metrics: http://127.0.0.1:", "/metrics");
            if metrics.is_some() {
                break;
            }
        }
        let local =
            |port: Option<u16>| SocketAddr::from(([127, 0, 0, 1], port.expect("the shop prints its addresses")));
        Self { child, site: local(site), metrics: local(metrics) }
    }
}

impl Drop for ShopProcess {
    fn drop(&mut self) {
        let _ended_already = self.child.kill();
        let _ended_already = self.child.wait();
    }
}

fn port(line: &str, before: &str, after: &str) -> Option<u16> {
    line.strip_prefix(before)?.strip_suffix(after)?.parse().ok()
}
