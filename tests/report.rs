//! The morning report and the status document, from journals and states made by hand.

#[path = "report/builder.rs"]
mod builder;
#[path = "report/claims.rs"]
mod claims;
#[path = "report/hostile.rs"]
mod hostile;
#[path = "report/html.rs"]
mod html;
#[path = "report/morning.rs"]
mod morning;
#[path = "report/nights.rs"]
mod nights;
#[path = "report/ordinary.rs"]
mod ordinary;
#[path = "report/status.rs"]
mod status;
#[path = "report/timeline.rs"]
mod timeline;
#[path = "report/totals.rs"]
mod totals;
