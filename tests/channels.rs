//! Channels against services of this test's own that behave like the real ones, well and badly: what each service sees,
//! and what is told when it does not go well.
#![expect(clippy::disallowed_methods, reason = "tests start the program under test")]

mod channels {
    mod cli;
    mod lab;
    mod mail;
    mod mail_server;
    mod programs;
    mod requests;
    mod secrets;
    mod service;
    mod trouble;
}
