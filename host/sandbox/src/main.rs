//! The compiling child as a separate program, for tests and for hosts that cannot start themselves again.

use std::process::ExitCode;

fn main() -> ExitCode {
    easysight_sandbox::compiler_main().unwrap_or_else(|| {
        eprintln!("EasySight's programs start this program to compile a plugin; do not run it by hand");
        ExitCode::from(2)
    })
}
