//! Serves one camera of the bench until the program is ended, for experiments.

use std::{env, process::ExitCode, sync::Arc};

use anyhow::Context;
use easysight_cameras::{Media, rows};

fn main() -> anyhow::Result<ExitCode> {
    let wanted = env::args().nth(1);
    let rows = rows::all();
    let Some(row) = rows.iter().find(|row| wanted.as_deref() == Some(row.name)) else {
        for row in rows {
            eprintln!("{:24} {}", row.name, row.does.en);
        }
        eprintln!("\nPass the name of the camera to serve.");
        return Ok(ExitCode::from(2));
    };
    let media = Arc::new(Media::make()?);
    let runtime = tokio::runtime::Runtime::new().context("the runtime does not start")?;
    runtime.block_on(async {
        let camera = row.start(&media).await?;
        println!("{}", camera.url);
        tokio::signal::ctrl_c().await?;
        Ok(ExitCode::SUCCESS)
    })
}
