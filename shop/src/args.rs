//! The command line.

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;

/// A small shop that shows what a session-level cache does.
///
/// Every page begins with what the session cache has saved and a switch that turns it off for you,
/// and ends with a panel that shows where each answer came from.
#[derive(Clone, Debug, Parser)]
#[command(name = "cloakroom-shop", version, max_term_width = 100)]
pub struct Args {
    /// Port to listen on; 0 lets the system choose a free one.
    #[arg(long, default_value_t = 3000)]
    pub port: u16,

    /// Address to listen on. The demo's cookie has no `Secure`, so use it on this machine only.
    #[arg(long, default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    pub host: IpAddr,

    /// Folder for the SQLite files of the shop and of its sessions, created if missing; `:memory:`
    /// keeps nothing.
    #[arg(long, value_name = "DIR", default_value = "shop-data")]
    pub data: PathBuf,

    /// Begin without the session cache: read what a page needs to know about its visitor from the
    /// database on every request. Each visitor can switch it on.
    #[arg(long)]
    pub no_session_cache: bool,

    /// Keep the sessions in memory only. The end of the process then ends them.
    #[arg(long, conflicts_with_all = ["redis", "postgres"])]
    pub memory: bool,

    /// Store the sessions in this Redis or Valkey, such as redis://localhost:6379, and share them
    /// with other shops that use the same one and the same --data. The keys begin with `shop:`
    /// unless the address has another `?namespace=…`.
    #[arg(long, value_name = "URL")]
    pub redis: Option<String>,

    /// Store the sessions in this PostgreSQL, such as postgres://user:password@localhost/shop, and
    /// share them with other shops that use the same one and the same --data. The names of the
    /// tables begin with `cloakroom_`.
    #[arg(long, value_name = "URL", conflicts_with = "redis")]
    pub postgres: Option<String>,

    /// Name of this process on its pages, if there are several.
    #[arg(long, value_name = "NAME")]
    pub node: Option<String>,

    /// Delay every database query, as a database across a network would; 0ms turns it off, at most
    /// 10s.
    #[arg(long, value_name = "DURATION", default_value = "20ms", value_parser = delay)]
    pub database_delay: Duration,

    /// End sessions after one minute without a request, and after five minutes in any case, so that
    /// their end can be watched. Without it: 30 minutes and 24 hours.
    #[arg(long)]
    pub short_timeouts: bool,

    /// Serve the metrics of the sessions for Prometheus at /metrics on this port of this machine; 0
    /// lets the system choose a free one. Visitors of the shop cannot reach it.
    #[arg(long, value_name = "PORT")]
    pub metrics_port: Option<u16>,
}

fn delay(text: &str) -> Result<Duration, String> {
    let delay = humantime::parse_duration(text)
        .map_err(|error| format!("{error}; write a number and a unit, such as 100ms or 1s"))?;
    if delay > Duration::from_secs(10) {
        return Err("more than 10s would only time out; try 100ms".to_owned());
    }
    Ok(delay)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use clap::{CommandFactory, Parser};

    use super::Args;

    #[test]
    fn the_command_line_is_consistent() {
        Args::command().debug_assert();
    }

    #[test]
    fn sessions_are_in_one_place_and_the_error_names_both_flags() {
        let (memory, redis) = (["--memory"].as_slice(), ["--redis", "redis://localhost"].as_slice());
        let postgres = ["--postgres", "postgres://localhost/shop"].as_slice();
        for (first, second) in [(memory, redis), (memory, postgres), (redis, postgres)] {
            let line = [&["shop"], first, second].concat();
            let error = Args::try_parse_from(line).expect_err("two places").to_string();
            assert!(error.contains(first[0]) && error.contains(second[0]), "{error}");
        }
    }

    #[test]
    fn the_delay_is_read_with_its_unit() {
        let args = Args::try_parse_from(["shop", "--database-delay", "100ms"]).expect("a valid delay");
        assert_eq!(args.database_delay, Duration::from_millis(100));
        let args = Args::try_parse_from(["shop"]).expect("no option is needed");
        assert_eq!(args.database_delay, Duration::from_millis(20), "the pages and the README say so");
    }

    #[test]
    fn a_delay_without_a_unit_names_the_remedy() {
        let error = Args::try_parse_from(["shop", "--database-delay", "100"]).expect_err("the unit is missing");
        assert!(error.to_string().contains("such as 100ms or 1s"), "{error}");
        let error = Args::try_parse_from(["shop", "--database-delay", "1h"]).expect_err("too long");
        assert!(error.to_string().contains("try 100ms"), "{error}");
    }
}
