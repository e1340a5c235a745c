//! nights
