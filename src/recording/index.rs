//! The time index of a raw log: fixed frames of 24 bytes, little-endian: wall nanoseconds, offset, length (u64 each).
