//! Invalid configurations, each with the field and the remedy that its error must name.

use std::time::Duration;

use cloakroom_redis::{RedisStore, RedisStoreBuilder};

/// Part of many addresses, but never of an error.
pub(crate) const PASSWORD: &str = "open-sesame";

/// One invalid address: the reason, the address, the field with which the error begins, and a word
/// of its remedy.
pub(crate) const ADDRESSES: &[(&str, &str, &str, &str)] = &[
    // The namespace, without which applications on one server share their sessions.
    ("no namespace", "redis://localhost/", "namespace", "?namespace="),
    ("a namespace as the path", "redis://localhost/shop", "namespace", "?namespace="),
    ("a misspelt namespace", "redis://localhost/?namespce=shop", "address", "`namespace`"),
    ("an empty namespace", "redis://localhost/?namespace=", "namespace", "a-z"),
    ("a namespace in upper case", "redis://localhost/?namespace=Shop", "namespace", "a-z"),
    ("a namespace with a space", "redis://localhost/?namespace=my%20shop", "namespace", "a-z"),
    ("a namespace with a colon", "redis://localhost/?namespace=shop:session", "namespace", "a-z"),
    ("a namespace that is a pattern", "redis://localhost/?namespace=*", "namespace", "a-z"),
    ("a namespace that is another pattern", "redis://localhost/?namespace=sho[p]", "namespace", "a-z"),
    ("a namespace with a brace", "redis://localhost/?namespace={shop}", "namespace", "a-z"),
    ("a namespace with a NUL", "redis://localhost/?namespace=shop%00", "namespace", "a-z"),
    ("a namespace with a line break", "redis://localhost/?namespace=shop%0d%0aFLUSHALL", "namespace", "a-z"),
    ("a namespace that is a path", "redis://localhost/?namespace=../shop", "namespace", "a-z"),
    ("a namespace of another alphabet", "redis://localhost/?namespace=%D1%95hop", "namespace", "a-z"),
    ("a namespace that is no UTF-8", "redis://localhost/?namespace=%ff%fe", "namespace", "a-z"),
    (
        "a namespace of 65 letters",
        "redis://localhost/?namespace=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        "namespace",
        "64",
    ),
    ("two namespaces", "redis://localhost/?namespace=shop&namespace=admin", "address", "once"),
    ("the same namespace twice", "redis://localhost/?namespace=shop&namespace=shop", "address", "once"),
    // Parameters that have no meaning.
    ("a parameter that does not exist", "redis://localhost/?namespace=shop&insecure=1", "address", "unknown"),
    ("a deadline in the address", "redis://localhost/?namespace=shop&timeout=5", "address", "unknown"),
    ("a password in the query", "redis://localhost/?namespace=shop&pass=open-sesame", "address", "unknown"),
    ("a master for one server", "redis://localhost/?namespace=shop&master=main", "address", "+sentinel"),
    // Schemes.
    ("no address at all", "", "address", ""),
    ("only a host", "localhost", "address", ""),
    ("a host and a port", "localhost:6379", "namespace", "redis://localhost"),
    ("HTTP", "http://localhost/?namespace=shop", "address", "redis"),
    ("a file", "file:///etc/passwd?namespace=shop", "address", "redis"),
    ("a topology that does not exist", "redis+ring://localhost/?namespace=shop", "address", "+cluster"),
    ("a topology without a scheme", "+cluster://localhost/?namespace=shop", "address", ""),
    ("two topologies", "redis+sentinel+cluster://localhost/?namespace=shop", "address", "+cluster"),
    ("sentinels without a master", "redis+sentinel://localhost/?namespace=shop", "address", "master="),
    ("sentinels with an empty master", "redis+sentinel://localhost/?namespace=shop&master=", "address", "master="),
    ("two masters", "redis+sentinel://localhost/?namespace=shop&master=a&master=b", "address", "once"),
    // Hosts, ports and databases.
    ("no host", "redis:///?namespace=shop", "address", ""),
    ("a user and no host", "redis://user:open-sesame@/?namespace=shop", "address", ""),
    ("any host", "redis://0.0.0.0/?namespace=shop", "address", ""),
    ("any host of IPv6", "redis://[::]/?namespace=shop", "address", ""),
    ("a port in words", "redis://:open-sesame@localhost:port/?namespace=shop", "address", "port"),
    ("a port beyond all", "redis://:open-sesame@localhost:99999/?namespace=shop", "address", "port"),
    ("a negative port", "redis://:open-sesame@localhost:-1/?namespace=shop", "address", "port"),
    ("a database in words", "redis://:open-sesame@localhost/main?namespace=shop", "address", "database"),
    ("a database beyond 64 bits", "redis://localhost/99999999999999999999?namespace=shop", "address", "database"),
    ("an address of IPv6 without its end", "redis://[::1/?namespace=shop", "address", ""),
    ("a password that is no UTF-8", "redis://:%ff@localhost/?namespace=shop", "address", "UTF-8"),
    // Plaintext connections to other machines (R61).
    ("another machine", "redis://:open-sesame@192.0.2.7/?namespace=shop", "address", "allow_plaintext"),
    ("another machine of IPv6", "redis://:open-sesame@[2001:db8::1]/?namespace=shop", "address", "allow_plaintext"),
    ("another machine by name", "redis://:open-sesame@redis.example/?namespace=shop", "address", "rediss://"),
    (
        "a name that begins like this machine's",
        "redis://localhost.example/?namespace=shop",
        "address",
        "allow_plaintext",
    ),
    ("a name that begins like its number", "redis://127.0.0.1.example/?namespace=shop", "address", "allow_plaintext"),
    ("this machine as the user", "redis://localhost@192.0.2.7/?namespace=shop", "address", "allow_plaintext"),
    ("this machine as the password", "redis://:localhost@192.0.2.7/?namespace=shop", "address", "allow_plaintext"),
    ("this machine behind the hash", "redis://192.0.2.7/?namespace=shop#@localhost/", "address", "allow_plaintext"),
    ("this machine's number in octal", "redis://0177.0.0.1/?namespace=shop", "address", "allow_plaintext"),
    ("this machine's number as one", "redis://2130706433/?namespace=shop", "address", "allow_plaintext"),
    ("another machine as IPv4 in IPv6", "redis://[::ffff:192.0.2.7]/?namespace=shop", "address", "allow_plaintext"),
    ("a cluster elsewhere", "redis+cluster://:open-sesame@192.0.2.7/?namespace=shop", "address", "allow_plaintext"),
    (
        "sentinels elsewhere",
        "redis+sentinel://:open-sesame@192.0.2.7/?namespace=shop&master=main",
        "address",
        "allow_plaintext",
    ),
    ("the other name of the protocol", "valkey://192.0.2.7/?namespace=shop", "address", "allow_plaintext"),
    // TLS without verification (R61).
    ("certificates unchecked", "rediss://:open-sesame@192.0.2.7/?namespace=shop#insecure", "address", ""),
    ("certificates unchecked, on this machine", "rediss://localhost/?namespace=shop#insecure", "address", ""),
    ("certificates of a cluster unchecked", "rediss+cluster://192.0.2.7/?namespace=shop#insecure", "address", ""),
];

