//! The compiling child as a separate program, for tests and for hosts that cannot start themselves again.

use std::process::ExitCode;

fn main() -> ExitCode {
    easysight_sandbox::compiler_main().unwrap_or_else(|| {
        eprintln!("started by EasySight's programs to compile a plugin; there is nothing to do by hand");
        ExitCode::from(2)
    })
}
