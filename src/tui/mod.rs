//! The dashboard: what `nightkeep` without a command shows on a terminal.
//!
//! A pure part and a rim. What is known ([`model`]) and what the person chose ([`ui`]) give a frame ([`view`]); a key, a
//! click or a word of the palette means an [`intent::Intent`], which [`update`] turns into changes of the ui and into
//! [`intent::Ask`]s. The rim ([`mod@run`], [`feed`]) owns the terminal, the daemon's API and the time; it performs what is
//! asked and hands in what comes of it as [`model::News`].
//!
//! A new view is a file with a [`view::Page`] and a line in [`ui::View`] or [`ui::Tab`].

pub mod alone;
pub mod cast;
pub mod cells;
pub mod feed;
pub mod intent;
pub mod keys;
pub mod live;
pub mod logpage;
pub mod lookup;
pub mod marks;
pub mod model;
pub mod pane;
pub mod player;
pub mod run;
pub mod shown;
pub mod theme;
pub mod times;
pub mod ui;
pub mod update;
pub mod view;

pub use run::{Outside, Setup, run};