/// One invalid builder: the reason, the builder, the fields that the error names, and a word of its
/// remedy.
pub(crate) type Builder = (&'static str, fn() -> RedisStoreBuilder, &'static [&'static str], &'static str);

fn local() -> RedisStoreBuilder {
    RedisStore::builder("shop").server("redis://localhost:1/")
}

pub(crate) const BUILDERS: &[Builder] = &[
    ("no server", || RedisStore::builder("shop"), &["address"], ".server("),
    ("a cluster of nobody", || RedisStore::builder("shop").cluster([""; 0]), &["address"], ".cluster("),
    ("no sentinels", || RedisStore::builder("shop").sentinels([""; 0], "main"), &["address"], ".sentinels("),
    ("an empty address", || RedisStore::builder("shop").server(""), &["address"], ""),
    ("no time at all", || local().deadline(Duration::ZERO), &["deadline"], "10ms"),
    ("a deadline of a millisecond", || local().deadline(Duration::from_millis(1)), &["deadline"], "10ms"),
    ("a deadline of an hour", || local().deadline(Duration::from_secs(3600)), &["deadline"], "60s"),
    ("an endless deadline", || local().deadline(Duration::MAX), &["deadline"], "60s"),
    ("no lease", || local().lease(Duration::ZERO), &["lease"], "100ms"),
    ("a lease too short to be renewed", || local().lease(Duration::from_millis(99)), &["lease"], "100ms"),
    ("a lease of a day", || local().lease(Duration::from_secs(86_400)), &["lease"], "60s"),
    ("an endless lease", || local().lease(Duration::MAX), &["lease"], "60s"),
    ("an empty namespace", || RedisStore::builder("").server("redis://localhost:1/"), &["namespace"], "a-z"),
    ("a pattern for a namespace", || RedisStore::builder("*").server("redis://localhost:1/"), &["namespace"], "a-z"),
    (
        "a cluster of which one server is elsewhere",
        || RedisStore::builder("shop").cluster(["redis://localhost:1/", "redis://192.0.2.7/"]),
        &["address"],
        "allow_plaintext",
    ),
    (
        "everything at once",
        || {
            let endless = Duration::MAX;
            RedisStore::builder("No").server("redis://:open-sesame@192.0.2.7/").deadline(endless).lease(endless)
        },
        &["namespace", "deadline", "lease", "address"],
        "allow_plaintext",
    ),
];
