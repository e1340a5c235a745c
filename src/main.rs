//! The program: the recorder, which must start quickly and stay small, before anything else.

use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    let first: [_; 4] = std::array::from_fn(|_| arguments.next());
    if let [Some(exec), Some(run), Some(dir), None] = &first
        && exec == "exec"
        && run == "--run"
    {
        return nightkeep::shim::run(Path::new(dir));
    }
    nightkeep::cli::main()
}
