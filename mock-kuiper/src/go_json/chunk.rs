//! Looks at many bytes of a text at once.
//!
//! It names the vectors: the released executables are optimized for size, for which the
//! compiler makes no vectors of a loop over bytes.

use wide::u8x16;

/// How many bytes are looked at together.
pub(super) const CHUNK: usize = 64;

/// Whether a chunk has a byte that `is_special` finds in its vector.
#[inline]
pub(super) fn any(chunk: &[u8; CHUNK], is_special: impl Fn(u8x16) -> u8x16) -> bool {
    let (vectors, _) = chunk.as_chunks();
    let mut found = u8x16::ZERO;
    for vector in vectors {
        found |= is_special(u8x16::new(*vector));
    }
    found.any()
}

/// Finds control characters, those below U+0020.
#[inline]
pub(super) fn controls(vector: u8x16) -> u8x16 {
    // There is no comparison of unsigned bytes, but a minimum.
    vector.min(const { each(b' ' - 1) }).simd_eq(vector)
}

/// Finds a byte, of which [`each`] makes a vector.
#[inline]
pub(super) fn equal(vector: u8x16, byte: u8x16) -> u8x16 {
    vector.simd_eq(byte)
}

/// Returns a vector of one byte. In a constant, it costs nothing if nothing is optimized.
pub(super) const fn each(byte: u8) -> u8x16 {
    u8x16::new([byte; 16])
}
