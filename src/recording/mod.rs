//! The recorder's files: the one source of truth about an attempt. The shim writes them, everybody else reads them.
//!
//! `logs/runs/<session>/<run>.<attempt>/` holds `spec.json` (what to run, mode 0600), `events.jsonl` (what happened) and
//! `lock` (held while the recorder lives). The raw bytes stand in `logs/output/<session>/<run>.<attempt>.log`, their
//! time index beside it in `.idx`. All formats carry a version; every version ever released stays readable.

pub mod events;
pub mod index;
pub mod socket;
pub mod spec;
