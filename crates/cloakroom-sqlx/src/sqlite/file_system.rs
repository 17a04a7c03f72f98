//! The file system of a file: its free space, and whether it is a network file system, on which
//! SQLite's locks and shared memory cannot be relied on.

use std::path::Path;

/// The name of the network file system that `path` is on. `None` if it is local, or unknown.
#[cfg(target_os = "linux")]
pub(super) fn network(path: &Path) -> Option<&'static str> {
    // The numbers have 32 bits, whatever the type of the field is on a machine.
    rustix::fs::statfs(path).ok().and_then(|found| name(found.f_type as u32))
}

#[cfg(not(target_os = "linux"))]
pub(super) fn network(_path: &Path) -> Option<&'static str> {
    None
}

/// The bytes that this user may still write. `None` if they are not known.
#[cfg(target_os = "linux")]
pub(super) fn free_space(path: &Path) -> Option<u64> {
    let found = rustix::fs::statvfs(path).ok()?;
    Some(found.f_bavail.saturating_mul(found.f_frsize))
}

#[cfg(not(target_os = "linux"))]
pub(super) fn free_space(_path: &Path) -> Option<u64> {
    None
}

/// Not FUSE, which is also how local disks are mounted.
#[cfg(target_os = "linux")]
const fn name(magic: u32) -> Option<&'static str> {
    match magic {
        0x6969 => Some("NFS"),
        0x517B | 0xFF53_4D42 | 0xFE53_4D42 => Some("SMB"),
        0x0102_1997 => Some("9P"),
        0x5346_414F | 0x6B41_4653 => Some("AFS"),
        0x00C3_6400 => Some("Ceph"),
        0x0BD0_0BD0 => Some("Lustre"),
        0x7461_636F => Some("OCFS2"),
        0x0116_1970 => Some("GFS2"),
        _ => None,
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn network_file_systems_are_recognised_and_local_ones_are_not() {
        for (magic, expected) in [(0x6969, "NFS"), (0xFF53_4D42, "SMB"), (0xFE53_4D42, "SMB"), (0x0102_1997, "9P")] {
            assert_eq!(name(magic), Some(expected));
        }
        for (magic, local) in [(0xEF53, "ext4"), (0x0102_1994, "tmpfs"), (0x5846_5342, "xfs"), (0x9123_683E, "btrfs")] {
            assert_eq!(name(magic), None, "{local}");
        }
        assert_eq!(network(&std::env::temp_dir()), None);
    }
}
