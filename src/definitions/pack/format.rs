//! What writing and reading a pack have in common.

use flate2::Crc;

/// First line of a pack; the number is the version of the format.
pub const MAGIC: &[u8] = b"handoff-pack 2\n";

/// Small definitions share a block of about this size: they compress better together, and few are read alone.
pub(super) const BLOCK: usize = 24 * 1024;

/// The CRC-32 of the bytes.
pub(super) fn checksum(bytes: &[u8]) -> u32 {
    let mut crc = Crc::new();
    crc.update(bytes);
    crc.sum()
}
