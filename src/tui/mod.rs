//! stub
pub mod cast;
pub mod marks;
pub mod pane;
pub mod player;
pub mod scan;
pub mod times;
