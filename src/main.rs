//! The program: everything is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    // The recorder (`nightkeep exec --run DIR`) goes here, before anything else: no runtime, no command line parser.
    nightkeep::cli::main()
}
