//! The program: the recorder and the hook, which must start quickly and stay small, before anything else.

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
    if let [Some(hook), Some(file), None, None] = &first
        && hook == "hook"
        && !file.is_empty()
    {
        return nightkeep::shim::hook::run(Path::new(file));
    }
    nightkeep::cli::main()
}
